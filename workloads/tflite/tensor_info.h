// What a TFLite file says about a tensor, and the numbers of a constant.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/tflite/model_file.h"

namespace npusim::tflite {

struct TensorInfo {
  std::string name;  ///< the file's; "tensor_<index>" where it has none
  ir::Shape shape;   ///< in the file's order of axes
  /// Dimensions that the file leaves open (shape_signature -1), by axis; their size in `shape` is a stand-in.
  std::vector<bool> open;
  /// nullopt: a type that npusim does not know. A tensor with storage is fp32 to npusim.
  std::optional<ir::DType> dtype;
  std::optional<ir::IntegerStorage> storage;
};

/// Throws UserError naming the file and the tensor: implausible dimensions, scales and zero points that do
/// not fit the shape, a scale that is not positive, a quantisation of another kind than by scales.
TensorInfo describe(const ModelFile& file, std::int32_t tensor);

/// "INT8", "FLOAT32", ...
std::string type_name(const ModelFile& file, std::int32_t tensor);

/// The values of a constant, dequantised where it has storage, in the file's order. Throws UserError naming
/// the file and the tensor when it has too few bytes, is sparse, or is of a type without numbers.
std::vector<double> values_of(const ModelFile& file, std::int32_t tensor, const TensorInfo& info);

/// Whether the file holds values for the tensor. False also for an empty tensor without a buffer.
bool has_values(const ModelFile& file, std::int32_t tensor);

}  // namespace npusim::tflite
