#include "nas/fit/spread.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::fit;

namespace {

struct Sample {
  std::vector<double> targets, predictions;
};

/// A normal number (Box and Muller).
double normal(Rng& rng) {
  const auto uniform = [&rng] { return (static_cast<double>(rng.uniform(1, 1'000'000)) - 0.5) / 1e6; };
  const double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(2 * 3.14159265358979 * uniform());
}

/// Latencies of 2 to 64 ms, of which the model misses 1 % at 8 ms, and (predicted / 8 ms)^exponent times that
/// elsewhere.
Sample networks(std::size_t count, std::uint64_t seed, double exponent) {
  Rng rng(seed);
  Sample sample;
  for (std::size_t i = 0; i < count; ++i) {
    const double predicted = 2e6 * std::pow(2.0, static_cast<double>(rng.uniform(0, 5000)) / 1000);
    sample.predictions.push_back(predicted);
    sample.targets.push_back(predicted * (1 + 0.01 * std::pow(predicted / 8e6, exponent) * normal(rng)));
  }
  return sample;
}

/// Shares held of predictions below 6.3 ms, from there to 20 ms, and above: a third of them each.
std::array<double, 3> held(const Sample& sample, const Spread& spread) {
  std::array<double, 3> inside{}, all{};
  for (std::size_t i = 0; i < sample.targets.size(); ++i) {
    const double predicted = sample.predictions[i];
    const std::size_t third = predicted < 6.35e6 ? 0 : predicted < 20.16e6 ? 1 : 2;
    ++all[third];
    inside[third] += std::abs(sample.targets[i] - predicted) <= spread.of(predicted) * predicted ? 1 : 0;
  }
  for (std::size_t i = 0; i < 3; ++i) inside[i] /= all[i];
  return inside;
}

}  // namespace

TEST_CASE(
    "where fast networks are missed by more, the interval holds 87 to 93 % of each third of latencies, which "
    "one relative width does not") {
  for (const double exponent : {-1.0, 1.0}) {
    CAPTURE(exponent);
    const Sample seen = networks(1000, 1, exponent);
    const Sample unseen = networks(6000, 2, exponent);
    const Spread spread = fit_spread(seen.targets, seen.predictions, 0.9);
    CHECK(spread.exponent == Approx(exponent).margin(0.1));
    for (const double share : held(unseen, spread)) {
      CHECK(share > 0.87);
      CHECK(share < 0.93);
    }
    Spread flat = spread;
    flat.exponent = 0;
    std::vector<double> residuals;
    for (std::size_t i = 0; i < seen.targets.size(); ++i) {
      residuals.push_back(std::abs(seen.targets[i] / seen.predictions[i] - 1));
    }
    std::sort(residuals.begin(), residuals.end());
    flat.relative = residuals[900];
    const std::array<double, 3> shares = held(unseen, flat);
    CHECK(std::min({shares[0], shares[1], shares[2]}) < 0.8);
    CHECK(std::max({shares[0], shares[1], shares[2]}) > 0.97);
  }
}

TEST_CASE("where all are missed by the same share, the width is one for all and holds 87 to 93 %") {
  const Sample seen = networks(1000, 3, 0);
  const Spread spread = fit_spread(seen.targets, seen.predictions, 0.9);
  CHECK(std::abs(spread.exponent) < 0.1);
  for (const double share : held(networks(6000, 4, 0), spread)) {
    CHECK(share > 0.87);
    CHECK(share < 0.93);
  }
}

TEST_CASE("beyond what it has seen the width is that of the nearest seen, and 19 networks make no slope") {
  const Sample seen = networks(1000, 5, -1);
  const Spread spread = fit_spread(seen.targets, seen.predictions, 0.9);
  CHECK(spread.of(1e3) == spread.of(spread.low_ns));
  CHECK(spread.of(1e12) == spread.of(spread.high_ns));
  CHECK(spread.of(2.5e6) == Approx(2 * spread.of(5e6)).epsilon(0.1));
  const Sample few = networks(19, 5, -1);
  CHECK(fit_spread(few.targets, few.predictions, 0.9).exponent == 0);
  CHECK_THROWS_AS(fit_spread(std::span(few.targets).first(8), std::span(few.predictions).first(8), 0.9),
                  UserError);
}

TEST_CASE("a spread survives its file; one of a file of before is the same for all; nonsense is refused") {
  const Sample seen = networks(1000, 6, -1);
  const Spread spread = fit_spread(seen.targets, seen.predictions, 0.9);
  const Spread back = Spread::from(spread.to_json());
  for (const double ns : {1e6, 4e6, 9e7}) CHECK(back.of(ns) == spread.of(ns));
  const Spread before = Spread::from({{"coverage", 0.9}, {"relative", 0.02}});
  CHECK(before.of(1e6) == 0.02);
  CHECK(before.of(1e8) == 0.02);
  nlohmann::json json = spread.to_json();
  json["reference_ns"] = 0;
  CHECK_THROWS_AS(Spread::from(json), UserError);
}
