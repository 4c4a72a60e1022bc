#include "nas/scale/splice.h"

#include <vector>

#include "sim/base/error.h"

namespace npusim::scale {

ir::TensorId splice(ir::Graph& graph, std::size_t at, const ir::Graph& part, ir::TensorId x) {
  ensure(part.inputs.size() == 1 && part.outputs.size() == 1 && part.prepared.empty(), "a part to splice in");
  const ir::DType type = graph.tensor(x).dtype;
  std::vector<ir::TensorId> ids;
  for (std::size_t t = 0; t < part.tensors.size(); ++t) {
    if (static_cast<ir::TensorId>(t) == part.inputs.front()) {
      ids.push_back(x);
      continue;
    }
    ir::Tensor tensor = part.tensors[t];
    if (tensor.dtype == ir::DType::f32) tensor.dtype = type;
    ids.push_back(graph.add_tensor(std::move(tensor)));
  }
  const auto renumber = [&](ir::TensorId& id) {
    if (id != ir::kNoTensor) id = ids[static_cast<std::size_t>(id)];
  };
  std::vector<ir::Op> ops = part.ops;
  for (ir::Op& op : ops) {
    for (ir::TensorId& id : op.inputs) renumber(id);
    for (ir::TensorId& id : op.outputs) renumber(id);
    for (ir::FusedStep& step : op.fused) renumber(step.operand);
  }
  graph.ops.insert(graph.ops.begin() + static_cast<std::ptrdiff_t>(at), std::make_move_iterator(ops.begin()),
                   std::make_move_iterator(ops.end()));
  return ids[static_cast<std::size_t>(part.outputs.front())];
}

}  // namespace npusim::scale
