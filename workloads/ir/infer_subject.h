// One operator under shape inference.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "workloads/ir/graph.h"

namespace npusim::ir {

/// One operator under inference: access to its inputs, and errors that name it.
class Subject {
 public:
  Subject(const Graph& graph, const Op& op) : graph_(graph), op_(op) {}

  [[noreturn]] void fail(const std::string& what) const {
    const std::string source = op_.source_op.empty() ? std::string(to_string(op_.kind)) : op_.source_op;
    throw UserError(fmt::format("operator '{}' ({}): {}", op_.name, source, what));
  }
  /// Fails with the formatted text unless `condition` holds.
  template <class... Args>
  void expect(bool condition, fmt::format_string<Args...> text, Args&&... args) const {
    if (!condition) fail(fmt::format(text, std::forward<Args>(args)...));
  }
  template <class T>
  const T& attrs() const {
    const T* attrs = std::get_if<T>(&op_.attrs);
    if (attrs == nullptr) {
      throw InternalError(
          fmt::format("operator '{}': attributes are not those of {}", op_.name, to_string(op_.kind)));
    }
    return *attrs;
  }
  [[nodiscard]] const Op& op() const { return op_; }
  [[nodiscard]] bool has(std::size_t i) const { return i < op_.inputs.size() && op_.inputs[i] != kNoTensor; }
  [[nodiscard]] const Shape& in(std::size_t i) const {
    if (!has(i)) fail(fmt::format("input {} is missing", i));
    return graph_.tensor(op_.inputs[i]).shape;
  }
  [[nodiscard]] std::vector<Shape> stored() const {
    std::vector<Shape> shapes;
    for (const TensorId id : op_.outputs) shapes.push_back(graph_.shape(id));
    expect(!shapes.empty(), "has no output");
    return shapes;
  }
  /// `axis` as an index into `shape`; refuses anything outside [0, rank).
  std::size_t axis(std::int64_t axis, const Shape& shape) const {
    if (axis < 0 || axis >= static_cast<std::int64_t>(shape.size())) {
      fail(fmt::format("axis {} is outside the rank of {}", axis, to_string(shape)));
    }
    return static_cast<std::size_t>(axis);
  }
  void expect_rank(std::size_t rank, const Shape& shape, std::string_view what) const {
    if (rank != shape.size()) {
      fail(fmt::format("{} has rank {}, but the input's is {} ({})", what, rank, shape.size(),
                       to_string(shape)));
    }
  }
  /// `small` must broadcast to exactly `big`.
  void expect_broadcasts_to(const Shape& small, const Shape& big, std::string_view what) const {
    bool fits = small.size() <= big.size();
    for (std::size_t i = 1; fits && i <= small.size(); ++i) {
      fits = small[small.size() - i] == 1 || small[small.size() - i] == big[big.size() - i];
    }
    if (!fits) fail(fmt::format("{} {} does not broadcast to {}", what, to_string(small), to_string(big)));
  }
  [[nodiscard]] Shape broadcast_inputs() const {
    Shape out = in(0);
    for (std::size_t i = 1; i < op_.inputs.size(); ++i) {
      if (!has(i)) continue;
      try {
        out = broadcast(out, in(i));
      } catch (const UserError& error) {
        fail(error.what());
      }
    }
    return out;
  }

 private:
  const Graph& graph_;
  const Op& op_;
};

/// The kinds that slide a window (infer_windowed.cpp).
Shape infer_conv(const Subject& s);
Shape infer_conv_transpose(const Subject& s);
Shape infer_pool(const Subject& s);

}  // namespace npusim::ir
