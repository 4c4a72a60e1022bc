#include "nas/scale/finishing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace npusim::scale {
namespace {

FinishOptions without_removal(FinishOptions options) {
  options.removed.clear();
  return options;
}

ir::Graph finished(ir::Graph graph, const FinishOptions& options) {
  finish(graph, options);
  return graph;
}

std::vector<std::string> blocks_of(const ir::Graph& graph) {
  std::vector<std::string> blocks;
  for (const Excitation& one : excitations(graph)) blocks.push_back(one.block);
  return blocks;
}

/// How many of `order`, from the front, must go so that the network takes no more than `latency_ms`.
std::size_t fewest(Bench& bench, const ir::Graph& full, const std::vector<std::string>& order,
                   double latency_ms) {
  std::vector<ir::Graph> graphs;
  for (std::size_t count = 0; count <= order.size(); ++count) {
    graphs.push_back(full);
    remove_excitations(graphs.back(), {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count)});
  }
  const std::vector<search::OnChip> on = bench.simulate(std::move(graphs));
  for (std::size_t count = 0; count < on.size(); ++count) {
    if (on[count].latency_ms <= latency_ms) return count;
  }
  throw UserError(fmt::format(
      "--latency-ms {:.6g}: the network takes {:.4g} ms without any of its {} Squeeze-and-Excitations",
      latency_ms, on.back().latency_ms, order.size()));
}

}  // namespace

void finish(ir::Graph& graph, const FinishOptions& options) {
  if (options.hard_swish && use_hard_swish(graph) == 0) {
    throw UserError(fmt::format("--h-swish: {} has no ReLU and no ReLU6", graph.name));
  }
  if (options.squeeze_excite && add_excitations(graph, options.ratio).empty()) {
    throw UserError(fmt::format(
        "--squeeze-excite: {} has no place for it: expected, behind the first, a block whose depthwise "
        "convolution a 1x1 convolution reads, without Squeeze-and-Excitation",
        graph.name));
  }
  if (!options.removed.empty()) remove_excitations(graph, options.removed);
}

std::vector<std::string> blocks_to_remove(Bench& bench, const ir::Graph& raw, const FinishOptions& options,
                                          const Activations& activations, const Keep& keep) {
  const ir::Graph full = finished(raw, without_removal(options));
  const std::vector<std::string> blocks = blocks_of(full);
  if (blocks.empty()) {
    throw UserError(fmt::format("--activations: {} has no Squeeze-and-Excitation", raw.name));
  }
  std::vector<std::string> order = least_first(activations, blocks);
  std::size_t count = 0;
  if (keep.share) {
    count = order.size() -
            static_cast<std::size_t>(std::llround(*keep.share * static_cast<double>(order.size())));
  } else if (keep.threshold) {
    const auto small = [&](const std::string& block) {
      return activations.deviations.at(block) < *keep.threshold;
    };
    count = static_cast<std::size_t>(std::count_if(order.begin(), order.end(), small));
  } else {
    count = fewest(bench, full, order, keep.latency_ms.value());
  }
  order.resize(count);
  return order;
}

Finished account(Bench& bench, const ir::Graph& raw, const FinishOptions& options,
                 const std::optional<Activations>& activations) {
  Finished out;
  std::vector<ir::Graph> graphs{raw};
  out.steps.push_back({"as it was", {}});
  const auto add = [&](const std::string& what, ir::Graph graph) {
    out.steps.push_back({what, {}});
    graphs.push_back(std::move(graph));
  };
  FinishOptions swish;
  swish.hard_swish = options.hard_swish;
  if (options.hard_swish) add("h-swish", finished(raw, swish));
  const ir::Graph full = finished(raw, without_removal(options));
  const std::vector<Excitation> all = excitations(full);
  if (options.squeeze_excite) add(fmt::format("Squeeze-and-Excitation in {} blocks", all.size()), full);
  if (!options.removed.empty()) {
    add(fmt::format("kept in {} of {} blocks", all.size() - options.removed.size(), all.size()),
        finished(raw, options));
  }
  graphs.push_back(full);
  for (const Excitation& one : all) {
    graphs.push_back(full);
    remove_excitations(graphs.back(), {one.block});
  }
  const std::vector<search::OnChip> on = bench.simulate(std::move(graphs));
  for (std::size_t s = 0; s < out.steps.size(); ++s) out.steps[s].on = on[s];
  const double with_all = on[out.steps.size()].latency_ms;
  for (std::size_t i = 0; i < all.size(); ++i) {
    ExcitationCost cost;
    cost.block = all[i].block;
    cost.gate = full.tensor(all[i].gate).name;
    cost.channels = full.shape(all[i].input).at(1);
    cost.ms = with_all - on[out.steps.size() + 1 + i].latency_ms;
    cost.share = cost.ms / with_all;
    if (activations) cost.deviation = activations->deviations.at(cost.block);
    cost.kept =
        std::find(options.removed.begin(), options.removed.end(), cost.block) == options.removed.end();
    out.costs.push_back(std::move(cost));
  }
  return out;
}

}  // namespace npusim::scale
