// Whole networks with clocked DPUs: the same cycles as with fast ones, command by command.
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

/// Commands of `net` that start or end at another time with clocked engines.
std::size_t different(const char* chip_name, const char* net, ir::DType dtype) {
  const auto chip = hw::make_npu(hw::describe(chip_name));
  hw::CompileOptions options;
  options.dtype = dtype;
  const auto compiled = chip->compile(passes::run_pipeline(zoo::build(net)), options);
  const auto fast = spans_of(*chip, compiled.program, kernel::EngineKind::fast);
  const auto clocked = spans_of(*chip, compiled.program, kernel::EngineKind::clocked);
  REQUIRE(fast.size() == compiled.program.commands.size());
  REQUIRE(clocked.size() == fast.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < fast.size(); ++i) {
    if (fast[i].start != clocked[i].start || fast[i].end != clocked[i].end) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("every command of ResNet-8 and a small MobileNetV2 starts and ends when the fast engine says") {
  for (const char* chip : {"vpu-meteorlake", "vpu-keembay", "vpu-lunarlake"}) {
    for (const char* net : {"resnet8", "mobilenet_v2_0_35"}) {
      for (const ir::DType dtype : {ir::DType::i8, ir::DType::f16}) {
        INFO(chip << " " << net << " " << ir::to_string(dtype));
        CHECK(different(chip, net, dtype) == 0);
      }
    }
  }
}
