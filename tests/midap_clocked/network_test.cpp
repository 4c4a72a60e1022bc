// Whole networks with clocked engines: the same cycles as with fast ones, command by command.
#include <fmt/format.h>

#include <algorithm>

#include "hw_models/api/npu.h"
#include "sim/kernel/machine.h"
#include "tests/catch.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;

namespace {

std::vector<trace::Span> spans_of(const hw::Npu& chip, const program::Program& program,
                                  kernel::EngineKind engines) {
  kernel::Machine machine(chip.target(), chip.machine(), kernel::KernelKind::systemc, engines);
  auto spans = machine.run(program, {true, nullptr}).spans;
  std::sort(spans.begin(), spans.end(),
            [](const trace::Span& a, const trace::Span& b) { return a.command < b.command; });
  return spans;
}

}  // namespace

TEST_CASE("every command of three networks starts and ends when the fast engine says, on either memory") {
  for (const char* name : {"midap", "midap-lpddr4"}) {
    const auto chip = hw::make_npu(hw::describe(name));
    for (const char* net : {"resnet8", "mobilenet_v2_0_35", "block:r1_k3,5_s11_e2,2_i32_o32_c100@28"}) {
      INFO(name << " " << net);
      const auto compiled = chip->compile(passes::run_pipeline(zoo::build(net)), {});
      const auto fast = spans_of(*chip, compiled.program, kernel::EngineKind::fast);
      const auto clocked = spans_of(*chip, compiled.program, kernel::EngineKind::clocked);
      REQUIRE(fast.size() == compiled.program.commands.size());
      REQUIRE(clocked.size() == fast.size());
      std::size_t different = 0;
      for (std::size_t i = 0; i < fast.size(); ++i) {
        if (fast[i].start != clocked[i].start || fast[i].end != clocked[i].end) ++different;
      }
      CHECK(different == 0);
    }
  }
}
