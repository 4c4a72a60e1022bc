#include <algorithm>
#include <array>

#include "nas/search/evaluators_proxies.h"
#include "sim/base/error.h"

namespace npusim::search {
namespace {

using ir::OpKind;
using ir::Shape;

/// Outputs whose shapes are stored in the graph rather than following from inputs.
std::vector<Shape> stored_shapes(const ir::Graph& before, const ir::Graph& graph, const ir::Op& op) {
  const Shape& old_in = before.tensor(op.inputs.at(0)).shape;
  const Shape& in = graph.tensor(op.inputs.at(0)).shape;
  Shape out = before.tensor(op.outputs.at(0)).shape;
  if (in.empty() || out.empty()) return {out};
  out[0] = in[0];
  if (op.kind == OpKind::reshape && out.size() == 2) {
    out[1] = ir::elements(in) / in[0];
  } else if (op.kind == OpKind::resize) {
    for (std::size_t i = 1; i < out.size(); ++i) out[i] = out[i] * in[i] / old_in[i];
  } else {
    const bool only_batch = std::equal(in.begin() + 1, in.end(), old_in.begin() + 1, old_in.end());
    if (!only_batch) throw UserError(op.name + ": its shape is fixed");
  }
  if (op.kind == OpKind::reshape && ir::elements(out) != ir::elements(in)) {
    throw UserError(op.name + ": its shape is fixed");
  }
  return {out};
}

bool has_stored_shape(OpKind kind) {
  return kind == OpKind::reshape || kind == OpKind::expand || kind == OpKind::resize ||
         kind == OpKind::slice || kind == OpKind::shape_of;
}

/// Throws UserError where a shape cannot follow. Side 0: only the batch changes.
ir::Graph with_image(const ir::Graph& before, std::int64_t batch, std::int64_t side) {
  ir::Graph graph = before;
  for (const ir::TensorId id : graph.inputs) {
    Shape& shape = graph.tensor(id).shape;
    if (!shape.empty()) shape[0] = batch;
    if (side == 0 || shape.size() != 4) continue;
    const std::int64_t longest = std::max(shape[2], shape[3]);
    for (const std::size_t axis : {2U, 3U}) {
      shape[axis] = std::max<std::int64_t>(1, shape[axis] * side / longest);
    }
  }
  for (const ir::Op& op : graph.ops) {
    const std::vector<Shape> shapes =
        has_stored_shape(op.kind) ? stored_shapes(before, graph, op) : ir::infer_shapes(graph, op);
    for (std::size_t i = 0; i < op.outputs.size(); ++i) {
      for (const std::int64_t size : shapes[i]) {
        if (size < 1) throw UserError(op.name + ": nothing is left of the image");
      }
      graph.tensor(op.outputs[i]).shape = shapes[i];
    }
  }
  return graph;
}

}  // namespace

ir::Graph resized(const ir::Graph& graph, std::int64_t batch, std::int64_t side) {
  const Shape& image = graph.tensor(graph.inputs.at(0)).shape;
  const std::int64_t full = image.size() == 4 ? std::max(image[2], image[3]) : 0;
  for (std::int64_t tried = side; tried < full; tried *= 2) {
    try {
      return with_image(graph, batch, tried);
    } catch (const UserError&) {
      continue;  // too small, or a layer's weights depend on the size
    }
  }
  return with_image(graph, batch, 0);
}

}  // namespace npusim::search
