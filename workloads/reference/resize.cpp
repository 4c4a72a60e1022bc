// ONNX Resize, one axis after another: every output cell is a weighted sum of input cells along an axis.
#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/base/error.h"
#include "workloads/reference/kernels.h"

namespace npusim::reference {

namespace {

using ir::ResizeAttrs;
using Mode = ResizeAttrs::Mode;

/// What one output cell takes: input indices and their weights.
using Taps = std::vector<std::pair<std::int64_t, double>>;

/// One axis: its sizes and the scale that coordinates are made with.
struct Axis {
  std::int64_t in = 1, out = 1;
  double scale = 1;
};

/// Where the centre of output cell `index` lies in the input.
double position(const ResizeAttrs& attrs, const Axis& axis, std::int64_t index) {
  using Coordinates = ResizeAttrs::Coordinates;
  const auto x = static_cast<double>(index);
  const auto in = static_cast<double>(axis.in), out = static_cast<double>(axis.out);
  const double half_pixel = (x + 0.5) / axis.scale - 0.5;
  switch (attrs.coordinates) {
    case Coordinates::half_pixel:
      return half_pixel;
    case Coordinates::half_pixel_symmetric:
      return in / 2 * (1 - out / (axis.scale * in)) + half_pixel;
    case Coordinates::pytorch_half_pixel:
      return axis.out > 1 ? half_pixel : 0;
    case Coordinates::align_corners:
      return axis.out > 1 ? x * (in - 1) / (out - 1) : 0;
    case Coordinates::asymmetric:
      return x / axis.scale;
  }
  throw InternalError("unknown coordinates");
}

double nearest(ResizeAttrs::Rounding rounding, double x) {
  switch (rounding) {
    case ResizeAttrs::Rounding::prefer_floor:
      return std::ceil(x - 0.5);
    case ResizeAttrs::Rounding::prefer_ceil:
      return std::floor(x + 0.5);
    case ResizeAttrs::Rounding::floor:
      return std::floor(x);
    case ResizeAttrs::Rounding::ceil:
      return std::ceil(x);
  }
  throw InternalError("unknown rounding");
}

/// Weight of a cell at distance `x`: a triangle, or Keys' cubic with coefficient `a`.
double filter(const ResizeAttrs& attrs, double x) {
  x = std::abs(x);
  if (attrs.mode == Mode::linear) return std::max(0.0, 1 - x);
  const double a = attrs.cubic_coefficient;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

Taps taps(const ResizeAttrs& attrs, const Axis& axis, std::int64_t index) {
  const double centre = position(attrs, axis, index);
  const auto last = axis.in - 1;
  if (attrs.mode == Mode::nearest) {
    const auto cell = static_cast<std::int64_t>(nearest(attrs.rounding, centre));
    return {{std::clamp<std::int64_t>(cell, 0, last), 1.0}};
  }
  const double narrowing = attrs.antialias ? std::min(axis.scale, 1.0) : 1;
  const double reach = (attrs.mode == Mode::linear ? 1 : 2) / narrowing;
  Taps result;
  double sum = 0;
  const auto end = static_cast<std::int64_t>(std::ceil(centre + reach));
  for (auto i = static_cast<std::int64_t>(std::floor(centre - reach)); i <= end; ++i) {
    if (attrs.exclude_outside && (i < 0 || i > last)) continue;
    const double weight = filter(attrs, (static_cast<double>(i) - centre) * narrowing);
    result.emplace_back(std::clamp<std::int64_t>(i, 0, last), weight);
    sum += weight;
  }
  for (auto& [cell, weight] : result) weight /= sum;
  return result;
}

Dense resize_axis(const ResizeAttrs& attrs, const Dense& x, std::size_t which, const Axis& axis) {
  Dense y{x.shape, {}};
  y.shape[which] = axis.out;
  y.data.resize(static_cast<std::size_t>(ir::elements(y.shape)));
  const std::int64_t run = row_major(x.shape)[which];  // elements of one index of the axis
  for (std::int64_t index = 0; index < axis.out; ++index) {
    const Taps weights = taps(attrs, axis, index);
    for (std::int64_t line = 0; line * run * axis.out < static_cast<std::int64_t>(y.data.size()); ++line) {
      const double* from = x.data.data() + line * axis.in * run;
      double* to = y.data.data() + (line * axis.out + index) * run;
      for (const auto& [cell, weight] : weights) {
        for (std::int64_t i = 0; i < run; ++i) to[i] += weight * from[cell * run + i];
      }
    }
  }
  return y;
}

}  // namespace

std::vector<std::pair<std::int64_t, double>> resize_taps(const ir::ResizeAttrs& attrs, std::int64_t in,
                                                         std::int64_t out, double scale, std::int64_t index) {
  return taps(attrs, {in, out, scale}, index);
}

Dense resize(const ir::ResizeAttrs& attrs, const Dense& x, const ir::Shape& out) {
  Dense y = x;
  for (std::size_t i = 0; i < out.size(); ++i) {
    Axis axis{x.shape[i], out[i], static_cast<double>(out[i]) / static_cast<double>(x.shape[i])};
    if (!attrs.scales.empty()) axis.scale = attrs.scales.at(i);
    if (axis.in != axis.out || axis.scale != 1) y = resize_axis(attrs, y, i, axis);
  }
  return y;
}

}  // namespace npusim::reference
