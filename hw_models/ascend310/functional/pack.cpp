#include "hw_models/ascend310/functional/pack.h"

#include <algorithm>

#include "hw_models/ascend310/functional/number.h"

namespace npusim::ascend310 {

namespace {

using Form = WeightSource::Form;

/// Finds the weight that multiplies input channel `c` at a tap to give output channel `o`.
class WeightIndex {
 public:
  WeightIndex(const CubeLayer& layer, const ir::Shape& shape) : source_(layer.source), shape_(shape) {
    const bool conv = source_.form == Form::conv || source_.form == Form::conv_transpose;
    if (conv) {
      const auto area = [&](std::size_t from) {
        return ir::elements(ir::Shape(shape.begin() + from, shape.end()));
      };
      taps_ = area(2);
      // A patch is one row of all channels and taps: then the cube sees channels x taps channels.
      const bool patches = source_.form == Form::conv && layer.taps() == 1 && taps_ > 1;
      if (patches) {
        shape_ = {shape[0], shape[1] * taps_};
        taps_ = 1;
      }
      in_group_ = source_.form == Form::conv ? shape_[1] : shape_[0] / source_.groups;
      out_group_ = source_.form == Form::conv ? shape_[0] / source_.groups : shape_[1];
    } else {
      const bool transposed = source_.form == Form::matmul_transposed;
      in_group_ = shape[shape.size() - (transposed ? 1 : 2)];
      out_group_ = shape[shape.size() - (transposed ? 2 : 1)];
    }
  }
  [[nodiscard]] std::int64_t inputs() const { return in_group_ * source_.groups; }
  [[nodiscard]] std::int64_t outputs() const { return out_group_ * source_.groups; }
  [[nodiscard]] std::int64_t taps() const { return taps_; }
  /// -1 where there is none: another group's channel.
  [[nodiscard]] std::int64_t operator()(std::int64_t o, std::int64_t c, std::int64_t tap) const {
    if (o / out_group_ != c / in_group_) return -1;
    switch (source_.form) {
      case Form::conv:
        return (o * in_group_ + c % in_group_) * taps_ + tap;
      case Form::conv_transpose:  // the kernel is turned round
        return (c * out_group_ + o % out_group_) * taps_ + taps_ - 1 - tap;
      case Form::matmul:
        return c * out_group_ + o;
      default:
        return o * in_group_ + c;
    }
  }

 private:
  WeightSource source_;
  ir::Shape shape_;
  std::int64_t taps_ = 1, in_group_ = 1, out_group_ = 1;
};

}  // namespace

void pack_weights(const CubeLayer& layer, const reference::Value& weights, const ir::Shape& shape,
                  std::span<std::byte> to) {
  const WeightIndex index(layer, shape);
  const bool int8 = layer.k_elements == 32;
  const ir::DType type = int8 ? ir::DType::i8 : ir::DType::f16;
  const std::int64_t size = ir::size_of(type);
  const std::int64_t channels = layer.c04 ? 4 : layer.k_elements;  // of one tap in a line
  const std::int64_t line_taps = layer.k_elements / channels;
  const std::int64_t taps = layer.taps();
  for (std::int64_t group = 0; group < layer.groups; ++group) {
    for (std::int64_t k = 0; k < layer.k1(); ++k) {
      for (std::int64_t column = 0; column < layer.n1 * 16; ++column) {
        const std::int64_t o = group * layer.n1 * 16 + column;
        if (o >= index.outputs()) break;
        std::byte* line =
            to.data() + ((group * layer.k1() + k) * layer.n1 + column / 16) * kFractal + column % 16 * kBlock;
        for (std::int64_t i = 0; i < layer.k_elements; ++i) {
          const std::int64_t c = (group * layer.c1 + k / taps) * channels + i % channels;
          const std::int64_t tap = k % taps * line_taps + i / channels;
          if (c >= index.inputs() || tap >= index.taps()) continue;
          const std::int64_t at = index(o, c, tap);
          if (at < 0) continue;
          put_number(line + i * size, type, layer.source.weights_exponent,
                     weights.at(static_cast<std::size_t>(at)));
        }
      }
    }
  }
}

void pack_bias(const CubeLayer& layer, const reference::Value& bias, std::span<std::byte> to) {
  const bool int8 = layer.k_elements == 32;
  std::vector<std::int64_t> integers;
  if (int8) integers = reference::quantized_bias(bias, static_cast<int>(layer.source.bias_exponent));
  const auto count = static_cast<std::int64_t>(bias.size());
  const std::int64_t columns = layer.n1 * 16;
  for (std::int64_t at = 0; at < layer.groups * columns; ++at) {
    const std::int64_t o = layer.batch_groups ? at % columns : at;
    if (o >= layer.out->shape.c || (count > 1 && o >= count)) continue;
    const auto from = static_cast<std::size_t>(count == 1 ? 0 : o);
    std::byte* home = to.data() + at * 4;
    if (int8) {
      store_as(home, static_cast<std::int32_t>(integers.at(from)));
    } else {
      store_as(home, static_cast<float>(bias.at(from)));
    }
  }
}

}  // namespace npusim::ascend310
