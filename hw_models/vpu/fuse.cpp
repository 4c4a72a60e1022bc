#include "hw_models/vpu/fuse.h"

#include <fmt/format.h>

#include <utility>

namespace npusim::vpu {

namespace {

/// DDR bytes that the start of a layer is worth: 1.5 us at 30 GB/s.
constexpr std::int64_t kLayerBytes = 45'000;

struct Chain {
  std::size_t first, last;
};

bool fusible(const Layer& layer) {
  return layer.kind == Kind::dpu && layer.sources.size() == 1 && !layer.sources[0].whole &&
         layer.magnify == 1;
}

/// Runs of layers between which maps that only the next one reads go through DDR.
std::vector<Chain> chains_of(const Network& net, const Plan& plan) {
  std::vector<Chain> chains;
  for (std::size_t i = 0; i + 1 < net.layers.size(); ++i) {
    const auto id = static_cast<std::size_t>(net.layers[i].out);
    const Map& map = net.maps[id];
    const bool handed_on = map.consumers == std::vector<LayerId>{static_cast<LayerId>(i + 1)};
    if (plan.maps[id].resident || map.output || !handed_on || !fusible(net.layers[i]) ||
        !fusible(net.layers[i + 1]))
      continue;
    if (!chains.empty() && chains.back().last == i) {
      chains.back().last = i + 1;
    } else {
      chains.push_back({i, i + 1});
    }
  }
  return chains;
}

/// Bytes that layers move to and from DDR, and what their starts are worth.
std::int64_t traffic(const Network& net, const Plan& plan) {
  std::int64_t bytes = 0;
  const auto add = [&](MapId map, Range rows) {
    const auto id = static_cast<std::size_t>(map);
    if (!plan.maps[id].resident) bytes += rows.size() * net.maps[id].row_bytes();
  };
  for (const auto& layer : net.layers) {
    bytes += layer.weight_bytes + kLayerBytes;
    const Range rows = rows_of(net, layer);
    add(layer.out, rows);
    for (const auto& source : layer.sources) add(source.map, needed_rows(net, layer, source, rows));
  }
  return bytes;
}

class Striper {
 public:
  Striper(const Network& net, std::int64_t stripes) : net_(net), result_(net), stripes_(stripes) {
    result_.layers.clear();
  }

  Network run(const std::vector<Chain>& chains) {
    auto chain = chains.begin();
    for (std::size_t i = 0; i < net_.layers.size(); ++i) {
      if (chain == chains.end() || i != chain->first) {
        result_.layers.push_back(net_.layers[i]);
        continue;
      }
      add(*chain);
      i = chain->last;
      ++chain;
    }
    connect(result_);
    return std::move(result_);
  }

 private:
  /// Rows of each layer's result, by stripe and layer of the chain.
  [[nodiscard]] std::vector<std::vector<Range>> rows_by_stripe(const Chain& chain) const {
    std::vector<std::vector<Range>> all;
    const Range rows = rows_of(net_, net_.layers[chain.last]);
    for (std::int64_t stripe = 0; stripe < stripes_; ++stripe) {
      const Range own = chunk_of(rows, stripes_, stripe);
      if (own.empty()) continue;
      std::vector<Range> of(chain.last - chain.first + 1, own);
      for (std::size_t i = of.size() - 1; i > 0; --i) {
        const Layer& reader = net_.layers[chain.first + i];
        of[i - 1] = needed_rows(net_, reader, reader.sources[0], of[i]);
      }
      all.push_back(std::move(of));
    }
    return all;
  }

  /// A map like this for another stripe.
  MapId another(MapId like, std::size_t stripe) {
    Map map = net_.maps[static_cast<std::size_t>(like)];
    map.name = fmt::format("{}:stripe{}", map.name, stripe);
    result_.maps.push_back(std::move(map));
    return static_cast<MapId>(result_.maps.size()) - 1;
  }

  void add(const Chain& chain) {
    const auto rows = rows_by_stripe(chain);
    const std::size_t length = chain.last - chain.first + 1;
    std::vector<std::int64_t> all(length, 0), upto(length, 0), first(length, -1);
    for (const auto& stripe : rows) {
      for (std::size_t i = 0; i < length; ++i) all[i] += stripe[i].size();
    }
    for (std::size_t stripe = 0; stripe < rows.size(); ++stripe) {
      MapId handed = -1;
      for (std::size_t i = 0; i < length; ++i) {
        const Layer& whole = net_.layers[chain.first + i];
        Layer layer = whole;
        layer.name = fmt::format("{}:stripe{}", whole.name, stripe);
        layer.out_rows = rows[stripe][i];
        const auto share = [&](std::int64_t total) {
          return mul_div(total, upto[i] + layer.out_rows.size(), all[i]) - mul_div(total, upto[i], all[i]);
        };
        layer.macs = share(whole.macs);
        layer.moved = share(whole.moved);
        upto[i] += layer.out_rows.size();
        if (first[i] < 0) {
          first[i] = std::ssize(result_.layers);
        } else if (whole.weight_bytes > 0) {
          layer.weights_of = static_cast<LayerId>(first[i]);
        }
        if (handed >= 0) layer.sources[0].map = handed;
        // The first stripe's part stands in the place of the map that is handed on no more.
        if (i + 1 < length && stripe > 0) layer.out = another(whole.out, stripe);
        handed = layer.out;
        result_.layers.push_back(std::move(layer));
      }
    }
  }

  const Network& net_;
  Network result_;
  std::int64_t stripes_;
};

}  // namespace

std::int64_t fuse_vertically(const Spec& spec, Network& net, Plan& plan) {
  const auto chains = chains_of(net, plan);
  std::int64_t fused = 0;
  for (const auto& chain : chains) fused += static_cast<std::int64_t>(chain.last - chain.first + 1);
  if (chains.empty()) return 0;
  const Network whole = net;
  std::int64_t least = traffic(net, plan);
  bool better = false;
  for (const std::int64_t stripes : {2, 3, 4, 6, 8, 12, 16, 24, 32}) {
    Network striped = Striper(whole, stripes).run(chains);
    Plan tried = make_plan(spec, striped);
    const std::int64_t bytes = traffic(striped, tried);
    if (bytes >= least) continue;
    least = bytes;
    better = true;
    net = std::move(striped);
    plan = std::move(tried);
  }
  return better ? fused : 0;
}

}  // namespace npusim::vpu
