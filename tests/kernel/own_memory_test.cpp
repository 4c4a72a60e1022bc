// A chip's own memory domain in place of npusim's.
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/kernel/toy.h"
#include "tests/program/draft.h"

using namespace npusim;
using namespace npusim::kernel;
using namespace npusim::kernel::test;

namespace {

constexpr std::int64_t kBytesPerCycle = 10;

/// A pipe of 10 bytes a cycle that all transfers under way share evenly: a new one pushes back the ends of
/// those before. Works cycle by cycle.
class SharedPipe : public mem::MemoryDomain {
 public:
  explicit SharedPipe(const mem::MemorySpec& spec) : ports_(spec.ports.size()) {}

  void start(std::size_t port, std::span<const program::Region> runs, Cycles at) override {
    std::int64_t bytes = 0;
    for (const auto& run : runs) bytes += run.total_bytes();
    ports_[port].push_back({at.count(), bytes, std::max<std::int64_t>(bytes, 1)});
    ++counters_.requests;
  }

  std::optional<mem::Completion> next_completion(Cycles horizon) override {
    while (finished_.empty()) {
      const std::int64_t next = next_work();
      if (next < 0 || next > horizon.count()) return std::nullopt;
      work(next);
    }
    const mem::Completion done = finished_.front();
    if (done.end > horizon) return std::nullopt;
    finished_.pop_front();
    return done;
  }

  void reset() override {
    for (auto& port : ports_) port.clear();
    finished_.clear();
    counters_ = {};
    time_ = 0;
  }
  [[nodiscard]] const mem::MemoryCounters& counters() const override { return counters_; }

 private:
  struct Transfer {
    std::int64_t at = 0;
    std::int64_t bytes = 0;
    std::int64_t left = 0;
    std::int64_t begun = -1;  ///< at the head of its port since
  };

  /// The next cycle in which anything moves, -1 for none.
  [[nodiscard]] std::int64_t next_work() const {
    std::int64_t next = -1;
    for (const auto& port : ports_) {
      if (port.empty()) continue;
      const std::int64_t own = std::max(time_, port.front().at) + 1;
      if (next < 0 || own < next) next = own;
    }
    return next;
  }

  void work(std::int64_t now) {
    time_ = now;
    std::int64_t active = 0;
    for (const auto& port : ports_) active += !port.empty() && port.front().at < now ? 1 : 0;
    const std::int64_t share = std::max<std::int64_t>(1, kBytesPerCycle / active);
    for (std::size_t p = 0; p < ports_.size(); ++p) {
      if (ports_[p].empty() || ports_[p].front().at >= now) continue;
      Transfer& head = ports_[p].front();
      if (head.begun < 0) head.begun = now - 1;
      head.left -= share;
      if (head.left > 0) continue;
      mem::Completion done;
      done.port = p;
      done.start = Cycles(head.begun);
      done.release = done.end = Cycles(now);
      done.ideal = Cycles((head.bytes + kBytesPerCycle - 1) / kBytesPerCycle);
      done.bytes = done.dram_bytes = head.bytes;
      (p == 0 ? counters_.dram_read_bytes : counters_.dram_write_bytes) += head.bytes;
      finished_.push_back(done);
      ports_[p].pop_front();
    }
  }

  std::vector<std::deque<Transfer>> ports_;
  std::deque<mem::Completion> finished_;
  mem::MemoryCounters counters_;
  std::int64_t time_ = 0;
};

void use_pipe(MachineSpec& spec) {
  spec.memory.make = [](const mem::MemorySpec& memory) { return std::make_unique<SharedPipe>(memory); };
}

}  // namespace

TEST_CASE("1,000 bytes through a pipe of 10 bytes a cycle take 100 cycles in the chip's own memory") {
  Toy toy;
  use_pipe(toy.spec());
  Script script(toy);
  script.task("t", 7).move(kLoad, 0, 1000, {{}, {0}}).work(kA, 5, {{0}, {}});
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(result.total_cycles == 7 + 100 + toy.spec().flag_latency + 5);
    CHECK(result.layers[0].dram_read_bytes == 1000);
    CHECK(result.memory.dram_read_bytes == 1000);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("a transfer that starts at cycle 53 pushes back the end of one under way from 100 to 147") {
  Toy toy;
  use_pipe(toy.spec());
  Script script(toy);
  script.task("t").move(kLoad, 0, 1000).work(kA, 50, {{}, {0}}).move(kStore, 4096, 5000, {{0}, {}});
  for (const auto kind : kKinds) {
    const auto result = run(toy, script.done(), kind);
    CHECK(span_of(result, 2).start == 53);
    // 530 bytes alone, 470 at half the rate.
    CHECK(span_of(result, 0).end == 53 + 94);
    CHECK(result.total_cycles == 147 + (5000 - 470) / 10);
    CHECK(sums_fault(result).empty());
  }
}

TEST_CASE("150 random pipelines take the same cycles on both kernels with transfers that delay one another") {
  Rng rng(77);
  for (int i = 0; i < 150; ++i) {
    const program::Target target = program::test::random_target(rng);
    const program::Program program = program::test::random_pipeline(target, rng);
    MachineSpec spec = machine_for(target);
    use_pipe(spec);
    INFO("program " << i << "\n" << program::print(program));
    Machine ahead(target, spec, KernelKind::run_ahead);
    Machine stepped(target, spec, KernelKind::systemc);
    const auto result = ahead.run(program, {.spans = true});
    REQUIRE(to_text(result) == to_text(stepped.run(program, {.spans = true})));
    REQUIRE(to_text(result) == to_text(ahead.run(program, {.spans = true})));
    REQUIRE(to_text(result) == to_text(stepped.run(program, {.spans = true})));
    REQUIRE(sums_fault(result) == "");
  }
}
