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

}  // namespace npusim::test
