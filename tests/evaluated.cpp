#include "tests/evaluated.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <utility>

namespace npusim::test {

hw::Evaluator& evaluator(const std::string& name, const std::vector<std::string>& overrides) {
  static std::map<std::pair<std::string, std::vector<std::string>>, std::unique_ptr<hw::Evaluator>> made;
  auto& found = made[{name, overrides}];
  if (!found) {
    found = std::make_unique<hw::Evaluator>(hw::describe(name, overrides), kernel::KernelKind::run_ahead);
  }
  return *found;
}

trace::Report verified_run(hw::Evaluator& evaluator, const ir::Graph& graph, ir::DType dtype) {
  hw::EvaluateOptions options;
  options.dtype = dtype;
  options.verify_program = true;
  trace::Report report = evaluator.evaluate(graph, options);
  trace::check_sums(report);
  return report;
}

const trace::LayerReport& layer_named(const trace::Report& report, std::string_view name) {
  std::string names;
  for (const auto& layer : report.layers) {
    if (layer.name == name) return layer;
    names += layer.name + " ";
  }
  throw std::out_of_range(fmt::format("no layer '{}' among {}", name, names));
}

std::string different_command(const program::Program& program, const kernel::RunResult& fast,
                              const kernel::RunResult& clocked) {
  const std::size_t commands = program.commands.size();
  if (fast.spans.size() != commands || clocked.spans.size() != commands) return "a command has no span";
  std::vector<trace::Span> a(commands);
  std::vector<trace::Span> b(commands);
  for (const auto& span : fast.spans) a.at(span.command) = span;
  for (const auto& span : clocked.spans) b.at(span.command) = span;
  for (std::size_t i = 0; i < commands; ++i) {
    if (a[i].start == b[i].start && a[i].end == b[i].end && a[i].engine == b[i].engine) continue;
    const auto& command = program.commands[i];
    return fmt::format("command {} ({} {} of layer {}): {}..{} fast, {}..{} clocked", i,
                       program.target->opcodes[command.opcode].name, fmt::join(command.args, " "),
                       program.tasks[command.task].name, a[i].start, a[i].end, b[i].start, b[i].end);
  }
  return "";
}

std::string different_command(const hw::Npu& chip, const program::Program& program) {
  program::verify(program);
  const auto run = [&](kernel::EngineKind engines) {
    kernel::Machine machine(chip.target(), chip.machine(), kernel::KernelKind::systemc, engines);
    return machine.run(program, {true, nullptr});
  };
  return different_command(program, run(kernel::EngineKind::fast), run(kernel::EngineKind::clocked));
}

}  // namespace npusim::test
