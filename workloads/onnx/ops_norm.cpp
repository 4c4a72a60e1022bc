// Normalisations and Softmax.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "workloads/onnx/ops.h"

namespace npusim::onnx {

namespace {

using ir::NormAttrs;
using ir::NormKind;
using ir::OpKind;

void batch_norm(Node& node) {
  node.expect_inputs(5, 5);
  if (node.integer("training_mode", 0) != 0) node.unsupported("training mode");
  if (node.integer("spatial", 1) == 0) node.unsupported("spatial = 0");
  node.result(OpKind::norm, NormAttrs{NormKind::batch, 1, node.number("epsilon", 1e-5)},
              {node.in(0), node.in(1), node.in(2), node.in(3), node.in(4)});
}

void instance_norm(Node& node) {
  node.expect_inputs(3, 3);
  node.result(OpKind::norm, NormAttrs{NormKind::instance, 1, node.number("epsilon", 1e-5)},
              {node.in(0), node.in(1), node.in(2)});
}

void layer_norm(Node& node) {
  node.expect_inputs(2, 3);
  const std::int64_t axis = node.axis(node.integer("axis", -1), node.shape(0).size());
  std::vector<ir::TensorId> inputs{node.in(0), node.in(1)};
  if (node.has(2)) inputs.push_back(node.in(2));
  node.result(OpKind::norm, NormAttrs{NormKind::layer, axis, node.number("epsilon", 1e-5)},
              std::move(inputs));
}

/// Before opset 13 Softmax is over all axes from `axis` on: a matrix of rows, unless all but one are of
/// size 1.
void softmax(Node& node) {
  node.expect_inputs(1, 1);
  const bool flat = node.opset() < 13;
  const ir::Shape x = node.shape(0);
  const std::int64_t axis = node.axis(node.integer("axis", flat ? 1 : -1), x.size());
  const auto first = x.begin() + axis;
  const bool rest = std::any_of(first + 1, x.end(), [](std::int64_t size) { return size != 1; });
  const bool log = node.type() == "LogSoftmax";
  const auto finish = [&](ir::TensorId id) {
    node.result(OpKind::elementwise, ir::ElementwiseAttrs{ir::Function::log, 0, 0}, {id});
  };
  if (!flat || !rest) {
    if (!log) return node.result(OpKind::softmax, ir::SoftmaxAttrs{axis}, {node.in(0)});
    return finish(node.step("softmax", OpKind::softmax, ir::SoftmaxAttrs{axis}, {node.in(0)}));
  }
  const ir::Shape matrix{std::accumulate(x.begin(), first, std::int64_t{1}, std::multiplies<>()),
                         std::accumulate(first, x.end(), std::int64_t{1}, std::multiplies<>())};
  ir::TensorId rows = node.step("flatten", OpKind::reshape, ir::ReshapeAttrs{}, {node.in(0)}, {{}, matrix});
  rows = node.step("softmax", OpKind::softmax, ir::SoftmaxAttrs{1}, {rows});
  if (!log) return node.result(OpKind::reshape, ir::ReshapeAttrs{}, {rows}, {{}, x});
  finish(node.step("unflatten", OpKind::reshape, ir::ReshapeAttrs{}, {rows}, {{}, x}));
}

}  // namespace

std::span<const Handler> norm_handlers() {
  static constexpr Handler kHandlers[] = {{"BatchNormalization", batch_norm},
                                          {"InstanceNormalization", instance_norm},
                                          {"LayerNormalization", layer_norm},
                                          {"Softmax", softmax},
                                          {"LogSoftmax", softmax}};
  return kHandlers;
}

}  // namespace npusim::onnx
