// The proof that a program is sound: structure, then one abstract execution under vector clocks.
#include "sim/program/access_history.h"
#include "sim/program/order.h"
#include "sim/program/program.h"
#include "sim/program/structure.h"
#include "sim/program/tensors.h"

namespace npusim::program {

namespace {

class Verifier {
 public:
  explicit Verifier(const Program& program)
      : program_(program), order_(program), history_(program), tensors_(program) {}

  void run() {
    const auto& tasks = program_.tasks;
    for (std::size_t first = 0; first < tasks.size();) {
      std::size_t end = first + 1;
      while (end < tasks.size() && tasks[end].joined) ++end;
      play_segment(static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end));
      first = end;
    }
    tensors_.finish();
  }

 private:
  void play_segment(std::uint32_t first, std::uint32_t end) {
    const Task& last = program_.tasks[end - 1];
    order_.begin_segment(program_.tasks[first].first_command, last.first_command + last.command_count);
    history_.begin_segment();
    tensors_.begin_segment(first, end);
    while (const auto index = order_.start_next()) {
      access(*index, false);  // a command reads before it writes
      access(*index, true);
      order_.complete();
    }
    order_.end_segment();
    tensors_.end_segment();
  }

  void access(std::size_t command, bool write) {
    const auto regions = program_.regions_of(program_.commands[command]);
    for (std::size_t i = 0; i < regions.size(); ++i) {
      if (regions[i].write != write) continue;
      const Home home = tensors_.home_of(command, i);
      if (home != kNoBuffer) tensors_.access(regions[i], home, order_);
      if (home == kNoBuffer || tensors_.shared(home)) history_.access(regions[i], home, order_);
    }
  }

  const Program& program_;
  Order order_;
  AccessHistory history_;
  Tensors tensors_;
};

}  // namespace

// Queue depths are the machine's: a dispatcher that stops at a full queue can deadlock a program that is
// sound here. The machine reports that deadlock itself.
void verify(const Program& program) {
  verify_structure(program);
  Verifier(program).run();
}

}  // namespace npusim::program
