// The network under construction, and every TFLite tensor in the orders of axes that operators ask for.
#pragma once

#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/tflite/tensor_info.h"

namespace npusim::tflite {

/// TFLite keeps images as [N,H,W,C], npusim's operators take [N,C,H,W]. Operators on images give their
/// results as channels_first, and those that do not care follow; a transposition is added only where an
/// operator needs the other order.
enum class Layout : std::uint8_t { file, channels_first };

/// The permutation from [N,H,W,C] to [N,C,H,W], and that of a convolution's weights [O,H,W,I].
inline const std::vector<std::int64_t> kChannelsFirst{0, 3, 1, 2};
/// [N,C,H,W] to [N,H,W,C].
inline const std::vector<std::int64_t> kChannelsLast{0, 2, 3, 1};

/// Element i of the result is element permutation[i] of `list`.
template <class T>
std::vector<T> permuted(const std::vector<T>& list, const std::vector<std::int64_t>& permutation) {
  std::vector<T> result;
  for (const std::int64_t from : permutation) result.push_back(list.at(static_cast<std::size_t>(from)));
  return result;
}

/// Where a weight's values come from: a constant of the file, seen as `shape` (its own with ones in front),
/// its axes permuted.
struct WeightSource {
  std::int32_t tensor = -1;
  ir::Shape shape;
  std::vector<std::int64_t> permutation;
};

struct State {
  explicit State(const std::string& path);

  /// The first tensor that has the name `name`, or `name` with a number.
  std::string unique_name(const std::string& base);
  /// What the file says about a tensor.
  [[nodiscard]] const TensorInfo& info(std::int32_t tensor) const {
    return infos.at(static_cast<std::size_t>(tensor));
  }
  /// The constant behind a tensor: itself, or what a DEQUANTIZE of weights reads; -1 where there is none.
  [[nodiscard]] std::int32_t constant_of(std::int32_t tensor) const;
  /// The graph's weight for a constant, made at first use. `permutation` may have more axes than the
  /// constant, which then has ones in front.
  ir::TensorId weight(std::int32_t tensor, const std::vector<std::int64_t>& permutation);

  ModelFile file;
  ir::Graph graph;
  std::vector<TensorInfo> infos;
  /// By tensor: the graph's tensors in both orders, as far as there are.
  std::vector<std::map<Layout, ir::TensorId>> values;
  /// By tensor: the order in which it was produced.
  std::vector<Layout> native;
  /// By tensor: whether an operator on images reads it, so that an input is best [N,C,H,W].
  std::vector<bool> image;
  /// By tensor: the constant that a DEQUANTIZE turns into it; -1 for others.
  std::vector<std::int32_t> dequantized;
  /// By tensor: made by an operator that is not supported, or of such a result.
  std::vector<bool> unknown;
  std::map<ir::TensorId, WeightSource> sources;
  bool fixed_shapes = true;  ///< no dimension was set by the user: results must be as the file says

 private:
  std::map<std::pair<std::int32_t, std::vector<std::int64_t>>, ir::TensorId> weights_;
  std::unordered_set<std::string> names_;
};

/// The elements of a tensor of `shape` in the order of its permuted axes.
std::vector<double> permuted_elements(const std::vector<double>& values, const ir::Shape& shape,
                                      const std::vector<std::int64_t>& permutation);

}  // namespace npusim::tflite
