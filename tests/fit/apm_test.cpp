#include "nas/fit/apm.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "nas/fit/model.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::fit;

namespace {

constexpr double kRoom = 1'000'000;

/// A convolution of m operations and p bytes of parameters: 100 + m / 64 cycles where they are kept, and
/// 100 + max(m / 64, p / 2) where they are streamed.
double law(const Operator& op, bool streamed) {
  return 100 + std::max(op.features[0] / 64, streamed ? op.features[kParameters] / 2 : 0);
}

/// 40 convolutions on a chip that keeps a million bytes of parameters.
Dataset operators() {
  Dataset data{"toy",
               "0123456789abcdef",
               "int8",
               2,
               {"m", "v", "d", "in", "out", "weights", "parameters", "read.dma"},
               {},
               {}};
  Rng rng(42);
  for (std::size_t i = 0; i < 40; ++i) {
    const auto m = static_cast<double>(rng.uniform(1, 1000) * 1024);
    const auto p = static_cast<double>(rng.uniform(1, 300) * 1000);
    data.operators.push_back({fmt::format("op{}", i), "conv", {m, 0, p, 0, 0, p, p, p}, kRoom});
  }
  return data;
}

/// What the chip does: parameters are kept in order, a layer's all or none, as long as they fit.
Network network_of(const Dataset& data, const std::vector<std::size_t>& order, double room) {
  Network network{"net", {}, 5000};
  double kept = 0;
  for (const std::size_t op : order) {
    const double bytes = data.operators[op].features[kParameters];
    const bool streamed = kept + bytes > room;
    if (!streamed) kept += bytes;
    network.samples.push_back({op, static_cast<std::int64_t>(law(data.operators[op], streamed))});
    network.cycles += network.samples.back().cycles;
  }
  return network;
}

Dataset networks(std::size_t count, std::uint64_t seed) {
  Dataset data = operators();
  Rng rng(seed);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::size_t> order;
    for (auto left = rng.uniform(6, 16); left > 0; --left) {
      order.push_back(static_cast<std::size_t>(rng.uniform(0, 39)));
    }
    data.networks.push_back(network_of(data, order, kRoom));
  }
  return data;
}

std::shared_ptr<const Core> trained(const Dataset& data) {
  std::vector<std::size_t> all(data.networks.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return train_apm(data, all);
}

double cycles(const Core& core, const Dataset& data, const Network& network) {
  return core.cycles(channel_sums(core, operators_of(data, network)));
}

}  // namespace

TEST_CASE("networks that keep a million bytes of parameters in order are missed by less than 1 %") {
  const Dataset data = networks(300, 1);
  const auto core = trained(data);
  CHECK(core->in_order());
  for (const Network& network : networks(100, 2).networks) {
    CHECK(cycles(*core, data, network) == Approx(network.cycles).epsilon(0.01));
  }
}

TEST_CASE("the same layers in another order keep other parameters and take another time") {
  const Dataset data = networks(300, 1);
  const auto core = trained(data);
  std::vector<std::size_t> order(20);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const Network forth = network_of(data, order, kRoom);
  std::reverse(order.begin(), order.end());
  const Network back = network_of(data, order, kRoom);
  REQUIRE(back.cycles != forth.cycles);
  CHECK(cycles(*core, data, forth) == Approx(forth.cycles).epsilon(0.01));
  CHECK(cycles(*core, data, back) == Approx(back.cycles).epsilon(0.01));
}

TEST_CASE("layers are told kept or streamed, with what binds them") {
  const Dataset data = networks(300, 1);
  const auto core = trained(data);
  const Network network = data.networks[0];
  const std::vector<Core::Layer> layers = core->layers(operators_of(data, network));
  REQUIRE(layers.size() == network.samples.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    CHECK(layers[i].cycles == Approx(network.samples[i].cycles).epsilon(0.03).margin(100));
  }
}

TEST_CASE("the operator that leaves the least room decides for its network") {
  Dataset data = networks(300, 1);
  const auto core = trained(data);
  std::vector<std::size_t> order(12);
  std::iota(order.begin(), order.end(), std::size_t{0});
  data.operators[11].room = kRoom / 4;
  const Network network = network_of(data, order, kRoom / 4);
  CHECK(cycles(*core, data, network) == Approx(network.cycles).epsilon(0.01));
}

TEST_CASE("an apm of kept parameters survives its file; a damaged one is refused") {
  const Dataset data = networks(60, 3);
  const auto core = trained(data);
  nlohmann::json json = core->to_json();
  const auto back = apm_from(json);
  CHECK(back->to_json() == json);
  CHECK(cycles(*back, data, data.networks[0]) == cycles(*core, data, data.networks[0]));
  json["network"].push_back(1);
  CHECK_THROWS_AS(apm_from(json), UserError);
}

TEST_CASE("where all training networks fit the chip, streamed layers are taken for kept ones") {
  Dataset data = operators();
  for (std::size_t i = 0; i < 40; ++i) data.networks.push_back(network_of(data, {i, (i + 7) % 40}, kRoom));
  const auto core = trained(data);
  const Network network = network_of(data, {1, 2}, kRoom);
  CHECK(cycles(*core, data, network) == Approx(network.cycles).epsilon(0.02));
}
