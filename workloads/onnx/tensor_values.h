// Element types and values of ONNX tensors.
#pragma once

#include <onnx/onnx_pb.h>

#include <optional>
#include <string>
#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::onnx {

/// The IR's type for an ONNX element type; unsigned integers map to the signed type of their size (except
/// uint8), double to fp32. nullopt for strings, complex numbers and types below 8 bits.
std::optional<ir::DType> dtype_of(std::int32_t onnx_type);
/// "float8e5m2 (19)": an ONNX element type for messages.
std::string type_name(std::int32_t onnx_type);

/// The values of a tensor of `count` elements as doubles; nullopt when there are none in the file (external,
/// stripped, or more than ir::kMaxConstant). Throws UserError saying what was expected when there are too few
/// or too many.
std::optional<std::vector<double>> values_of(const ::onnx::TensorProto& tensor, std::int64_t count);

/// All values that a tensor holds itself, whatever their number, as doubles. Throws UserError when it does
/// not hold `count`.
std::vector<double> all_values(const ::onnx::TensorProto& tensor, std::int64_t count);

}  // namespace npusim::onnx
