#include "nas/scale/residual.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "nas/scale/splice.h"
#include "workloads/passes/editor.h"

namespace npusim::scale {
namespace {

using ir::TensorId;
using passes::Editor;

class Finder {
 public:
  explicit Finder(const ir::Graph& graph) : graph_(graph), editor_(graph_) {}

  std::vector<ResidualStage> run() {
    std::vector<ResidualStage> stages;
    std::set<std::size_t> taken;
    for (std::size_t i = 0; i < graph_.ops.size(); ++i) {
      const std::optional<ResidualBlock> block = block_at(i);
      if (!block) continue;
      const auto is_taken = [&](std::size_t op) { return taken.count(op) > 0; };
      if (std::any_of(block->ops.begin(), block->ops.end(), is_taken)) continue;
      taken.insert(block->ops.begin(), block->ops.end());
      ir::Shape shape = graph_.shape(block->input);
      shape.erase(shape.begin());
      const std::string name = ir::to_string(shape);
      if (stages.empty() || stages.back().name != name) stages.push_back({name, {}});
      stages.back().blocks.push_back(*block);
    }
    return stages;
  }

 private:
  [[nodiscard]] std::optional<ResidualBlock> block_at(std::size_t at) {
    const ir::Op& sum = graph_.ops[at];
    if (!editor_.is(static_cast<ir::OpId>(at), ir::Function::add) || sum.inputs.size() != 2) return {};
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const TensorId x = sum.inputs[side];
      const ir::Shape shape = graph_.shape(x);
      if (shape.size() != 4 || shape != graph_.shape(sum.outputs.front()) || editor_.is_weight(x)) continue;
      std::set<std::size_t> ops = between(x, sum.inputs[1 - side]);
      if (ops.empty()) continue;
      ops.insert(at);
      const std::size_t last = with_function(ops, at);
      ResidualBlock block{x, graph_.ops[last].outputs.front(), {ops.begin(), ops.end()}, 0};
      if (!closed(block)) continue;
      block.parameters = parameters_of(block);
      return block;
    }
    return {};
  }

  /// The operators that compute `y` from `x` and weights alone; empty where there are none such.
  [[nodiscard]] std::set<std::size_t> between(TensorId x, TensorId y) const {
    std::set<std::size_t> found;
    std::vector<TensorId> open{y};
    while (!open.empty()) {
      const TensorId id = open.back();
      open.pop_back();
      if (id == x) continue;
      const ir::OpId producer = editor_.producer(id);
      if (producer == Editor::kNoOp) return {};
      // What comes before x cannot be between: going on there ends at the network's input.
      if (!found.insert(static_cast<std::size_t>(producer)).second) continue;
      for (const TensorId input : editor_.op(producer).inputs) {
        if (input != ir::kNoTensor && !editor_.is_weight(input)) open.push_back(input);
      }
    }
    return found;
  }

  /// Takes the activation behind the sum in, where the sum has no other reader; gives the last operator.
  std::size_t with_function(std::set<std::size_t>& ops, std::size_t sum) const {
    const TensorId out = graph_.ops[sum].outputs.front();
    if (!editor_.single_use(out)) return sum;
    const auto reader = static_cast<std::size_t>(editor_.readers(out).front());
    const ir::Op& op = graph_.ops[reader];
    if (op.kind != ir::OpKind::elementwise || op.inputs.size() != 1) return sum;
    ops.insert(reader);
    return reader;
  }

  [[nodiscard]] bool closed(const ResidualBlock& block) const {
    for (const std::size_t op : block.ops) {
      for (const TensorId out : graph_.ops[op].outputs) {
        if (out == block.output) continue;
        if (editor_.is_output(out)) return false;
        for (const ir::OpId reader : editor_.readers(out)) {
          if (!std::binary_search(block.ops.begin(), block.ops.end(), static_cast<std::size_t>(reader)))
            return false;
        }
      }
    }
    return true;
  }

  [[nodiscard]] std::int64_t parameters_of(const ResidualBlock& block) const {
    std::set<TensorId> weights;
    for (const std::size_t op : block.ops) {
      for (const TensorId input : graph_.ops[op].inputs) {
        if (editor_.is_weight(input)) weights.insert(input);
      }
    }
    std::int64_t sum = 0;
    for (const TensorId weight : weights) sum += ir::elements(graph_.shape(weight));
    return sum;
  }

  ir::Graph graph_;
  Editor editor_;
};

/// The block alone, everything in it called anew; weights that only their values tell apart stay constants.
ir::Graph part_of(const ir::Graph& graph, const ResidualBlock& block, const std::string& suffix) {
  ir::Graph part;
  std::map<TensorId, TensorId> ids;
  const auto id_of = [&](TensorId id) {
    if (id == ir::kNoTensor) return id;
    const auto [at, fresh] = ids.emplace(id, 0);
    if (fresh) {
      ir::Tensor tensor = graph.tensor(id);
      if (id != block.input) tensor.name += suffix;
      at->second = part.add_tensor(std::move(tensor));
    }
    return at->second;
  };
  part.inputs = {id_of(block.input)};
  for (const std::size_t i : block.ops) {
    ir::Op op = graph.ops[i];
    op.name += suffix;
    for (TensorId& id : op.inputs) id = id_of(id);
    for (TensorId& id : op.outputs) id = id_of(id);
    part.ops.push_back(std::move(op));
  }
  part.outputs = {id_of(block.output)};
  return part;
}

void replace(std::vector<TensorId>& ids, TensorId from, TensorId to) {
  std::replace(ids.begin(), ids.end(), from, to);
}

void repeat(ir::Graph& graph, const ResidualBlock& block, std::size_t copies) {
  TensorId last = block.output;
  std::size_t end = block.ops.back() + 1;
  for (std::size_t c = 1; c <= copies; ++c) {
    const ir::Graph part = part_of(graph, block, fmt::format(".copy{}", c));
    last = splice(graph, end, part, last);
    end += block.ops.size();
  }
  for (std::size_t i = end; i < graph.ops.size(); ++i) replace(graph.ops[i].inputs, block.output, last);
  replace(graph.outputs, block.output, last);
}

void take_out(ir::Graph& graph, const ResidualBlock& block) {
  for (ir::Op& op : graph.ops) replace(op.inputs, block.output, block.input);
  replace(graph.outputs, block.output, block.input);
  for (std::size_t i = block.ops.size(); i-- > 0;) {
    graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(block.ops[i]));
  }
}

}  // namespace

std::vector<ResidualStage> residual_stages(const ir::Graph& graph) { return Finder(graph).run(); }

ir::Graph with_repeats(const ir::Graph& graph, const std::vector<ResidualStage>& stages,
                       const std::vector<std::vector<std::size_t>>& times) {
  ir::Graph changed = graph;
  for (std::size_t s = stages.size(); s-- > 0;) {  // from behind, so that indices stay valid
    for (std::size_t b = stages[s].blocks.size(); b-- > 0;) {
      const ResidualBlock& block = stages[s].blocks[b];
      const std::size_t wanted = times.at(s).at(b);
      if (wanted == 0) take_out(changed, block);
      if (wanted > 1) repeat(changed, block, wanted - 1);
    }
  }
  ir::verify(changed);
  return changed;
}

}  // namespace npusim::scale
