// Super-resolution for the VPU (Xu et al., arXiv 2305.03739).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "nas/space/product.h"
#include "sim/base/error.h"
#include "workloads/zoo/superres.h"

namespace npusim::space {

namespace {

constexpr std::int64_t kKernels[] = {1, 3};
constexpr zoo::Act kActs[] = {zoo::Act::relu, zoo::Act::leaky_relu};
constexpr const char* kActNames[] = {"relu", "leaky_relu"};
constexpr std::int64_t kBlocks = 3, kFeatures = 64;
constexpr std::size_t kConvolutions = 2 * kBlocks + 4;
constexpr std::size_t kUpsamplings = 3;

std::string at_size(zoo::Size size) { return fmt::format("@{}x{}", size.h, size.w); }

class EdsrSpace : public ProductSpace {
 public:
  EdsrSpace(std::string name, zoo::Size image) : ProductSpace(std::move(name), {}), image_(image) {
    for (std::size_t i = 0; i < kConvolutions; ++i) {
      genes_.push_back({fmt::format("kernel.{}", i), {"1", "3"}});
    }
    genes_.push_back({"activation", {kActNames[0], kActNames[1]}});
    Gene upsampling{"upsampling", {}};
    for (std::size_t i = 0; i < kUpsamplings; ++i) {
      upsampling.choices.emplace_back(zoo::to_string(static_cast<zoo::Upsampling>(i)));
    }
    genes_.push_back(std::move(upsampling));
  }

  /// Nearest and bilinear convolve 64 to 64 channels behind the upsampling, depth-to-space 64 to 256 before
  /// it: as many MACs.
  [[nodiscard]] Genome largest() const override {
    Genome genome(genes_.size(), 1);
    genome[kConvolutions] = 0;
    genome[kConvolutions + 1] = 0;
    return genome;
  }

  [[nodiscard]] std::string encode(const Genome& genome) const override {
    check(genome);
    const zoo::Edsr net = net_of(genome);
    return fmt::format("b{}_f{}_k{}_{}_{}{}", kBlocks, kFeatures, fmt::join(net.kernels, ","),
                       kActNames[genome[kConvolutions]], zoo::to_string(net.upsampling), at_size(image_));
  }

  [[nodiscard]] Genome decode(const std::string& text) const override {
    const zoo::NamedEdsr named = zoo::parse_edsr("edsr:" + text);
    const zoo::Edsr& net = named.net;
    const bool kernels = std::all_of(net.kernels.begin(), net.kernels.end(),
                                     [](std::int64_t kernel) { return kernel == 1 || kernel == 3; });
    if (net.blocks != kBlocks || net.features != kFeatures || !kernels || !(named.image == image_) ||
        (net.kernels.size() != 1 && net.kernels.size() != kConvolutions)) {
      throw UserError(fmt::format(
          "space '{}', encoding '{}': expected b{}, f{}, one or {} kernels of 1 or 3, and the image {}",
          name(), text, kBlocks, kFeatures, kConvolutions, at_size(image_)));
    }
    Genome genome;
    for (std::size_t i = 0; i < kConvolutions; ++i) {
      genome.push_back(net.kernels[net.kernels.size() == 1 ? 0 : i] == kKernels[0] ? 0 : 1);
    }
    genome.push_back(net.act == kActs[0] ? 0 : 1);
    genome.push_back(static_cast<std::uint16_t>(net.upsampling));
    return genome;
  }

  [[nodiscard]] ir::Graph build(const Genome& genome, std::int64_t batch) const override {
    check(genome);
    zoo::Builder b(fmt::format("{}:{}", name(), encode(genome)), {batch, 3, image_.h, image_.w});
    return b.finish(zoo::edsr(b, net_of(genome)));
  }

  [[nodiscard]] std::vector<Block> blocks(const Genome& genome) const override {
    check(genome);
    const zoo::Edsr net = net_of(genome);
    const zoo::Size twice(2 * image_.h, 2 * image_.w);
    std::vector<Block> parts{conv("head", 3, kFeatures, net.kernels[0], image_)};
    std::size_t used = 1;
    for (std::int64_t i = 0; i < kBlocks; ++i, used += 2) {
      parts.push_back(residual(fmt::format("block{}", i), net.kernels[used], net.kernels[used + 1], net.act));
    }
    parts.push_back(conv("body", kFeatures, kFeatures, net.kernels[used], image_));
    parts.push_back(long_skip());
    parts.push_back(upsample(net.upsampling, net.kernels[used + 1], twice));
    parts.push_back(conv("tail", kFeatures, 3, net.kernels[used + 2], twice));
    return parts;
  }

  [[nodiscard]] std::vector<Block> all_blocks() const override {
    const zoo::Size twice(2 * image_.h, 2 * image_.w);
    std::vector<Block> all{long_skip()};
    for (const std::int64_t k : kKernels) {
      all.push_back(conv("", 3, kFeatures, k, image_));
      all.push_back(conv("", kFeatures, kFeatures, k, image_));
      all.push_back(conv("", kFeatures, 3, k, twice));
      for (std::size_t u = 0; u < kUpsamplings; ++u) {
        all.push_back(upsample(static_cast<zoo::Upsampling>(u), k, twice));
      }
      for (const std::int64_t second : kKernels) {
        for (const zoo::Act act : kActs) all.push_back(residual("", k, second, act));
      }
    }
    for (Block& block : all) block.place.clear();
    return all;
  }

 private:
  [[nodiscard]] static zoo::Edsr net_of(const Genome& genome) {
    zoo::Edsr net{.blocks = kBlocks, .features = kFeatures, .kernels = {}};
    for (std::size_t i = 0; i < kConvolutions; ++i) net.kernels.push_back(kKernels[genome[i]]);
    net.act = kActs[genome[kConvolutions]];
    net.upsampling = static_cast<zoo::Upsampling>(genome[kConvolutions + 1]);
    return net;
  }

  static Block conv(const char* place, std::int64_t in, std::int64_t out, std::int64_t kernel,
                    zoo::Size size) {
    return {fmt::format("srblock:conv_i{}_o{}_k{}{}", in, out, kernel, at_size(size)),
            {1, in, size.h, size.w},
            {1, out, size.h, size.w},
            [out, kernel](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
              return b.conv(prefix, x, {.out = out, .kernel = kernel});
            },
            place};
  }
  [[nodiscard]] Block residual(const std::string& place, std::int64_t first, std::int64_t second,
                               zoo::Act act) const {
    const ir::Shape shape{1, kFeatures, image_.h, image_.w};
    return {fmt::format("srblock:residual_f{}_k{},{}{}{}", kFeatures, first, second,
                        act == zoo::Act::relu ? "" : "_leaky_relu", at_size(image_)),
            shape, shape,
            [=](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
              return zoo::edsr_block(b, prefix, x, first, second, act);
            },
            place};
  }
  [[nodiscard]] Block long_skip() const {
    const ir::Shape shape{1, kFeatures, image_.h, image_.w};
    return {fmt::format("srblock:add_f{}{}", kFeatures, at_size(image_)), shape, shape,
            [](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) { return b.add(prefix, x, x); },
            "body.add"};
  }
  [[nodiscard]] Block upsample(zoo::Upsampling upsampling, std::int64_t kernel, zoo::Size twice) const {
    return {fmt::format("srblock:upsample_f{}_k{}_{}{}", kFeatures, kernel, zoo::to_string(upsampling),
                        at_size(image_)),
            {1, kFeatures, image_.h, image_.w},
            {1, kFeatures, twice.h, twice.w},
            [upsampling, kernel](zoo::Builder& b, const std::string&, zoo::TensorId x) {
              return zoo::edsr_upsample(b, x, upsampling, kernel);
            },
            "upsample"};
  }

  zoo::Size image_;
};

}  // namespace

std::unique_ptr<Space> make_edsr(const std::string& name, zoo::Size image) {
  return std::make_unique<EdsrSpace>(name, image.h > 0 ? image : zoo::Size(360, 640));
}

}  // namespace npusim::space
