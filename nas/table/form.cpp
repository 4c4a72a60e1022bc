#include "nas/table/form.h"

#include <algorithm>
#include <set>

namespace npusim::table {
namespace {

using ir::OpKind;

const ir::ConvAttrs& conv_of(const ir::Op& op) { return std::get<ir::ConvAttrs>(op.attrs); }

/// What form_of() collects in one walk.
struct Parts {
  std::vector<const ir::Op*> convs;      ///< of the main path
  std::vector<const ir::Op*> squeezing;  ///< of Squeeze-and-Excitation: on maps of 1x1 made by a pool
  bool matmul = false;
  bool reduce = false;
  bool concat = false;
};

bool is_single_cell(const ir::Shape& shape) { return shape.size() == 4 && shape[2] == 1 && shape[3] == 1; }

Parts parts_of(const ir::Graph& graph) {
  Parts parts;
  const bool map = !is_single_cell(graph.shape(graph.inputs[0]));
  for (const ir::Op& op : graph.ops) {
    if (op.kind == OpKind::conv) {
      const bool squeezed = map && parts.reduce && is_single_cell(graph.shape(op.inputs[0]));
      (squeezed ? parts.squeezing : parts.convs).push_back(&op);
    }
    parts.matmul = parts.matmul || op.kind == OpKind::matmul;
    parts.reduce = parts.reduce || op.kind == OpKind::reduce || op.kind == OpKind::pool;
    parts.concat = parts.concat || op.kind == OpKind::concat;
  }
  return parts;
}

bool depthwise(const ir::Graph& graph, const ir::Op& op) {
  const std::int64_t groups = conv_of(op).groups;
  return groups > 1 && groups == graph.shape(op.inputs[0])[1];
}

Kind kind_of(const ir::Graph& graph, const Parts& parts) {
  const auto& convs = parts.convs;
  if (convs.empty()) {
    if (parts.matmul) return Kind::dense;
    return parts.reduce ? Kind::pool : Kind::other;
  }
  if (convs.size() == 1) return depthwise(graph, *convs[0]) ? Kind::depthwise : Kind::conv;
  if (parts.concat) return Kind::mixconv;
  const std::size_t filter = convs.size() - 2;
  const bool projects = conv_of(*convs.back()).window.kernel == ir::Hw{1, 1};
  if (convs.size() > 3 || !projects) return Kind::other;
  if (depthwise(graph, *convs[filter])) return Kind::mbconv;
  return convs.size() == 2 ? Kind::fused : Kind::other;
}

std::string first_act(const ir::Graph& graph) {
  for (const ir::Op& op : graph.ops) {
    if (op.kind != OpKind::elementwise) continue;
    const auto& attrs = std::get<ir::ElementwiseAttrs>(op.attrs);
    if (op.inputs.size() != 1) continue;
    const bool relu6 = attrs.function == ir::Function::clip && attrs.alpha == 0 && attrs.beta == 6;
    return relu6 ? "relu6" : std::string(ir::to_string(attrs.function));
  }
  return "";
}

bool adds_input(const ir::Graph& graph) {
  return std::any_of(graph.ops.begin(), graph.ops.end(), [&](const ir::Op& op) {
    if (op.kind != OpKind::elementwise) return false;
    if (std::get<ir::ElementwiseAttrs>(op.attrs).function != ir::Function::add) return false;
    return std::find(op.inputs.begin(), op.inputs.end(), graph.inputs[0]) != op.inputs.end();
  });
}

}  // namespace

std::string_view to_string(Kind kind) {
  constexpr std::string_view kNames[] = {"conv",    "depthwise", "mbconv", "fused",
                                         "mixconv", "dense",     "pool",   "other"};
  return kNames[static_cast<std::size_t>(kind)];
}

ir::Graph network_of(const space::Block& block, std::int64_t batch) {
  ir::Shape input = block.input;
  input.at(0) = batch;
  zoo::Builder b(block.name, input);
  return b.finish(block.append(b, "b0_", b.input()));
}

Form form_of(const ir::Graph& graph) {
  const Parts parts = parts_of(graph);
  Form form;
  form.kind = kind_of(graph, parts);
  form.convolutions = static_cast<std::int64_t>(parts.convs.size()) + (parts.matmul ? 1 : 0);
  for (const ir::Op* op : parts.convs) {
    const ir::ConvAttrs& conv = conv_of(*op);
    form.kernel = std::max(form.kernel, conv.window.kernel.h);
    form.stride = std::max(form.stride, conv.window.stride.h);
    form.groups = std::max(form.groups, conv.groups);
  }
  if (form.kind == Kind::mbconv || form.kind == Kind::fused || form.kind == Kind::mixconv) {
    form.expanded = graph.shape(parts.convs.back()->inputs[0])[1];
  }
  if (!parts.squeezing.empty()) form.squeeze = graph.shape(parts.squeezing[0]->outputs[0])[1];
  form.skip = adds_input(graph);
  form.act = first_act(graph);
  return form;
}

}  // namespace npusim::table
