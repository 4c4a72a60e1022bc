// QuantizeLinear and DequantizeLinear.
#include <fmt/format.h>

#include <cmath>

#include "sim/base/error.h"
#include "workloads/reference/kernels.h"

namespace npusim::reference {

namespace {

/// A scale or zero point as a tensor that broadcasts to x: one element, or one an index of `axis`.
ir::Shape along(const ir::QuantizeAttrs& attrs, const Dense& parameter, const ir::Shape& x) {
  if (parameter.data.size() == 1) return {};
  ir::Shape shape(x.size(), 1);
  const auto axis = static_cast<std::size_t>(attrs.axis);
  if (parameter.shape.size() != 1 || parameter.shape[0] != x.at(axis)) {
    throw UserError(
        fmt::format("scale or zero point {} for axis {} of {}; expected one element, or one for each "
                    "index of the axis",
                    ir::to_string(parameter.shape), axis, ir::to_string(x)));
  }
  shape[axis] = parameter.shape[0];
  return shape;
}

/// function(x, scale, zero point) for every element; an absent zero point is 0.
template <class Function>
Dense scaled(const ir::QuantizeAttrs& attrs, const Operands& in, Function function) {
  static const Dense kZero{{}, {0.0}};
  const Dense &x = *in[0], &scale = *in[1], &zero = in.size() > 2 && in[2] != nullptr ? *in[2] : kZero;
  Dense y = x;
  Walk walk(x.shape, {broadcast_strides(along(attrs, scale, x.shape), x.shape),
                      broadcast_strides(along(attrs, zero, x.shape), x.shape)});
  for (double& value : y.data) {
    value = function(value, scale.data[static_cast<std::size_t>(walk.offset(0))],
                     zero.data[static_cast<std::size_t>(walk.offset(1))]);
    walk.next();
  }
  return y;
}

}  // namespace

Dense quantize_linear(const ir::QuantizeAttrs& attrs, const Operands& in) {
  return scaled(attrs, in, [](double x, double scale, double zero) {
    const float quotient = static_cast<float>(x) / static_cast<float>(scale);
    return std::nearbyint(static_cast<double>(quotient)) + zero;
  });
}

Dense dequantize_linear(const ir::QuantizeAttrs& attrs, const Operands& in) {
  return scaled(attrs, in, [](double x, double scale, double zero) { return (x - zero) * scale; });
}

}  // namespace npusim::reference
