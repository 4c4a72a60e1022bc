// Macro-architectures in pure form ("Does Form Follow Function?", TinyML 2021).
#include "workloads/zoo/patterns.h"

#include <fmt/format.h>

#include <algorithm>

#include "nas/space/product.h"
#include "nas/space/staged.h"

namespace npusim::space {

namespace {

constexpr const char* kKinds[] = {
    "standard", "factorised", "bottleneck", "depthwise_separable", "depthwise_bottleneck", "grouped"};
constexpr std::int64_t kDepths[] = {10, 20, 30, 40, 50};
constexpr std::int64_t kWidths[] = {32, 64, 128, 256, 512};

class PatternSpace : public ProductSpace {
 public:
  PatternSpace(std::string name, std::int64_t side) : ProductSpace(std::move(name), {}), side_(side) {
    genes_.push_back({"kind", {std::begin(kKinds), std::end(kKinds)}});
    const auto numbers = [this](const char* gene, const std::int64_t(&values)[5]) {
      genes_.push_back({gene, {}});
      for (const std::int64_t value : values) genes_.back().choices.push_back(std::to_string(value));
    };
    numbers("depth", kDepths);
    numbers("width", kWidths);
  }

  /// Inverted bottlenecks of expansion 6: 12 width^2 MACs a pixel for the 1x1 convolutions, beyond 9 width^2.
  [[nodiscard]] Genome largest() const override { return {4, 4, 4}; }

  [[nodiscard]] std::vector<Block> blocks(const Genome& genome) const override {
    check(genome);
    const std::int64_t width = kWidths[genome[2]];
    std::vector<Block> parts{stem(width)};
    for (std::int64_t i = 0; i < kDepths[genome[1]]; ++i) {
      parts.push_back(layer(genome[0], width));
      parts.back().place = fmt::format("layer{}", i);
    }
    return parts;
  }

  [[nodiscard]] std::vector<Block> all_blocks() const override {
    std::vector<Block> all;
    for (const std::int64_t width : kWidths) {
      all.push_back(stem(width));
      all.back().place.clear();
      for (std::size_t kind = 0; kind < std::size(kKinds); ++kind) all.push_back(layer(kind, width));
    }
    return all;
  }

 private:
  [[nodiscard]] Block stem(std::int64_t width) const {
    zoo::Block block = conv_block(3, 1, width, zoo::Act::relu);
    block.in = 3;
    return placed_block(block, side_, "stem");
  }
  [[nodiscard]] Block layer(std::size_t kind, std::int64_t width) const {
    zoo::PatternNet net{.pattern = static_cast<zoo::Pattern>(kind), .depth = 1, .width = width, .bare = true};
    std::string text = fmt::format("pattern:{}_d1_w{}", kKinds[kind], width);
    if (net.pattern == zoo::Pattern::standard) {
      zoo::Block block = conv_block(3, 1, width, zoo::Act::relu);
      block.in = width;
      return placed_block(block, side_, "");
    }
    if (net.pattern == zoo::Pattern::grouped) {
      net.ratio = 2;
      net.groups = std::min<std::int64_t>(net.groups, width / net.ratio);
      text += fmt::format("_g{}", net.groups);
    }
    const ir::Shape shape{1, width, side_, side_};
    return {fmt::format("{}_bare@{}", text, side_), shape, shape,
            [net](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
              return zoo::append_pattern(b, prefix, x, net);
            },
            ""};
  }

  std::int64_t side_;
};

}  // namespace

std::unique_ptr<Space> make_patterns(const std::string& name, zoo::Size image) {
  return std::make_unique<PatternSpace>(name, image.h > 0 ? image.h : 56);
}

}  // namespace npusim::space
