// Tensors with numbers in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::reference {

/// Whether a type holds real numbers (fp32, fp16, bf16); the others hold integers.
bool is_real(ir::DType type);

/// A tensor's numbers, contiguous and row-major. Exactly one of the two lists is in use: `reals` for fp32,
/// fp16 and bf16 (each representable in `dtype`), `integers` for all other types (a boolean is 0 or 1).
struct Value {
  ir::DType dtype = ir::DType::f32;
  ir::Shape shape;
  std::vector<float> reals;
  std::vector<std::int64_t> integers;

  [[nodiscard]] std::size_t size() const { return is_real(dtype) ? reals.size() : integers.size(); }
  /// Element `i` as a double: exact, for integers up to 2^53 in magnitude.
  [[nodiscard]] double at(std::size_t i) const {
    return is_real(dtype) ? static_cast<double>(reals[i]) : static_cast<double>(integers[i]);
  }
  /// All elements as doubles.
  [[nodiscard]] std::vector<double> doubles() const;
};

/// A tensor of `shape` from numbers in its order. Real types round to nearest even (fp16 overflows to
/// infinity), integer types round towards zero and saturate. Throws InternalError when the count is wrong.
Value make_value(ir::DType dtype, ir::Shape shape, const std::vector<double>& numbers);

/// `value` as another type, each element converted as ONNX Cast does: reals round to nearest even, reals to
/// integers towards zero.
Value converted(const Value& value, ir::DType dtype);

/// The values of a graph's tensors by id; nullopt where one is not known. Shorter than the graph's list of
/// tensors where the last ones are not known.
using Values = std::vector<std::optional<Value>>;

/// Sets tensor `id`, growing the list.
void set(Values& values, ir::TensorId id, Value value);
/// The value of tensor `id`; nullptr where it is not known.
const Value* find(const Values& values, ir::TensorId id);

/// How far two tensors of equal shape are apart.
struct Difference {
  double max_abs = 0;       ///< largest |actual - expected|; infinite where one is NaN and the other is not
  double peak = 0;          ///< largest finite |expected|
  std::int64_t worst = -1;  ///< index of the element with the largest difference; -1 where all are equal
  std::int64_t first = -1;  ///< index of the first element that differs at all; -1 where all are equal
  /// max_abs / peak: the error against the tensor's own scale.
  [[nodiscard]] double relative() const { return max_abs == 0 ? 0 : max_abs / peak; }
};

/// Throws InternalError when the shapes differ. Types may differ: numbers are compared.
Difference compare(const Value& expected, const Value& actual);

/// Row-major coordinates of an element, "[0,3,17,2]", for messages; "nowhere" for -1.
std::string coordinates_text(std::int64_t index, const ir::Shape& shape);

}  // namespace npusim::reference
