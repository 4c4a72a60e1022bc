#include "workloads/importing/limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::importing {

void check_size(const ir::Shape& shape, const std::string& where) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || size >= kMaxDim || (size != 0 && count > kMaxElements / size)) {
      throw UserError(
          fmt::format("{}: a tensor of {} is not plausible; expected dimensions from 0 to 2^31 and at most "
                      "2^40 elements",
                      where, ir::to_string(shape)));
    }
    count *= size == 0 ? 1 : size;
  }
}

void check_work(const ir::Graph& graph, const ir::Op& op, const std::string& where) {
  constexpr double kMost = 1e15;
  const bool transposed = op.kind == ir::OpKind::conv_transpose;
  if (op.kind != ir::OpKind::conv && !transposed && op.kind != ir::OpKind::matmul) return;
  const auto elements =
      static_cast<double>(ir::elements(graph.shape(transposed ? op.inputs.at(0) : op.outputs.at(0))));
  const ir::Shape weight = graph.shape(op.inputs.at(1));
  if (std::find(weight.begin(), weight.end(), 0) != weight.end()) {
    throw UserError(fmt::format("{}: the second operand {} is empty", where, ir::to_string(weight)));
  }
  std::int64_t taps = ir::elements(weight) / weight.front();
  if (op.kind == ir::OpKind::matmul) {
    const bool last = std::get<ir::MatMulAttrs>(op.attrs).transpose_b || weight.size() == 1;
    taps = last ? weight.back() : weight.at(weight.size() - 2);
  }
  const double work = elements * static_cast<double>(taps);
  if (work > kMost)
    throw UserError(fmt::format("{}: {:.2g} multiply-accumulates are not plausible", where, work));
}

}  // namespace npusim::importing
