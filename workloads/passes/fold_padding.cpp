#include <algorithm>

#include "workloads/passes/editor.h"
#include "workloads/passes/passes.h"

namespace npusim::passes {

namespace {

using ir::OpKind;

/// The spatial padding of a zero Pad of [N,C,L] or [N,C,H,W]; nullopt for any other.
std::optional<ir::Padding> spatial_padding(const ir::Op& op) {
  const auto& attrs = std::get<ir::PadAttrs>(op.attrs);
  const std::size_t rank = attrs.before.size();
  // A third input is a fill value other than zero.
  if (attrs.mode != ir::PadAttrs::Mode::constant || op.inputs.size() > 1 || rank < 3 || rank > 4)
    return std::nullopt;
  for (std::size_t i = 0; i < rank; ++i) {
    const bool spatial = i >= 2;
    if (attrs.before[i] < 0 || attrs.after[i] < 0) return std::nullopt;
    if (!spatial && attrs.before[i] + attrs.after[i] != 0) return std::nullopt;
  }
  ir::Padding pad{0, attrs.before.back(), 0, attrs.after.back()};
  if (rank == 4) pad.top = attrs.before[2], pad.bottom = attrs.after[2];
  return pad;
}

void widen(ir::Padding& pad, const ir::Padding& by) {
  pad.top += by.top;
  pad.left += by.left;
  pad.bottom += by.bottom;
  pad.right += by.right;
}

/// Lets `op` do the padding; false when it is not the same to it.
bool take_padding(ir::Op& op, const ir::Padding& pad) {
  if (op.kind == OpKind::conv) {
    widen(std::get<ir::ConvAttrs>(op.attrs).window.pad, pad);
    return true;
  }
  if (op.kind != OpKind::pool) return false;
  auto& attrs = std::get<ir::PoolAttrs>(op.attrs);
  // The maximum ignores a pool's own padding, but not zeros.
  if (attrs.kind != ir::PoolKind::average) return false;
  if (!attrs.count_include_pad && !(attrs.window.pad == ir::Padding{})) return false;
  widen(attrs.window.pad, pad);
  attrs.count_include_pad = true;
  return true;
}

}  // namespace

Removed fold_padding(ir::Graph& graph) {
  Editor editor(graph);
  for (ir::OpId id = 0; id < editor.ops(); ++id) {
    const ir::Op& pad = editor.op(id);
    if (pad.kind != OpKind::pad || !pad.fused.empty() || !editor.single_use(pad.outputs[0])) continue;
    const auto padding = spatial_padding(pad);
    if (!padding) continue;
    const ir::OpId next = editor.readers(pad.outputs[0]).front();
    if (editor.op(next).inputs[0] != pad.outputs[0] || !take_padding(editor.op(next), *padding)) continue;
    editor.op(next).source_op = join_sources(pad.source_op, editor.op(next).source_op);
    editor.set_input(next, 0, pad.inputs[0]);
    editor.erase(id);
  }
  return {editor.finish(), 0};
}

}  // namespace npusim::passes
