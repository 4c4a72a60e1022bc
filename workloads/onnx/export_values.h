// Element types and values of exported tensors.
#pragma once

#include <onnx/onnx_pb.h>

#include <vector>

#include "sim/base/rng.h"
#include "workloads/ir/graph.h"

namespace npusim::onnx {

/// The ONNX element type of the IR's.
::onnx::TensorProto_DataType onnx_type(ir::DType type);

/// Name, type and shape.
void describe(::onnx::TensorProto& out, const std::string& name, ir::DType dtype, const ir::Shape& shape);

/// Embeds values; integers are rounded towards zero.
void embed(::onnx::TensorProto& out, ir::DType dtype, const std::vector<double>& values);

/// Embeds `count` values uniform in [low, high]: for integer types, integers of [-8, 7] (uint8: [0, 15]);
/// index tensors (int64, bool) are zeros.
void embed_random(::onnx::TensorProto& out, ir::DType dtype, std::int64_t count, double low, double high,
                  Rng& rng);

}  // namespace npusim::onnx
