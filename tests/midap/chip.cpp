#include "tests/midap/chip.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <stdexcept>

#include "hw_models/midap/legalize.h"
#include "hw_models/midap/order.h"
#include "hw_models/midap/schedule.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "workloads/passes/passes.h"

namespace npusim::midap::test {

const Spec& spec() {
  static const Spec made = read_spec(hw::describe("midap"));
  return made;
}

hw::Evaluator& chip(const std::string& name, const std::vector<std::string>& overrides) {
  static std::map<std::string, std::unique_ptr<hw::Evaluator>> chips;
  auto& made = chips[fmt::format("{} {}", name, fmt::join(overrides, " "))];
  if (!made) {
    made = std::make_unique<hw::Evaluator>(hw::describe(name, overrides), kernel::KernelKind::run_ahead);
  }
  return *made;
}

trace::Report run(const ir::Graph& graph, const std::string& name,
                  const std::vector<std::string>& overrides) {
  INFO(graph.name);
  hw::EvaluateOptions options;
  options.dtype = ir::DType::i8;
  options.verify_program = true;
  auto report = chip(name, overrides).evaluate(graph, options);
  trace::check_sums(report);
  REQUIRE(report.macs == ir::macs(graph).count());
  REQUIRE(report.coverage.macs_percent == 100.0);
  REQUIRE(report.coverage.bytes_percent == 100.0);
  REQUIRE(report.coverage.host == 0);
  return report;
}

Network compiled(const ir::Graph& graph, const Spec& with) {
  Network net = legalize(with, passes::run_pipeline(graph));
  order_layers(with, net);
  schedule(with, net);
  return net;
}

const trace::LayerReport& layer(const trace::Report& report, std::string_view name) {
  for (const auto& it : report.layers) {
    if (it.name == name) return it;
  }
  std::string names;
  for (const auto& it : report.layers) names += it.name + " ";
  throw std::out_of_range(fmt::format("no layer '{}' among {}", name, names));
}

std::string error_of(const ir::Graph& graph, const std::vector<std::string>& overrides) {
  try {
    static_cast<void>(run(graph, "midap", overrides));
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace npusim::midap::test
