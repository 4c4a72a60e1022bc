#include "workloads/zoo/superres.h"

#include <fmt/format.h>

#include "sim/base/error.h"
#include "workloads/zoo/families.h"
#include "workloads/zoo/parameters.h"

namespace npusim::zoo {

namespace {

/// Hands out one kernel a convolution.
class Kernels {
 public:
  Kernels(const std::vector<std::int64_t>& kernels, std::size_t convolutions) : kernels_(kernels) {
    if (kernels.size() != 1 && kernels.size() != convolutions) {
      throw UserError(fmt::format("edsr: expected 1 or {} kernels, got {}", convolutions, kernels.size()));
    }
  }
  Conv next(std::int64_t out) {
    return {.out = out, .kernel = kernels_.size() == 1 ? kernels_.front() : kernels_[used_++]};
  }

 private:
  const std::vector<std::int64_t>& kernels_;
  std::size_t used_ = 0;
};

TensorId upsampled(Builder& b, TensorId x, const Edsr& net, Kernels& kernels) {
  if (net.upsampling == Upsampling::depth_to_space) {
    return b.depth_to_space("upsample", b.conv("upsample.conv", x, kernels.next(4 * net.features)), 2);
  }
  const Size twice(2 * b.shape(x)[2], 2 * b.shape(x)[3]);
  const auto mode =
      net.upsampling == Upsampling::nearest ? ir::ResizeAttrs::Mode::nearest : ir::ResizeAttrs::Mode::linear;
  return b.conv("upsample.conv", b.resize("upsample", x, twice, mode), kernels.next(net.features));
}

ir::Graph build_edsr(const std::string& name, std::int64_t batch) {
  Parameters p(name, {"b", "f", "k"});
  Edsr net;
  net.act = p.word({"relu", "leaky_relu"}, 0) == 0 ? Act::relu : Act::leaky_relu;
  net.upsampling = static_cast<Upsampling>(p.word({"nearest", "bilinear", "depth_to_space"}, 2));
  p.expect_no_more();
  net.blocks = p.number("b", net.blocks, 1, 128);
  net.features = p.number("f", net.features, 1, 4096);
  net.kernels = p.numbers("k", net.kernels, 1, 15);
  for (const std::int64_t kernel : net.kernels) {
    if (kernel % 2 == 0) p.fail("k", "expected odd kernels");
  }
  const Size image = p.image({360, 640});
  Builder b(name, {batch, 3, image.h, image.w});
  return b.finish(edsr(b, net));
}

}  // namespace

TensorId edsr(Builder& b, const Edsr& net) {
  Kernels kernels(net.kernels, static_cast<std::size_t>(2 * net.blocks + 4));
  const TensorId head = b.conv("head", b.input(), kernels.next(net.features));
  TensorId x = head;
  for (std::int64_t i = 0; i < net.blocks; ++i) {
    const std::string name = fmt::format("block{}", i);
    TensorId y = b.conv_act(name + ".conv1", x, kernels.next(net.features), net.act);
    y = b.conv(name + ".conv2", y, kernels.next(net.features));
    x = b.add(name + ".add", y, x);
  }
  x = b.add("body.add", b.conv("body", x, kernels.next(net.features)), head);
  x = upsampled(b, x, net, kernels);
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

}  // namespace npusim::zoo
