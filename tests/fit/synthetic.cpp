#include "tests/fit/synthetic.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/rng.h"

namespace npusim::test {

fit::Dataset synthetic_networks(std::size_t networks, std::uint64_t seed) {
  fit::Dataset data{
      "toy", "0123456789abcdef", "int8", 2, {"m", "v", "d", "in", "out", "weights", "launch", "read.dma"}, {},
      {}};
  Rng operators(42);  // the same ones whatever the seed of the networks
  std::vector<std::int64_t> cycles;
  for (std::size_t i = 0; i < 60; ++i) {
    const bool conv = i < 40;
    const auto m = static_cast<double>(conv ? operators.uniform(1, 1000) * 1024 : 0);
    const auto v = static_cast<double>(operators.uniform(1, 1000) * 16);
    const auto read = static_cast<double>(conv ? operators.uniform(1, 1000) * 128 : 0);
    data.operators.push_back(
        {fmt::format("op{}", i), conv ? "conv" : "add", {m, v, v + read, v, v, read / 2, 0, read}});
    cycles.push_back(static_cast<std::int64_t>(conv ? 500 + std::max(m / 64, read / 8) : 200 + v / 16));
  }
  Rng rng(seed);
  for (std::size_t i = 0; i < networks; ++i) {
    fit::Network network{fmt::format("net{}", i), {}, 10'000};
    for (auto left = rng.uniform(5, 12); left > 0; --left) {
      const auto op = static_cast<std::size_t>(rng.uniform(0, 59));
      network.samples.push_back({op, cycles[op]});
      network.cycles += cycles[op];
    }
    data.networks.push_back(std::move(network));
  }
  return data;
}

}  // namespace npusim::test
