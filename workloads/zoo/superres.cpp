#include "workloads/zoo/superres.h"

#include <fmt/format.h>

#include "sim/base/error.h"
#include "workloads/zoo/families.h"
#include "workloads/zoo/parameters.h"

namespace npusim::zoo {

namespace {

/// In the order of the enumeration.
const std::vector<std::string> kUpsamplings{"nearest", "bilinear", "depth_to_space"};

/// Hands out one kernel a convolution.
class Kernels {
 public:
  Kernels(const std::vector<std::int64_t>& kernels, std::size_t convolutions) : kernels_(kernels) {
    if (kernels.size() != 1 && kernels.size() != convolutions) {
      throw UserError(fmt::format("edsr: expected 1 or {} kernels, got {}", convolutions, kernels.size()));
    }
  }
  std::int64_t next() { return kernels_.size() == 1 ? kernels_.front() : kernels_[used_++]; }
  Conv next(std::int64_t out) { return {.out = out, .kernel = next()}; }

 private:
  const std::vector<std::int64_t>& kernels_;
  std::size_t used_ = 0;
};

ir::Graph build_edsr(const std::string& name, std::int64_t batch) {
  const NamedEdsr named = parse_edsr(name);
  Builder b(name, {batch, 3, named.image.h, named.image.w});
  return b.finish(edsr(b, named.net));
}

/// One part alone. "add" adds its input to itself: in the network it adds the first convolution's result.
ir::Graph build_part(const std::string& name, std::int64_t batch) {
  Parameters p(name, {"i", "o", "f", "k"});
  const std::size_t kind = p.word({"conv", "residual", "add", "upsample"}, 4);
  const Act act = p.word({"relu", "leaky_relu"}, 0) == 0 ? Act::relu : Act::leaky_relu;
  const auto upsampling = static_cast<Upsampling>(p.word(kUpsamplings, 2));
  p.expect_no_more();
  const std::int64_t features = p.number("f", 64, 1, 4096), in = p.number("i", features, 1, 4096);
  const std::vector<std::int64_t> kernels = p.numbers("k", {3}, 1, 15);
  const Size image = p.image({360, 640});
  Builder b(name, {batch, in, image.h, image.w});
  switch (kind) {
    case 0:
      return b.finish(
          b.conv("conv", b.input(), {.out = p.number("o", features, 1, 4096), .kernel = kernels.front()}));
    case 1:
      return b.finish(edsr_block(b, "block", b.input(), kernels.front(), kernels.back(), act));
    case 2:
      return b.finish(b.add("add", b.input(), b.input()));
    default:
      return b.finish(edsr_upsample(b, b.input(), upsampling, kernels.front()));
  }
}

}  // namespace

const char* to_string(Upsampling upsampling) {
  return kUpsamplings.at(static_cast<std::size_t>(upsampling)).c_str();
}

NamedEdsr parse_edsr(const std::string& name) {
  Parameters p(name, {"b", "f", "k"});
  NamedEdsr named;
  Edsr& net = named.net;
  net.act = p.word({"relu", "leaky_relu"}, 0) == 0 ? Act::relu : Act::leaky_relu;
  net.upsampling = static_cast<Upsampling>(p.word(kUpsamplings, 2));
  p.expect_no_more();
  net.blocks = p.number("b", net.blocks, 1, 128);
  net.features = p.number("f", net.features, 1, 4096);
  net.kernels = p.numbers("k", net.kernels, 1, 15);
  for (const std::int64_t kernel : net.kernels) {
    if (kernel % 2 == 0) p.fail("k", "expected odd kernels");
  }
  named.image = p.image({360, 640});
  return named;
}

TensorId edsr_block(Builder& b, const std::string& name, TensorId x, std::int64_t first, std::int64_t second,
                    Act act) {
  const std::int64_t features = b.channels(x);
  const TensorId y = b.conv_act(name + ".conv1", x, {.out = features, .kernel = first}, act);
  return b.add(name + ".add", b.conv(name + ".conv2", y, {.out = features, .kernel = second}), x);
}

TensorId edsr_upsample(Builder& b, TensorId x, Upsampling upsampling, std::int64_t kernel) {
  const std::int64_t features = b.channels(x);
  if (upsampling == Upsampling::depth_to_space) {
    const Conv widening{.out = 4 * features, .kernel = kernel};
    return b.depth_to_space("upsample", b.conv("upsample.conv", x, widening), 2);
  }
  const Size twice(2 * b.shape(x)[2], 2 * b.shape(x)[3]);
  const auto mode =
      upsampling == Upsampling::nearest ? ir::ResizeAttrs::Mode::nearest : ir::ResizeAttrs::Mode::linear;
  return b.conv("upsample.conv", b.resize("upsample", x, twice, mode), {.out = features, .kernel = kernel});
}

TensorId edsr(Builder& b, const Edsr& net) {
  Kernels kernels(net.kernels, static_cast<std::size_t>(2 * net.blocks + 4));
  const TensorId head = b.conv("head", b.input(), kernels.next(net.features));
  TensorId x = head;
  for (std::int64_t i = 0; i < net.blocks; ++i) {
    const std::string name = fmt::format("block{}", i);
    const std::int64_t first = kernels.next(), second = kernels.next();
    x = edsr_block(b, name, x, first, second, net.act);
  }
  x = b.add("body.add", b.conv("body", x, kernels.next(net.features)), head);
  x = edsr_upsample(b, x, net.upsampling, kernels.next());
  return b.conv("tail", x, kernels.next(3));
}

std::vector<Recipe> super_resolution_networks() {
  std::vector<Recipe> rows;
  const auto row = [&rows](const char* name, const char* description, const Edsr& net) {
    NetInfo info{name,       description, "arXiv 1707.02921 and 2305.03739; no figures published",
                 {360, 640}, {},          {}};
    rows.push_back({std::move(info), [net](Builder& b) { return edsr(b, net); }});
  };
  row("edsr3", "super-resolution x2, three residual blocks, depth-to-space", {});
  row("edsr3_nearest", "super-resolution x2, three residual blocks, nearest upsampling",
      {.kernels = {3}, .upsampling = Upsampling::nearest});
  return rows;
}

ParametricRecipe edsr_networks() {
  return {{"edsr",
           "edsr:[b<blocks>][_f<features>][_k<k[,k..]>][_relu|_leaky_relu][_nearest|_bilinear|_depth_to_"
           "space][@SIZE]",
           "edsr:b3_f64_k3_leaky_relu_bilinear@360x640",
           "super-resolution by 2 (EDSR; Xu et al. 2023); kernels: one for all or one a convolution; three "
           "blocks, 64 "
           "features, 3x3, ReLU, depth-to-space, 360x640 unless given"},
          build_edsr};
}

ParametricRecipe edsr_part_networks() {
  return {{"srblock",
           "srblock:conv_i<in>_o<out>_k<k>@SIZE, residual_f<features>_k<k,k>[_leaky_relu]@SIZE, "
           "add_f<features>@SIZE or "
           "upsample_f<features>_k<k>_nearest|_bilinear|_depth_to_space@SIZE",
           "srblock:residual_f64_k3,1_leaky_relu@360x640",
           "one part of EDSR alone, convolutions with bias and no BatchNorm; add adds its input to itself"},
          build_part};
}

}  // namespace npusim::zoo
