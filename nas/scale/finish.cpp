#include "nas/scale/finish.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "nas/scale/splice.h"
#include "sim/base/error.h"
#include "workloads/passes/editor.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/builder.h"

namespace npusim::scale {
namespace {

using ir::Function;
using ir::OpKind;
using ir::TensorId;
using passes::Editor;

/// Operators between a mean and its product; longer ones are no Squeeze-and-Excitation.
constexpr std::size_t kLongestGate = 24;
constexpr std::string_view kSuffix = ".se";

/// "stage1.0" of "stage1.0.project"; the name itself where nothing is before the last '.' or '/'.
std::string parent(const std::string& name) {
  const std::size_t at = name.find_last_of("./");
  return at == std::string::npos || at == 0 ? name : name.substr(0, at);
}

std::string block_of_product(const std::string& name) {
  std::string block = parent(name);
  if (block.size() > kSuffix.size() && block.ends_with(kSuffix)) block.resize(block.size() - kSuffix.size());
  return block;
}

const ir::ElementwiseAttrs* function_of(const ir::Op& op) {
  return std::get_if<ir::ElementwiseAttrs>(&op.attrs);
}

bool is_image_mean(const ir::Graph& graph, const ir::Op& op) {
  if (const auto* reduce = std::get_if<ir::ReduceAttrs>(&op.attrs)) {
    return reduce->kind == ir::ReduceKind::mean && reduce->axes == std::vector<std::int64_t>{2, 3};
  }
  const auto* pool = std::get_if<ir::PoolAttrs>(&op.attrs);
  const ir::Shape out = graph.shape(op.outputs.front());
  return pool != nullptr && pool->kind == ir::PoolKind::average && out.size() == 4 && out[2] * out[3] == 1;
}

/// The operators that compute `gate` from the mean of `x` alone; empty where anything else goes in.
std::vector<std::size_t> gate_ops(const Editor& editor, const ir::Graph& graph, TensorId x, TensorId gate) {
  std::set<std::size_t> found;
  std::vector<TensorId> open{gate};
  bool meets_mean = false;
  while (!open.empty()) {
    const ir::OpId id = editor.producer(open.back());
    open.pop_back();
    if (id == Editor::kNoOp) return {};
    if (!found.insert(static_cast<std::size_t>(id)).second) continue;
    if (found.size() > kLongestGate) return {};
    for (const TensorId input : editor.op(id).inputs) {
      if (input == ir::kNoTensor || editor.is_weight(input)) continue;
      if (input != x) {
        open.push_back(input);
        continue;
      }
      if (!is_image_mean(graph, editor.op(id))) return {};
      meets_mean = true;
    }
  }
  return meets_mean ? std::vector<std::size_t>(found.begin(), found.end()) : std::vector<std::size_t>{};
}

bool is_gate_of(const ir::Shape& gate, const ir::Shape& x) {
  return gate.size() == 4 && x.size() == 4 && gate[1] == x[1] && gate[2] == 1 && gate[3] == 1;
}

bool is_depthwise(const ir::Graph& graph, const ir::Op& op) {
  const auto* conv = std::get_if<ir::ConvAttrs>(&op.attrs);
  return op.kind == OpKind::conv && conv != nullptr && conv->groups > 1 &&
         conv->groups == graph.shape(op.inputs.at(0)).at(1);
}

bool is_pointwise(const ir::Op& op) {
  const auto* conv = std::get_if<ir::ConvAttrs>(&op.attrs);
  return op.kind == OpKind::conv && conv != nullptr && conv->groups == 1 &&
         conv->window.kernel == ir::Hw{1, 1};
}

/// The convolution whose result this is, behind BatchNorm and functions of one operand.
ir::OpId convolution_before(const Editor& editor, TensorId x) {
  for (;;) {
    const ir::OpId id = editor.producer(x);
    if (id == Editor::kNoOp || editor.op(id).kind == OpKind::conv) return id;
    const ir::Op& op = editor.op(id);
    const bool unary = op.kind == OpKind::elementwise && op.inputs.size() == 1;
    if (!unary && op.kind != OpKind::norm) return Editor::kNoOp;
    x = op.inputs.front();
  }
}

/// The depthwise convolutions whose results make up `x`; empty where it is made otherwise.
std::vector<ir::OpId> depthwise_before(const Editor& editor, const ir::Graph& graph, TensorId x) {
  const ir::OpId producer = editor.producer(x);
  std::vector<TensorId> parts{x};
  if (producer != Editor::kNoOp && editor.op(producer).kind == OpKind::concat)
    parts = editor.op(producer).inputs;
  std::vector<ir::OpId> found;
  for (const TensorId part : parts) {
    const ir::OpId id = convolution_before(editor, part);
    if (id == Editor::kNoOp || !is_depthwise(graph, editor.op(id))) return {};
    found.push_back(id);
  }
  return found;
}

std::int64_t block_channels(const Editor& editor, const ir::Graph& graph, ir::OpId depthwise) {
  const TensorId x = editor.op(depthwise).inputs.at(0);
  const ir::OpId before = convolution_before(editor, x);
  // A 1x1 that reads a depthwise convolution is the projection of the block before.
  const bool expansion = before != Editor::kNoOp && is_pointwise(editor.op(before)) &&
                         depthwise_before(editor, graph, editor.op(before).inputs.at(0)).empty();
  return graph.shape(expansion ? editor.op(before).inputs.at(0) : x).at(1);
}

/// A place for Squeeze-and-Excitation: what projects, and the block's input channels.
struct Spot {
  std::size_t projection = 0;
  std::int64_t channels = 0;
};

std::vector<Spot> spots(ir::Graph& graph) {
  const Editor editor(graph);
  std::vector<Spot> found;
  std::set<TensorId> excited;
  for (const Excitation& one : excitations(graph)) excited.insert(one.input);
  bool first = true;
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    const ir::Op& op = graph.ops[i];
    if (!is_pointwise(op) || !editor.single_use(op.inputs.at(0))) continue;
    const std::vector<ir::OpId> depthwise = depthwise_before(editor, graph, op.inputs[0]);
    if (depthwise.empty() || excited.count(op.inputs[0]) > 0) continue;
    if (!first) found.push_back({i, block_channels(editor, graph, depthwise.front())});
    first = false;
  }
  return found;
}

ir::Graph excitation(const std::string& name, const ir::Shape& shape, std::int64_t squeezed) {
  zoo::Builder b(name, shape);
  ir::Graph part = b.finish(b.squeeze_excite(name, b.input(), squeezed, zoo::Act::relu, zoo::Act::sigmoid));
  part.tensor(part.outputs.front()).name = part.ops.back().name + ".out";
  return part;
}

}  // namespace

std::vector<Excitation> excitations(const ir::Graph& graph) {
  ir::Graph copy = graph;  // an editor is for graphs under change
  const Editor editor(copy);
  std::vector<Excitation> all;
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    const ir::Op& op = graph.ops[i];
    const ir::ElementwiseAttrs* function = function_of(op);
    if (function == nullptr || function->function != Function::mul || op.inputs.size() != 2) continue;
    for (const std::size_t g : {std::size_t{0}, std::size_t{1}}) {
      const TensorId gate = op.inputs[g], x = op.inputs[1 - g];
      if (!is_gate_of(graph.shape(gate), graph.shape(x))) continue;
      Excitation one{block_of_product(op.name), x, gate, op.outputs.front(),
                     gate_ops(editor, graph, x, gate)};
      if (one.ops.empty()) continue;
      one.ops.push_back(i);
      const auto taken = [&](const Excitation& other) { return other.block == one.block; };
      if (std::any_of(all.begin(), all.end(), taken)) one.block = op.name;
      all.push_back(std::move(one));
      break;
    }
  }
  return all;
}

std::int64_t use_hard_swish(ir::Graph& graph) {
  std::set<std::size_t> inside;
  for (const Excitation& one : excitations(graph)) inside.insert(one.ops.begin(), one.ops.end());
  std::int64_t changed = 0;
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    ir::Op& op = graph.ops[i];
    const ir::ElementwiseAttrs* function = function_of(op);
    if (function == nullptr || inside.count(i) > 0) continue;
    const bool relu6 = function->function == Function::clip && function->alpha == 0 && function->beta == 6;
    if (function->function != Function::relu && !relu6) continue;
    op.attrs = ir::ElementwiseAttrs{Function::hard_swish};
    op.source_op = "HardSwish";
    const std::size_t dot = op.name.rfind(".relu");
    if (dot != std::string::npos && op.name.size() - dot <= std::string_view(".relu6").size()) {
      op.name = op.name.substr(0, dot) + ".hard_swish";
    }
    ++changed;
  }
  return changed;
}

std::vector<std::string> add_excitations(ir::Graph& graph, double ratio) {
  const std::vector<Spot> found = spots(graph);
  std::vector<std::string> names;
  for (const Spot& spot : found) {
    const std::string& projection = graph.ops[spot.projection].name;
    const std::string block = parent(projection);
    const bool taken = std::find(names.begin(), names.end(), block) != names.end();
    names.push_back(taken ? projection : block);
  }
  for (std::size_t s = found.size(); s-- > 0;) {  // from behind, so that indices stay valid
    const std::size_t at = found[s].projection;
    const TensorId x = graph.ops[at].inputs[0];
    const auto squeezed =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(found[s].channels) * ratio));
    const ir::Graph part = excitation(names[s] + std::string(kSuffix), graph.shape(x), squeezed);
    const TensorId excited = splice(graph, at, part, x);
    graph.ops[at + part.ops.size()].inputs[0] = excited;
  }
  ir::verify(graph);
  return names;
}

void remove_excitations(ir::Graph& graph, const std::vector<std::string>& blocks) {
  std::map<std::string, Excitation> all;
  std::vector<std::string> names;
  for (Excitation& one : excitations(graph)) {
    names.push_back(one.block);
    all.emplace(one.block, std::move(one));
  }
  for (const std::string& block : blocks) {
    if (all.count(block) > 0) continue;
    throw UserError(fmt::format("no block '{}' with Squeeze-and-Excitation{} (there are {})", block,
                                suggestion(block, names), fmt::join(names, ", ")));
  }
  Editor editor(graph);
  for (const std::string& block : blocks) {
    const Excitation& one = all.at(block);
    editor.replace_uses(one.output, one.input);
    editor.erase(static_cast<ir::OpId>(one.ops.back()));
  }
  editor.finish();
  passes::remove_dead(graph);
  ir::verify(graph);
}

}  // namespace npusim::scale
