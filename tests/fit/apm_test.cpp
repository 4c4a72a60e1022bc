#include "nas/fit/apm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
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

/// A convolution of m operations whose parameters are there.
double kept_law(const Operator& op) { return 100 + op.features[0] / 64; }

/// The toy's link: 0.5 cycles a byte, pieces of 32 KiB in 3 slots.
constexpr double kPiece = 32768;
constexpr std::size_t kSlots = 3;

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

/// What the chip does: parameters are kept in order, a layer's all or none, as long as they fit. The others'
/// come piece after piece, each when the one before has come and the one three before it is used up; a layer
/// works on its pieces one after another.
Network network_of(const Dataset& data, const std::vector<std::size_t>& order, double room) {
  Network network{"net", {}, 0};
  double kept = 0, now = 0;
  std::vector<double> come, used;  // of all pieces
  for (const std::size_t op : order) {
    const double start = now;
    const double bytes = data.operators[op].features[kParameters];
    const double work = kept_law(data.operators[op]);
    if (kept + bytes <= room) {
      kept += bytes;
      now += work;
    } else {
      for (double from = 0; from < bytes; from += kPiece) {
        const double size = std::min(kPiece, bytes - from);
        const std::size_t piece = come.size();
        double begin = piece > 0 ? come[piece - 1] : 0;
        if (piece >= kSlots) begin = std::max(begin, used[piece - kSlots]);
        come.push_back(begin + size / 2);
        used.push_back(std::max(now, come.back()) + work * size / bytes);
        now = used.back();
      }
    }
    network.samples.push_back({op, std::llround(now) - std::llround(start)});
  }
  network.cycles = 5000 + std::llround(now);
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
  const nlohmann::json link = core->to_json().at("link");
  CHECK(link.at("cycles_per_byte") == Approx(0.5).epsilon(0.01));
  CHECK(link.at("bytes_per_piece") == kPiece);
  CHECK(link.at("slots") == kSlots);
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

TEST_CASE("an apm of kept parameters survives its file; a damaged one and one of before are refused") {
  const Dataset data = networks(60, 3);
  const auto core = trained(data);
  nlohmann::json json = core->to_json();
  const auto back = apm_from(json);
  CHECK(back->to_json() == json);
  CHECK(cycles(*back, data, data.networks[0]) == cycles(*core, data, data.networks[0]));
  json["network"].push_back(1);
  CHECK_THROWS_AS(apm_from(json), UserError);
  json = core->to_json();
  json["link"]["slots"] = 17;
  CHECK_THROWS_AS(apm_from(json), UserError);
  json["link"] = {{"cycles_per_byte", 1.1}, {"cycles_per_layer", 0.0}, {"cycles_ahead", 2e5}};
  std::string refusal;
  try {
    apm_from(json);
  } catch (const UserError& error) {
    refusal = error.what();
  }
  CHECK(refusal.find("earlier npusim") != std::string::npos);
  CHECK(refusal.find("fit again") != std::string::npos);
}

TEST_CASE("where all training networks fit the chip, streamed layers are taken for kept ones") {
  Dataset data = operators();
  for (std::size_t i = 0; i < 40; ++i) data.networks.push_back(network_of(data, {i, (i + 7) % 40}, kRoom));
  const auto core = trained(data);
  const Network network = network_of(data, {1, 2}, kRoom);
  CHECK(cycles(*core, data, network) == Approx(network.cycles).epsilon(0.02));
}
