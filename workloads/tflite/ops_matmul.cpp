// FULLY_CONNECTED, BATCH_MATMUL.
#include <fmt/format.h>

#include "workloads/tflite/ops.h"

namespace npusim::tflite {

namespace {

using format::BuiltinOperator;
using ir::OpKind;
using ir::Shape;
using ir::TensorId;

/// Rows of weights against the input's elements in groups of a row's length.
void fully_connected(Operator& op) {
  op.expect_inputs(2, 3);
  const auto& options = op.options<format::FullyConnectedOptions>();
  if (options.weights_format() != 0) op.unsupported("weights that are shuffled for one kind of processor");
  const Shape x = op.shape(0), w = op.shape(1);
  if (w.size() != 2 || w[1] < 1 || ir::elements(x) % w[1] != 0) {
    op.fail(
        fmt::format("weights {} for input {}; expected [rows, columns], where the columns divide its {} "
                    "elements",
                    ir::to_string(w), ir::to_string(x), ir::elements(x)));
  }
  const bool keep = options.keep_num_dims() && x.size() > 2;
  if (keep && x.back() != w[1]) {
    op.fail(fmt::format("weights {} for input {}, whose last dimension must be {}", ir::to_string(w),
                        ir::to_string(x), w[1]));
  }
  const Shape rows{ir::elements(x) / w[1], w[1]};
  const TensorId matrix = keep || x == rows ? op.plain(0) : op.reshape("flatten", op.flat(0), rows);
  std::vector<TensorId> inputs{matrix, op.plain(1)};
  if (op.has(2)) inputs.push_back(op.plain(2));
  op.result(OpKind::matmul, ir::MatMulAttrs{false, true}, std::move(inputs),
            {Layout::file, {}, options.fused_activation_function()});
}

void batch_matmul(Operator& op) {
  op.expect_inputs(2, 2);
  const auto& options = op.options<format::BatchMatMulOptions>();
  op.result(OpKind::matmul, ir::MatMulAttrs{options.adj_x(), options.adj_y()}, {op.plain(0), op.plain(1)});
}

}  // namespace

std::span<const Handler> matmul_handlers() {
  static constexpr Handler kHandlers[] = {{BuiltinOperator::FULLY_CONNECTED, fully_connected},
                                          {BuiltinOperator::BATCH_MATMUL, batch_matmul}};
  return kHandlers;
}

}  // namespace npusim::tflite
