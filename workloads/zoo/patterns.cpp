#include "workloads/zoo/patterns.h"

#include <fmt/format.h>

#include "sim/base/error.h"
#include "workloads/zoo/families.h"
#include "workloads/zoo/parameters.h"

namespace npusim::zoo {

namespace {

void check(const PatternNet& net) {
  const bool narrows = net.pattern == Pattern::bottleneck || net.pattern == Pattern::grouped;
  if (narrows && net.width % net.ratio != 0) {
    throw UserError(fmt::format("pattern: width {} does not divide by ratio {}", net.width, net.ratio));
  }
  const std::int64_t inner = net.width / net.ratio;
  if (net.pattern == Pattern::grouped && inner % net.groups != 0) {
    throw UserError(
        fmt::format("pattern: {} inner channels (width {} / ratio {}) do not divide into {} groups", inner,
                    net.width, net.ratio, net.groups));
  }
}

ir::Graph build_pattern(const std::string& name, std::int64_t batch) {
  Parameters p(name, {"d", "w", "k", "g", "e", "b"});
  PatternNet net;
  // In the order of the enumeration.
  net.pattern = static_cast<Pattern>(p.word(
      {"standard", "factorised", "bottleneck", "depthwise_separable", "depthwise_bottleneck", "grouped"}, 6));
  net.skip = p.word({"plain", "skip"}, 0) == 1;
  net.bare = p.word({"stem", "bare"}, 0) == 1;
  p.expect_no_more();
  net.depth = p.number("d", net.depth, 1, 1000);
  net.width = p.number("w", net.width, 1, 8192);
  net.kernel = p.number("k", net.kernel, 1, 15);
  net.groups = p.number("g", net.groups, 1, 8192);
  net.expansion = p.number("e", net.expansion, 1, 64);
  net.ratio = p.number("b", net.pattern == Pattern::grouped ? 2 : net.ratio, 1, 64);
  if (net.kernel % 2 == 0) p.fail("k", "expected an odd kernel");
  const Size image = p.image(56);
  Builder b(name, {batch, net.bare ? net.width : 3, image.h, image.w});
  return b.finish(pattern_net(b, net));
}

}  // namespace

TensorId append_pattern(Builder& b, const std::string& name, TensorId x, const PatternNet& net) {
  check(net);
  const std::int64_t width = net.width, k = net.kernel, inner = width / net.ratio;
  const auto conv = [&](const char* part, const Conv& c, Act act = Act::relu) {
    x = b.conv_bn_act(fmt::format("{}.{}", name, part), x, c, act);
  };
  switch (net.pattern) {
    case Pattern::standard:
      conv("conv", {.out = width, .kernel = k});
      return x;
    case Pattern::factorised:
      conv("row", {.out = width, .kernel = {1, k}});
      conv("column", {.out = width, .kernel = {k, 1}});
      return x;
    case Pattern::bottleneck:
    case Pattern::grouped:
      conv("reduce", {.out = inner});
      conv("conv", {.out = inner, .kernel = k, .groups = net.pattern == Pattern::grouped ? net.groups : 1});
      conv("expand", {.out = width});
      return x;
    case Pattern::depthwise_separable:
      conv("depthwise", {.out = width, .kernel = k, .groups = width});
      conv("pointwise", {.out = width});
      return x;
    case Pattern::depthwise_bottleneck: {
      const std::int64_t wide = width * net.expansion;
      conv("expand", {.out = wide});
      conv("depthwise", {.out = wide, .kernel = k, .groups = wide});
      conv("project", {.out = width}, Act::none);
      return x;
    }
  }
  throw InternalError("unknown pattern");
}

TensorId pattern_net(Builder& b, const PatternNet& net) {
  TensorId x = net.bare ? b.input() : b.conv_bn_act("stem", b.input(), {.out = net.width, .kernel = 3});
  for (std::int64_t i = 0; i < net.depth; ++i) {
    const std::string name = fmt::format("layer{}", i);
    const TensorId y = append_pattern(b, name, x, net);
    x = net.skip ? b.add(name + ".add", y, x) : y;
  }
  return x;
}

ParametricRecipe pattern_networks() {
  return {
      {"pattern",
       "pattern:KIND[_d<depth>][_w<width>][_k<kernel>][_g<groups>][_e<expansion>][_b<ratio>][_skip][_bare][@"
       "SIZE]",
       "pattern:depthwise_bottleneck_d50_w64_e6@56",
       "one macro-architecture in pure form (TinyML 2021): standard, factorised, bottleneck, "
       "depthwise_separable, "
       "depthwise_bottleneck or grouped; depth 10, width 64, 3x3, 32 groups, expansion 6, ratio 4 (grouped: "
       "2), "
       "56x56 unless given; bare: without the stem"},
      build_pattern};
}

}  // namespace npusim::zoo
