// TensorFlow's windows: what SAME and VALID padding add.
#pragma once

#include "workloads/ir/graph.h"
#include "workloads/tflite/operator.h"

namespace npusim::tflite {

/// One spatial axis of a window. `size` is of the input.
struct WindowAxis {
  std::int64_t size = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
};

/// Zeros before and after an axis.
struct Border {
  std::int64_t before = 0;
  std::int64_t after = 0;
};

/// What SAME adds so that there are ceil(size / stride) windows; an odd one comes after. An input of even
/// size under a 3-wide window of stride 2 is padded after its end only.
Border same_padding(const WindowAxis& axis);

/// The window of a convolution or pool over both axes. Fails for strides, kernels and dilations below 1 or
/// implausibly large, and for paddings other than SAME and VALID.
ir::Window window_of(const Operator& op, format::Padding padding, const WindowAxis& rows,
                     const WindowAxis& columns);

}  // namespace npusim::tflite
