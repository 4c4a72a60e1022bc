#include "nas/fit/roofline.h"

#include <cmath>
#include <numeric>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/fit/synthetic.h"

using namespace npusim;
using namespace npusim::fit;

namespace {

std::vector<std::size_t> all_of(const Dataset& data) {
  std::vector<std::size_t> networks(data.networks.size());
  std::iota(networks.begin(), networks.end(), std::size_t{0});
  return networks;
}

}  // namespace

TEST_CASE("a roofline of 3 and 2 cycles a count, launch 10: the larger ceiling counts") {
  const Roofline roofline{10, 0, {3, 2}, {0, 0}};
  CHECK(roofline.cycles(std::vector<double>{100, 100}) == 310);
  CHECK(roofline.cycles(std::vector<double>{100, 200}) == 410);
  CHECK(roofline.binding(std::vector<double>{100, 149}) == 0);
  CHECK(roofline.binding(std::vector<double>{100, 151}) == 1);
  CHECK(roofline.binding(std::vector<double>{3, 4}) == 2);  // the launch
}

TEST_CASE("ceilings of 30 and 40 cycles together are 70, 50 or 40, by their overlap") {
  const std::vector<double> counts{3, 4};
  CHECK(Roofline{0, 1, {10, 10}, {0, 0}}.cycles(counts) == Approx(70));
  CHECK(Roofline{0, 2, {10, 10}, {0, 0}}.cycles(counts) == Approx(50));
  CHECK(Roofline{0, 0, {10, 10}, {0, 0}}.cycles(counts) == Approx(40));
  CHECK(Roofline{0, 0, {10, 10}, {1, 0}}.cycles(counts) == Approx(43));
}

TEST_CASE("the law max(m / 64, read / 8) + 500 is found in networks that obey it") {
  const Dataset data = test::synthetic_networks(200, 1);
  const Rooflines rooflines = fit_rooflines(data, all_of(data), Extreme::shortest);
  REQUIRE(rooflines.count("conv") == 1);
  REQUIRE(rooflines.count("add") == 1);
  for (const Operator& op : data.operators) {
    const double expected = op.kind == "conv" ? 500 + std::max(op.features[0] / 64, op.features[7] / 8)
                                              : 200 + op.features[1] / 16;
    CAPTURE(op.signature);
    CHECK(roofline_of(rooflines, op.kind).cycles(op.features) == Approx(expected).epsilon(0.02));
  }
  for (const auto& [kind, one] : rooflines) {
    CHECK(one.launch >= 0);
    for (const double slope : one.ceilings) CHECK(slope >= 0);
    for (const double slope : one.serial) CHECK(slope >= 0);
  }
}

TEST_CASE("one wild layer among 60 does not move the ceilings") {
  Dataset data = test::synthetic_networks(200, 1);
  for (Network& network : data.networks) {
    for (Sample& sample : network.samples) {
      if (sample.op == 7) sample.cycles *= 20;
    }
  }
  const Rooflines rooflines = fit_rooflines(data, all_of(data), Extreme::shortest);
  std::size_t right = 0;
  for (const Operator& op : data.operators) {
    if (op.kind != "conv") continue;
    const double expected = 500 + std::max(op.features[0] / 64, op.features[7] / 8);
    right += std::abs(roofline_of(rooflines, "conv").cycles(op.features) / expected - 1) < 0.1 ? 1 : 0;
  }
  CHECK(right >= 36);  // of 40
}

TEST_CASE("11 different operators are too few for ceilings, 12 are enough") {
  Dataset data = test::synthetic_networks(1, 1);
  data.networks[0].samples.clear();
  for (std::size_t op = 0; op < 11; ++op) data.networks[0].samples.push_back({op, 1000});
  CHECK_THROWS_AS(fit_rooflines(data, all_of(data), Extreme::shortest), UserError);
  data.networks[0].samples.push_back({11, 1000});
  CHECK_NOTHROW(fit_rooflines(data, all_of(data), Extreme::shortest));
}

TEST_CASE("a kernel with 12 shapes has its own ceilings, one with 3 those of all convolutions") {
  Dataset data = test::synthetic_networks(200, 1);
  for (std::size_t i = 0; i < 40; ++i) data.operators[i].kind = i < 37 ? "conv 3x3" : "conv 7x7";
  const Rooflines rooflines = fit_rooflines(data, all_of(data), Extreme::shortest);
  CHECK(rooflines.count("conv 3x3") == 1);
  CHECK(rooflines.count("conv 7x7") == 0);
  REQUIRE(rooflines.count("conv") == 1);
  CHECK(&roofline_of(rooflines, "conv 7x7") == &rooflines.at("conv"));
  CHECK(&roofline_of(rooflines, "gemm 7x7") == &rooflines.at(kOtherKinds));
}

TEST_CASE("kinds of 1 and 2 shapes take the others' ceilings times a factor: 0 where they cost nothing") {
  Dataset data = test::synthetic_networks(200, 1);
  data.operators[57].kind = "view";
  data.operators[58].kind = data.operators[59].kind = "pool";
  for (Network& network : data.networks) {
    for (Sample& sample : network.samples) {
      if (sample.op == 57) sample.cycles = 0;
      if (sample.op >= 58) sample.cycles *= 3;
    }
  }
  const Rooflines rooflines = fit_rooflines(data, all_of(data), Extreme::shortest);
  CHECK(roofline_of(rooflines, "view").cycles(data.operators[57].features) == 0);
  double predicted = 0, took = 0;
  for (const Network& network : data.networks) {
    for (const Sample& sample : network.samples) {
      if (sample.op < 58) continue;
      took += static_cast<double>(sample.cycles);
      predicted += roofline_of(rooflines, "pool").cycles(data.operators[sample.op].features);
    }
  }
  CHECK(predicted == Approx(took));
}
