#include "hw_models/midap/order.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "sim/base/error.h"

namespace npusim::midap {

namespace {

struct Block;

/// A layer, or the branches between a fork and a join.
struct Node {
  LayerId layer = kNoLayer;
  const Block* block = nullptr;
  bool operator==(const Node&) const = default;
};
using Path = std::vector<Node>;

void append(Path& path, const Node& node) {
  if (std::find(path.begin(), path.end(), node) == path.end()) path.push_back(node);
}

/// Branches from `source` to `sink`, without either.
struct Block {
  LayerId source = kNoLayer;
  LayerId sink = kNoLayer;
  int nesting = 1;
  mutable std::vector<Path> paths;
  mutable std::vector<std::int64_t> stationary;  ///< banks of the source kept while each path runs
  mutable std::vector<std::int64_t> costs;
  mutable std::int64_t total_cost = 0;
  mutable std::int64_t banks_needed = 0;
  mutable std::int64_t banks = 0;  ///< available
};

/// Not a network of forks and joins, or of too many inside one another.
struct Irregular {};

/// Forks inside forks whose kept banks are still tried against one another: the tries multiply.
constexpr int kMostNesting = 5;

class Orderer {
 public:
  Orderer(const Spec& spec, Network& net) : spec_(spec), net_(net) {}

  void run() {
    const auto backup = net_;
    try {
      if (net_.inputs.size() != 1) throw Irregular{};
      find_depths();
      follow();
      check_complete();
    } catch (const Irregular&) {
      net_ = backup;
      plain_order();
    }
  }

 private:
  // --- structure ---

  void find_depths() {
    std::vector<LayerId> wave = net_.inputs;
    std::map<LayerId, std::size_t> arrived;
    for (std::int64_t depth = 0; !wave.empty(); ++depth) {
      std::vector<LayerId> next;
      for (const LayerId id : wave) {
        const Layer& layer = net_.at(id);
        const bool joins = layer.kind == Kind::concat || layer.kind == Kind::arithmetic;
        const std::set<LayerId> sources(layer.inputs.begin(), layer.inputs.end());
        if (joins && ++arrived[id] != sources.size()) continue;
        depth_[id] = depth;
        next.insert(next.end(), layer.next.begin(), layer.next.end());
      }
      wave = std::move(next);
    }
  }

  void follow() {
    Path path = {{net_.inputs[0], nullptr}};
    while (true) {
      Layer& leaf = net_.at(path.back().layer);
      if (leaf.next.empty()) break;
      if (leaf.next.size() == 1) {
        if (leaf.reduction != kNoLayer) leaf.schedule.output_stationary = 0;
        path.push_back({leaf.next[0], nullptr});
      } else {
        for (const Node& node : fork(path.back().layer)) append(path, node);
      }
    }
    for (const Node& node : path) flatten(node);
  }

  void flatten(const Node& node) {
    if (node.block == nullptr) {
      if (net_.at(node.layer).kind != Kind::input) net_.order.push_back(node.layer);
      return;
    }
    for (const Path& path : node.block->paths) {
      for (const Node& inner : path) flatten(inner);
    }
  }

  /// The path from a layer with several readers to where all of them have met.
  Path fork(LayerId source) {
    std::vector<Path> paths;
    std::int64_t depth = INT64_MAX;
    for (const LayerId next : net_.at(source).next) {
      paths.push_back({{source, nullptr}, {next, nullptr}});
      depth = std::min(depth, depth_of(next));
    }
    while (paths.size() > 1) {
      extend(paths, depth);
      ++depth;
      join(paths, depth);
    }
    return paths[0];
  }

  [[nodiscard]] std::int64_t depth_of(LayerId id) const {
    const auto found = depth_.find(id);
    if (found == depth_.end()) throw Irregular{};
    return found->second;
  }

  void extend(std::vector<Path>& paths, std::int64_t depth) {
    for (Path& path : paths) {
      const LayerId last = path.back().layer;
      const Layer& layer = net_.at(last);
      if (depth_of(last) > depth) continue;
      if (depth_of(last) < depth || layer.next.empty()) throw Irregular{};
      if (layer.next.size() > 1) {
        for (const Node& node : fork(last)) append(path, node);
      } else {
        append(path, {layer.next[0], nullptr});
      }
    }
  }

  /// Makes blocks of the paths that have met, the later ones first.
  void join(std::vector<Path>& paths, std::int64_t depth) {
    std::vector<std::vector<Path>> groups;
    std::set<LayerId> met;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const LayerId last = paths[i].back().layer;
      if (depth_of(last) > depth || met.count(last) != 0) continue;
      std::vector<Path> group;
      for (std::size_t j = i + 1; j < paths.size(); ++j) {
        if (paths[j].back().layer == last) group.push_back(paths[j]);
      }
      if (group.empty()) continue;
      group.push_back(paths[i]);
      groups.push_back(std::move(group));
      met.insert(last);
    }
    for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
      std::erase_if(paths, [&](const Path& path) {
        return std::find(group->begin(), group->end(), path) != group->end();
      });
      paths.push_back(merged(*group));
    }
  }

  Path merged(const std::vector<Path>& group) {
    Path path;
    std::size_t common = 0;
    const auto same = [&](std::size_t i) {
      return std::all_of(group.begin(), group.end(),
                         [&](const Path& other) { return i < other.size() && other[i] == group[0][i]; });
    };
    while (same(common)) append(path, group[0][common++]);
    if (common == 0) throw Irregular{};
    auto block = std::make_unique<Block>();
    block->source = path.back().layer;
    block->sink = group[0].back().layer;
    if (block->source == kNoLayer) throw Irregular{};
    for (const Path& other : group) {
      block->paths.emplace_back(other.begin() + static_cast<std::ptrdiff_t>(common), other.end() - 1);
    }
    for (const Path& other : block->paths) {
      for (const Node& node : other) {
        if (node.block != nullptr) block->nesting = std::max(block->nesting, node.block->nesting + 1);
      }
    }
    if (block->nesting > kMostNesting) throw Irregular{};
    arrange(*block, spec_.banks, 0);
    append(path, {kNoLayer, block.get()});
    append(path, {block->sink, nullptr});
    blocks_.push_back(std::move(block));
    return path;
  }

  // --- order of paths, banks kept ---

  void arrange(const Block& block, std::int64_t banks, std::int64_t last_stationary) {
    block.banks = banks;
    block.costs.clear();
    block.stationary.clear();
    block.total_cost = 0;
    sort_paths(block);
    keep_inputs(block, last_stationary);
    keep_outputs(block);
  }

  [[nodiscard]] bool reduces(const Block& block) const { return net_.at(block.source).reduction != kNoLayer; }

  void sort_paths(const Block& block) {
    std::optional<Path> last;
    if (reduces(block)) {
      last = block.paths.front();
      block.paths.erase(block.paths.begin());
    }
    const auto pressure = [&](const Path& path) {
      std::int64_t sum = 0;
      for (std::size_t i = 0; i + 1 < path.size(); ++i) {
        sum += path[i].block != nullptr
                   ? std::max<std::int64_t>(0, path[i].block->total_cost)
                   : std::max<std::int64_t>(
                         0, net_.at(path[i].layer).banks_needed - std::max<std::int64_t>(block.banks - 1, 0));
      }
      return 100 * sum + static_cast<std::int64_t>(path.size());
    };
    std::stable_sort(block.paths.begin(), block.paths.end(),
                     [&](const Path& a, const Path& b) { return pressure(a) < pressure(b); });
    if (last) block.paths.push_back(*last);
  }

  [[nodiscard]] bool cropped(const Block& block) const {
    return std::any_of(block.paths.begin(), block.paths.end(), [&](const Path& path) {
      if (path.empty()) return false;
      if (path[0].block != nullptr) return cropped(*path[0].block);
      const Layer& layer = net_.at(path[0].layer);
      return layer.crop_left != 0 || layer.crop_right != 0;
    });
  }

  void keep_inputs(const Block& block, std::int64_t last_stationary) {
    const Layer& source = net_.at(block.source);
    const std::int64_t needed = source.banks_needed;
    std::int64_t on_chip = std::min(spec_.banks - 1, needed);
    for (std::size_t i = 0; i + 1 < block.paths.size(); ++i) {
      const bool none = cropped(block);
      const std::int64_t most = none ? 0 : std::min(needed, block.banks - 1);
      std::int64_t best = -1;
      std::int64_t least = INT64_MAX;
      for (std::int64_t kept = most; kept >= (none ? 0 : 1); --kept) {
        const std::int64_t reloaded = needed - kept;
        const std::int64_t cost = std::max<std::int64_t>(reloaded - 1, 0) * source.bank_fill +
                                  (reloaded != 0 ? source.last_fill : 0) +
                                  path_cost(block, block.paths[i], kept, on_chip);
        if (cost < least) {
          least = cost;
          best = kept;
        }
      }
      add_path(block, best, least);
      on_chip = best;
    }
    add_path(block, last_stationary, path_cost(block, block.paths.back(), last_stationary, on_chip));
    for (std::size_t i = 0; i < block.paths.size(); ++i) {
      const Path& path = block.paths[i];
      if (path.empty() || path[0].block != nullptr) continue;
      net_.at(path[0].layer).schedule.input_stationary = block.stationary[i];
    }
  }

  static void add_path(const Block& block, std::int64_t stationary, std::int64_t cost) {
    block.stationary.push_back(stationary);
    block.costs.push_back(cost);
    block.total_cost += cost;
  }

  /// Bytes of spilled results and of weights fetched again along a path.
  std::int64_t path_cost(const Block& block, const Path& path, std::int64_t stationary,
                         std::int64_t on_chip) {
    std::int64_t cost = 0;
    std::int64_t input_banks = 0;
    const std::int64_t source_banks = net_.at(block.source).banks_needed;
    for (std::size_t i = 0; i < path.size(); ++i) {
      if (path[i].block != nullptr) {
        const Block& inner = *path[i].block;
        const std::int64_t kept = i == 0 ? stationary : 0;
        arrange(inner, block.banks - (stationary - kept), kept);
        cost += *std::max_element(inner.costs.begin(), inner.costs.end());
        input_banks = net_.at(inner.sink).banks_needed;
        continue;
      }
      const Layer& layer = net_.at(path[i].layer);
      const std::int64_t available = block.banks - stationary - (source_banks - on_chip > 0 ? 1 : 0);
      if (input_banks == 0) input_banks = source_banks;
      if (i + 1 != path.size()) {
        cost += 2 * std::max<std::int64_t>(layer.map_bytes - available * layer.bank_fill, 0);
      }
      const std::int64_t passes =
          layer.weights_fetched_once()
              ? 1
              : ceil_div(input_banks - (i == 0 ? stationary : 0), std::max<std::int64_t>(available + 1, 1));
      if (layer.convolution()) cost += passes * layer.weight_bytes();
      input_banks = layer.banks_needed;
    }
    return cost;
  }

  void keep_outputs(const Block& block) {
    std::int64_t most = 0;
    std::ptrdiff_t most_path = -1;
    for (std::size_t i = 0; i < block.paths.size(); ++i) {
      if (reduces(block)) {
        most = block.banks;
        break;
      }
      const std::int64_t kept = block.stationary[i];
      most = std::max(most, kept);
      for (std::size_t j = 0; j + 1 < block.paths[i].size(); ++j) {
        const Node& node = block.paths[i][j];
        most_path = static_cast<std::ptrdiff_t>(i);
        most = std::max(most, kept + (node.block != nullptr ? node.block->banks_needed
                                                            : net_.at(node.layer).banks_needed));
      }
    }
    const std::int64_t kept = keep_result(block, most);
    block.banks_needed = most + (most_path != 0 ? kept : 0);
  }

  std::int64_t keep_result(const Block& block, std::int64_t most) {
    Layer& sink = net_.at(block.sink);
    const auto& paths = block.paths;
    const bool direct =
        std::any_of(paths.begin(), paths.end(), [](const Path& path) { return path.empty(); });
    std::int64_t kept = direct ? 0 : std::max<std::int64_t>(0, block.banks - 1 - most);
    kept = std::min(sink.banks_needed, kept);
    if (sink.kind == Kind::concat) {
      const bool along_x = net_.at(sink.inputs.back()).x_begin != 0;
      if (along_x) kept = 0;
      for (const LayerId input : sink.inputs) net_.at(input).schedule.output_stationary = kept;
      return kept;
    }
    if (sink.kind != Kind::arithmetic) return kept;
    if (!sink.broadcast && paths.size() == 2) stream_first(block, sink);
    if (!paths[0].empty()) net_.at(end_of(block, paths[0])).schedule.output_stationary = 0;
    return 0;
  }

  /// What the path that runs first leaves behind is streamed; the last path's result stays in the banks.
  void stream_first(const Block& block, Layer& sink) {
    const LayerId first = end_of(block, block.paths[0]);
    auto& readers = net_.at(first).next;
    const auto found = std::find(readers.begin(), readers.end(), block.sink);
    if (found == readers.end()) return;
    readers.erase(found);
    net_.at(first).write_on_dram = true;
    sink.inputs = {end_of(block, block.paths[1]), first};
  }

  /// The layer whose result a path hands to the block's sink. Branches that cross one another (as in
  /// NAS-Bench-201's cells) give a block inside that ends at the same sink: no network of forks and joins.
  static LayerId end_of(const Block& block, const Path& path) {
    if (path.empty()) return block.source;
    if (path.back().block != nullptr) throw Irregular{};
    return path.back().layer;
  }

  // --- other networks ---

  void check_complete() const {
    std::set<LayerId> done(net_.order.begin(), net_.order.end());
    for (std::size_t i = 0; i < net_.layers.size(); ++i) {
      if (net_.layers[i].kind != Kind::input && done.count(static_cast<LayerId>(i)) == 0) throw Irregular{};
    }
    if (done.size() != net_.order.size()) throw Irregular{};
  }

  void plain_order() {
    net_.order.clear();
    for (std::size_t i = 0; i < net_.layers.size(); ++i) {
      Layer& layer = net_.layers[i];
      if (layer.kind == Kind::input || layer.kind == Kind::reduce) continue;
      net_.order.push_back(static_cast<LayerId>(i));
      if (layer.reduction != kNoLayer) net_.order.push_back(layer.reduction);
      if (layer.kind == Kind::arithmetic && !layer.broadcast) {
        if (layer.inputs[0] < layer.inputs[1]) std::swap(layer.inputs[0], layer.inputs[1]);
        net_.at(layer.inputs[1]).write_on_dram = true;
      }
      if (layer.kind == Kind::concat) {
        for (const LayerId input : layer.inputs) net_.at(input).schedule.output_stationary = 0;
      }
    }
  }

  const Spec& spec_;
  Network& net_;
  std::map<LayerId, std::int64_t> depth_;
  std::vector<std::unique_ptr<Block>> blocks_;
};

}  // namespace

void order_layers(const Spec& spec, Network& net) { Orderer(spec, net).run(); }

}  // namespace npusim::midap
