// The proof that a program is sound: structure, then one abstract execution under vector clocks.
#include "sim/program/order.h"
#include "sim/program/program.h"
#include "sim/program/scratchpad.h"
#include "sim/program/structure.h"
#include "sim/program/tensors.h"

namespace npusim::program {

// Queue depths are the machine's: a dispatcher that stops at a full queue can deadlock a program that is
// sound here. The machine reports that deadlock itself.
void verify(const Program& program) {
  verify_structure(program);
  Order order(program);
  Scratchpads scratchpads(program);
  Tensors tensors(program);
  const auto access = [&](const Command& command, bool write) {
    for (const Region& region : program.regions_of(command)) {
      if (region.write != write) continue;
      if (program.target->spaces[region.space].global) {
        tensors.access(region, order);
      } else {
        scratchpads.access(region, order);
      }
    }
  };
  for (std::size_t t = 0; t < program.tasks.size(); ++t) {
    order.begin_task(program.tasks[t]);
    scratchpads.begin_task();
    tensors.begin_task(static_cast<std::uint32_t>(t));
    while (const auto index = order.start_next()) {
      const Command& command = program.commands[*index];
      access(command, false);  // a command reads before it writes
      access(command, true);
      order.complete();
    }
    order.end_task();
    tensors.end_task();
  }
  tensors.finish();
}

}  // namespace npusim::program
