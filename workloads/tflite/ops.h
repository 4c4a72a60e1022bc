// The operators that npusim knows: one handler each, in the files by kind.
#pragma once

#include <span>
#include <string>

#include "workloads/tflite/operator.h"

namespace npusim::tflite {

/// What an operator makes of the order of axes.
enum class Flow : std::uint8_t {
  file,    ///< computes in the file's order
  image,   ///< reads an image: input 0
  image2,  ///< the same: input 2
  follows  ///< computes in whichever order its inputs have
};

struct Handler {
  format::BuiltinOperator code = format::BuiltinOperator::CUSTOM;
  void (*run)(Operator& op) = nullptr;
  Flow flow = Flow::file;
};

std::span<const Handler> conv_handlers();         ///< ops_conv.cpp
std::span<const Handler> pool_handlers();         ///< ops_pool.cpp
std::span<const Handler> elementwise_handlers();  ///< ops_elementwise.cpp
std::span<const Handler> matmul_handlers();       ///< ops_matmul.cpp
std::span<const Handler> norm_handlers();         ///< ops_norm.cpp
std::span<const Handler> join_handlers();         ///< ops_join.cpp
std::span<const Handler> slice_handlers();        ///< ops_slice.cpp
std::span<const Handler> shape_handlers();        ///< ops_shape.cpp
std::span<const Handler> resize_handlers();       ///< ops_resize.cpp

/// The handler of a kind of operator; nullptr for one that npusim does not know.
const Handler* find_handler(format::BuiltinOperator code);

/// Why an operator without a handler cannot be imported, with the nearest known operator or what to do.
std::string why_unknown(format::BuiltinOperator code, const std::string& name);

}  // namespace npusim::tflite
