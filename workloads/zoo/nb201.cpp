#include "workloads/zoo/nb201.h"

#include <fmt/format.h>

#include <vector>

#include "sim/base/error.h"
#include "workloads/zoo/families.h"
#include "workloads/zoo/parameters.h"

namespace npusim::zoo {

namespace {

constexpr std::size_t kNodes = 4;

/// The edge between two nodes, counted from 0.
std::size_t edge_index(std::size_t from, std::size_t to) {
  constexpr std::array<std::size_t, 3> kFirst{0, 3, 5};
  return kFirst.at(from) + to - from - 1;
}

TensorId relu_conv_bn(Builder& b, const std::string& name, TensorId x, const Conv& conv) {
  return b.conv_bn_act(name, b.act(name + ".relu", x, Act::relu), conv, Act::none);
}

TensorId along(Builder& b, const std::string& name, TensorId x, CellOp op) {
  switch (op) {
    case CellOp::skip:
      return x;
    case CellOp::conv3:
      return relu_conv_bn(b, name, x, {.out = b.channels(x), .kernel = 3});
    case CellOp::conv1:
      return relu_conv_bn(b, name, x, {.out = b.channels(x)});
    case CellOp::average_pool:
      return b.average_pool(name, x, {.kernel = 3, .stride = 1, .pad = 1, .count_include_pad = false});
    case CellOp::none:
      break;
  }
  throw InternalError("no operation along this edge");
}

/// Nodes that the output depends on.
std::array<bool, kNodes> needed_nodes(const Cell& cell) {
  std::array<bool, kNodes> needed{};
  needed.back() = true;
  for (std::size_t to = kNodes - 1; to > 0; --to) {
    for (std::size_t from = 0; from < to; ++from) {
      if (needed.at(to) && cell.at(edge_index(from, to)) != CellOp::none) needed.at(from) = true;
    }
  }
  return needed;
}

ir::Graph build_cell(const std::string& name, std::int64_t batch) {
  Parameters p(name, {"e", "c"});
  const std::size_t kind = p.word({"cell", "reduction", "last"}, 0);
  p.expect_no_more();
  Cell cell{};
  const std::vector<std::int64_t> ops = p.numbers("e", {0, 0, 0, 0, 0, 0}, 0, 4);
  if (ops.size() != cell.size()) p.fail("e", "expected six edges, numbers from 0 to 4");
  for (std::size_t i = 0; i < ops.size(); ++i) cell.at(i) = static_cast<CellOp>(ops[i]);
  const Size image = p.image(32);
  Builder b(name, {batch, p.number("c", 16, 1, 4096), image.h, image.w});
  const TensorId x = b.input();
  return b.finish(kind == 0   ? nb201_cell(b, "cell", x, cell)
                  : kind == 1 ? nb201_reduction(b, "reduction", x)
                              : nb201_last(b, "last", x));
}

}  // namespace

TensorId nb201_cell(Builder& b, const std::string& name, TensorId x, const Cell& cell) {
  const std::array<bool, kNodes> needed = needed_nodes(cell);
  std::array<TensorId, kNodes> nodes{x};
  for (std::size_t to = 1; to < kNodes; ++to) {
    if (!needed.at(to)) continue;
    TensorId sum = ir::kNoTensor;
    for (std::size_t from = 0; from < to; ++from) {
      const CellOp op = cell.at(edge_index(from, to));
      if (op == CellOp::none) continue;
      const std::string edge = fmt::format("{}.e{}{}", name, from + 1, to + 1);
      const TensorId part = along(b, edge, nodes.at(from), op);
      sum = sum == ir::kNoTensor ? part : b.add(edge + ".add", sum, part);
    }
    if (sum == ir::kNoTensor) {
      const std::string zero = fmt::format("{}.zero{}", name, to + 1);
      sum = b.mul(zero, x, b.scalar(zero + ".factor", 0));
    }
    nodes.at(to) = sum;
  }
  return nodes.back() == x ? b.identity(name + ".identity", x) : nodes.back();
}

TensorId nb201_reduction(Builder& b, const std::string& name, TensorId x) {
  const std::int64_t out = 2 * b.channels(x);
  TensorId y = relu_conv_bn(b, name + ".a", x, {.out = out, .kernel = 3, .stride = 2});
  y = relu_conv_bn(b, name + ".b", y, {.out = out, .kernel = 3});
  const TensorId half = b.average_pool(name + ".pool", x, {.kernel = 2, .stride = 2});
  return b.add(name + ".add", b.conv(name + ".shortcut", half, {.out = out}, false), y);
}

TensorId nb201_last(Builder& b, const std::string& name, TensorId x) {
  return b.act(name + ".relu", b.batch_norm(name + ".bn", x), Act::relu);
}

ParametricRecipe nb201_networks() {
  return {
      {"nb201cell",
       "nb201cell:e<e12,e13,e14,e23,e24,e34>_c<channels>@SIZE, reduction_c<channels>@SIZE or "
       "last_c<channels>@SIZE",
       "nb201cell:e2,2,0,4,2,0_c16@32",
       "one cell of NAS-Bench-201 (arXiv 2001.00326), edges by number: skip, none, 3x3, 1x1, average pool; "
       "or what lies between its stages and behind them"},
      build_cell};
}

}  // namespace npusim::zoo
