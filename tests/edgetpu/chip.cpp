#include "tests/edgetpu/chip.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <stdexcept>

#include "hw_models/edgetpu/legalize.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/builder.h"

namespace npusim::edgetpu::test {

const Spec& spec() {
  static const Spec made = read_spec(hw::describe("edgetpu-coral-usb"));
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
  REQUIRE(report.coverage.bytes_percent == 100.0);
  REQUIRE(report.coverage.modelled >= 0);
  if (report.coverage.host == 0) REQUIRE(report.macs == ir::macs(graph).count());
  return report;
}

Network compiled(const ir::Graph& graph, const Spec& with) {
  return compile_network(with, passes::run_pipeline(graph));
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
