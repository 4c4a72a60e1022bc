#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "workloads/ir/describe.h"
#include "workloads/ir/graph.h"

namespace npusim::ir {

namespace {

/// "1x3x224x224 fp32", "1x3x224x224 fp32 stored as uint8".
std::string type_of(const Tensor& tensor) {
  const std::string type = fmt::format("{} {}", to_string(tensor.shape), to_string(tensor.dtype));
  return tensor.storage ? fmt::format("{} stored as {}", type, to_string(tensor.storage->dtype)) : type;
}

}  // namespace

std::string print(const Graph& graph) {
  std::size_t width = 0;
  for (const Op& op : graph.ops) width = std::max(width, op.name.size());
  std::string out = fmt::format("graph {}\n", graph.name);
  for (const TensorId id : graph.inputs) {
    const Tensor& tensor = graph.tensor(id);
    out += fmt::format("  input {} {}\n", tensor.name, type_of(tensor));
  }
  const auto shapes = [&](const std::vector<TensorId>& ids) {
    std::vector<std::string> parts;
    for (const TensorId id : ids) parts.push_back(id == kNoTensor ? "-" : to_string(graph.shape(id)));
    return fmt::format("{}", fmt::join(parts, ", "));
  };
  for (const Op& op : graph.ops) {
    out += fmt::format("  {:<{}}  {}", op.name, width, describe(op));
    for (const FusedStep& step : op.fused) out += fmt::format(" +{}", describe(step.op));
    out += fmt::format("  ({}) -> {}", shapes(op.inputs), shapes(op.outputs));
    if (const Macs work = macs(graph, op); work.count() > 0) out += fmt::format("  {} MACs", work.count());
    out += '\n';
  }
  for (const TensorId id : graph.outputs) {
    const Tensor& tensor = graph.tensor(id);
    out += fmt::format("  output {} {}\n", tensor.name, type_of(tensor));
  }
  return out + fmt::format("total: {} operators, {} MACs, {} parameters\n", graph.ops.size(),
                           macs(graph).count(), parameters(graph));
}

}  // namespace npusim::ir
