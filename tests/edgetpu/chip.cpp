#include "tests/edgetpu/chip.h"

#include "hw_models/edgetpu/legalize.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/evaluated.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/builder.h"

namespace npusim::edgetpu::test {

const Spec& spec() {
  static const Spec made = read_spec(hw::describe("edgetpu-coral-usb"));
  return made;
}

hw::Evaluator& chip(const std::string& name, const std::vector<std::string>& overrides) {
  return npusim::test::evaluator(name, overrides);
}

trace::Report run(const ir::Graph& graph, const std::string& name,
                  const std::vector<std::string>& overrides) {
  INFO(graph.name);
  const trace::Report report = npusim::test::verified_run(chip(name, overrides), graph, ir::DType::i8);
  REQUIRE(report.coverage.bytes_percent == 100.0);
  REQUIRE(report.coverage.modelled >= 0);
  if (report.coverage.host == 0) REQUIRE(report.macs == ir::macs(graph).count());
  return report;
}

Network compiled(const ir::Graph& graph, const Spec& with) {
  return compile_network(with, passes::run_pipeline(graph));
}

const trace::LayerReport& layer(const trace::Report& report, std::string_view name) {
  return npusim::test::layer_named(report, name);
}

std::string error_of(const ir::Graph& graph, const std::vector<std::string>& overrides) {
  try {
    static_cast<void>(run(graph, "edgetpu-coral-usb", overrides));
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

ir::Graph one_conv(std::int64_t channels, std::int64_t h, std::int64_t w, std::int64_t out,
                   std::int64_t kernel, std::int64_t stride, std::int64_t groups) {
  zoo::Builder b("one_conv", {1, channels, h, w});
  const zoo::Conv conv{
      .out = out, .kernel = kernel, .stride = stride, .groups = groups, .pad = zoo::Pad::kSame};
  return b.finish(b.conv("conv", b.input(), conv));
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace npusim::edgetpu::test
