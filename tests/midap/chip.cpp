#include "tests/midap/chip.h"

#include "hw_models/midap/legalize.h"
#include "hw_models/midap/order.h"
#include "hw_models/midap/schedule.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/evaluated.h"
#include "workloads/passes/passes.h"

namespace npusim::midap::test {

const Spec& spec() {
  static const Spec made = read_spec(hw::describe("midap"));
  return made;
}

hw::Evaluator& chip(const std::string& name, const std::vector<std::string>& overrides) {
  return npusim::test::evaluator(name, overrides);
}

trace::Report run(const ir::Graph& graph, const std::string& name,
                  const std::vector<std::string>& overrides) {
  INFO(graph.name);
  const trace::Report report = npusim::test::verified_run(chip(name, overrides), graph, ir::DType::i8);
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
  return npusim::test::layer_named(report, name);
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
