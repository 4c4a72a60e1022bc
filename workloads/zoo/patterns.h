// Six macro-architectures in pure form, to compare them on one chip ("Does Form Follow Function?", TinyML
// 2021).
#pragma once

#include <cstdint>
#include <string>

#include "workloads/zoo/builder.h"

namespace npusim::zoo {

enum class Pattern : std::uint8_t {
  standard,              ///< kxk
  factorised,            ///< 1xk, kx1
  bottleneck,            ///< 1x1 to width / ratio, kxk, 1x1
  depthwise_separable,   ///< depthwise kxk, 1x1
  depthwise_bottleneck,  ///< 1x1 to width * expansion, depthwise kxk, linear 1x1 (MobileNet v2)
  grouped                ///< 1x1 to width / ratio, grouped kxk, 1x1 (ResNeXt)
};

/// The study prints neither input size nor groups or ratios: all are parameters, with the defaults of the
/// networks that the patterns come from.
struct PatternNet {
  Pattern pattern = Pattern::standard;
  std::int64_t depth = 10;  ///< patterns in a row
  std::int64_t width = 64;  ///< channels between them
  std::int64_t kernel = 3;
  std::int64_t groups = 32;    ///< of `grouped`
  std::int64_t expansion = 6;  ///< of `depthwise_bottleneck`
  std::int64_t ratio = 4;      ///< of `bottleneck` and `grouped` (ResNeXt has 2)
  bool skip = false;           ///< add each pattern's input
  bool bare = false;           ///< without the stem: the input has `width` channels
};

/// One pattern without the addition of its input. Throws UserError for channels that do not divide.
TensorId append_pattern(Builder& b, const std::string& name, TensorId x, const PatternNet& net);

/// A 3x3 stem to `width` channels and `depth` patterns at the input's height and width. Every convolution has
/// BatchNorm; ReLU follows all but a linear one. Throws UserError for channels that do not divide.
TensorId pattern_net(Builder& b, const PatternNet& net);

}  // namespace npusim::zoo
