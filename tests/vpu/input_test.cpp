// What a VPU refuses, pads or cuts differently.
#include <algorithm>

#include "tests/catch.h"
#include "tests/vpu/chip.h"
#include "workloads/zoo/builder.h"

namespace npusim::vpu::test {

namespace {

bool told(const trace::Report& report, const std::string& what) {
  return std::any_of(report.notes.begin(), report.notes.end(),
                     [&](const std::string& note) { return note.find(what) != std::string::npos; });
}

ir::Graph one_conv(const ir::Shape& in, const zoo::Conv& conv) {
  zoo::Builder builder("one", in);
  return builder.finish(builder.conv("conv", builder.input(), conv));
}

}  // namespace

TEST_CASE("17 channels are padded to 32, and the report tells what of maps and products that loses") {
  zoo::Builder builder("odd", {1, 64, 16, 16});
  const auto x = builder.conv("a", builder.input(), {17, 1});
  const auto report = run(builder.finish(builder.conv("b", x, {64, 1})));
  // Maps: 64 + 17 + 64 channels are 64 + 32 + 64. Products: 2 x 64 x 17 are 2 x 64 x 32.
  CHECK(told(report, "maps hold 1.103 times their channels: padded to multiples of 16"));
  CHECK(told(report, "padding loses 46.9 % of the products that DPUs do, most (23.4 %) in layer 'b'"));
}

TEST_CASE("multiples of 16 lose nothing") {
  const auto report = run(one_conv({1, 64, 16, 16}, {32, 1}));
  CHECK(!told(report, "padd"));
}

TEST_CASE("what fits no CMX is refused with its sizes, and fits with as much more") {
  const auto graph = one_conv({1, 64, 56, 56}, {64, 3});
  const std::string error = error_of(graph, {"cmx.kib=16"});
  // A row of 56 x 16 results, two slots; three rows of 56 x 64, two slots; 16 outputs' weights, two slots.
  CHECK(error.find("layer 'conv'") != std::string::npos);
  CHECK(error.find("of input") != std::string::npos);
  CHECK(error.find("of weights") != std::string::npos);
  CHECK(error.find("but a tile has 16384") != std::string::npos);
  const auto takes = std::stoll(error.substr(error.find("takes ") + 6));
  CHECK(!error_of(graph, {"cmx.kib=" + std::to_string(takes / 1024)}).empty());
  CHECK(error_of(graph, {"cmx.kib=" + std::to_string(takes / 1024 + 1)}).empty());
}

TEST_CASE("a 13x13 kernel and a stride of 9 are refused, both at once, with what a DPU takes") {
  zoo::Builder builder("wide", {1, 16, 64, 64});
  const auto x = builder.conv("a", builder.input(), {16, 13});
  const std::string error = error_of(builder.finish(builder.conv("b", x, {16, 9, 9})));
  CHECK(error.find("2 operators") != std::string::npos);
  CHECK(error.find("kernel 13x13; a DPU takes up to 11") != std::string::npos);
  CHECK(error.find("stride 9x9; a DPU takes up to 8") != std::string::npos);
}

TEST_CASE("a pool of 12x12 is refused") {
  zoo::Builder builder("pool", {1, 16, 24, 24});
  const std::string error = error_of(builder.finish(builder.max_pool("pool", builder.input(), {12, 12})));
  CHECK(error.find("kernel 12x12; a DPU takes up to 11") != std::string::npos);
}

TEST_CASE("16x16 patches side by side become a product: gathered by DMA, then 1x1") {
  zoo::Conv patches{.out = 192, .kernel = 16, .stride = 16, .pad = 0};
  const auto report = run(one_conv({1, 16, 64, 64}, patches));
  REQUIRE(report.layers.size() == 2);
  CHECK(report.layers[0].name == "conv:patches");
  CHECK(report.layers[0].macs == 0);
  CHECK(report.layers[1].macs == 4 * 4 * 192 * 16 * 16 * 16);
  patches.stride = 8;
  CHECK(error_of(one_conv({1, 16, 64, 64}, patches)).find("kernel 16x16") != std::string::npos);
}

TEST_CASE("densities are of convolutions that there are, and shares") {
  const auto graph = one_conv({1, 64, 16, 16}, {64, 3});
  const auto error = [&](const std::string& text) {
    return error_of(graph, {"mapping.layer_density=" + text});
  };
  CHECK(error("none").empty());
  CHECK(error("conv=0.5/1").empty());
  CHECK(error("comv=0.5/1").find("did you mean 'conv'?") != std::string::npos);
  for (const char* text : {"conv", "conv=0.5", "conv=0/1", "conv=0.5/2", "conv=half/1", "conv=0.5/1x"}) {
    CAPTURE(text);
    CHECK(error(text).find("expected LAYER=WEIGHTS/ACTIVATIONS") != std::string::npos);
  }
}

}  // namespace npusim::vpu::test
