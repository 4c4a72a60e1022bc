#include "tests/ascend310/chip.h"

#include <fmt/format.h>

#include <stdexcept>

#include "tests/catch.h"
#include "tests/evaluated.h"
#include "tests/workloads/ir_fixture.h"
#include "workloads/passes/passes.h"

namespace npusim::ascend310::test {

const Spec& spec() {
  static const Spec made = read_spec(hw::describe("ascend310"));
  return made;
}

hw::Evaluator& chip(kernel::KernelKind kind) {
  static hw::Evaluator ahead(hw::describe("ascend310"), kernel::KernelKind::run_ahead);
  static hw::Evaluator stepped(hw::describe("ascend310"), kernel::KernelKind::systemc);
  return kind == kernel::KernelKind::run_ahead ? ahead : stepped;
}

namespace {

trace::Report checked(hw::Evaluator& evaluator, const ir::Graph& graph, ir::DType dtype) {
  trace::Report report = npusim::test::verified_run(evaluator, graph, dtype);
  INFO(graph.name << " " << ir::to_string(dtype));
  REQUIRE(report.macs == ir::macs(graph).count());
  REQUIRE(report.coverage.macs_percent == 100.0);
  REQUIRE(report.coverage.bytes_percent == 100.0);
  REQUIRE(report.coverage.host == 0);
  REQUIRE(report.coverage.modelled + report.coverage.folded == report.coverage.operators);
  return report;
}

}  // namespace

trace::Report run(const ir::Graph& graph, ir::DType dtype, kernel::KernelKind kind) {
  return checked(chip(kind), graph, dtype);
}

trace::Report run_with(const std::vector<std::string>& overrides, const ir::Graph& graph, ir::DType dtype) {
  hw::Evaluator evaluator(hw::describe("ascend310", overrides), kernel::KernelKind::run_ahead);
  return checked(evaluator, graph, dtype);
}

program::Program compile(const ir::Graph& graph, ir::DType dtype) {
  return chip().npu().compile(passes::run_pipeline(graph), {dtype}).program;
}

const trace::LayerReport& layer(const trace::Report& report, std::string_view prefix) {
  for (const auto& it : report.layers) {
    if (it.name == prefix) return it;
  }
  for (const auto& it : report.layers) {
    if (it.name.substr(0, prefix.size()) == prefix) return it;
  }
  throw std::out_of_range(fmt::format("no layer '{}'", prefix));
}

std::int64_t bytes(const trace::LayerReport& layer) {
  return layer.dram_read_bytes + layer.dram_write_bytes + layer.sram_read_bytes + layer.sram_write_bytes;
}

ir::Graph convolution(const ir::Shape& shape, std::int64_t channels, const ir::ConvAttrs& attrs) {
  ir::Graph graph;
  graph.name = "conv " + ir::to_string(shape);
  const auto x = ir::add_input(graph, shape);
  ir::Shape weights = {channels, shape[1] / attrs.groups};
  if (shape.size() == 4) weights.push_back(attrs.window.kernel.h);
  weights.push_back(attrs.window.kernel.w);
  const auto w = ir::add_weight(graph, weights);
  const auto b = ir::add_weight(graph, {channels});
  ir::append(graph, ir::OpKind::conv, attrs, {x, w, b});
  return graph;
}

}  // namespace npusim::ascend310::test
