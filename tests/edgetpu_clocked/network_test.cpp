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

/// The first command whose start or end differs, in words; "" when none does.
std::string different_span(const hw::Npu& chip, const ir::Graph& graph) {
  const auto compiled = chip.compile(passes::run_pipeline(graph), {});
  const auto& program = compiled.program;
  program::verify(program);
  const auto fast = spans_of(chip, program, kernel::EngineKind::fast);
  const auto clocked = spans_of(chip, program, kernel::EngineKind::clocked);
  if (fast.size() != program.commands.size() || clocked.size() != fast.size()) return "spans are missing";
  for (std::size_t i = 0; i < fast.size(); ++i) {
    if (fast[i].start == clocked[i].start && fast[i].end == clocked[i].end) continue;
    const auto& command = program.commands[i];
    return fmt::format("command {} ({} of {}; {} {} {}): {}..{} fast, {}..{} clocked", i,
                       program.target->opcodes[command.opcode].name, program.tasks[command.task].name,
                       command.args[0], command.args[1], command.args[2], fast[i].start, fast[i].end,
                       clocked[i].start, clocked[i].end);
  }
  return "";
}

}  // namespace

TEST_CASE("every command of three networks starts and ends when the fast engine says") {
  const auto chip = hw::make_npu(hw::describe("edgetpu-coral-usb"));
  for (const char* net : {"resnet8", "mobilenet_v1_0_25_128", "mobilenet_v2_0_35"}) {
    INFO(net);
    CHECK(different_span(*chip, zoo::build(net)) == "");
  }
}
