// Vision Transformer (arXiv 2010.11929).
#include <array>
#include <cmath>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

struct Vit {
  const char* name;
  std::int64_t patch, layers, heads, hidden, mlp;
  std::int64_t parameters;
  std::int64_t macs_millions;
};

constexpr std::array kVits{
    Vit{"vit_b_16", 16, 12, 12, 768, 3072, 86'567'656, 17'564},
    Vit{"vit_b_32", 32, 12, 12, 768, 3072, 88'224'232, 4'409},
};

/// Multi-head self-attention of [N, tokens, hidden].
TensorId self_attention(Builder& b, const std::string& name, TensorId x, std::int64_t heads) {
  const ir::Shape in = b.shape(x);
  const std::int64_t width = in[2] / heads;
  TensorId packed = b.linear(name + ".in_proj", x, 3 * in[2]);
  packed = b.reshape(name + ".heads", packed, {in[0], in[1], 3, heads, width});
  packed = b.transpose(name + ".heads_first", packed, {2, 0, 3, 1, 4});
  const auto parts = b.split(name + ".split", packed, 3, 0);
  const auto part = [&](const std::string& which, TensorId t) {
    return b.reshape(name + "." + which, t, {in[0], heads, in[1], width});
  };
  const TensorId q = part("query", parts[0]), k = part("key", parts[1]), v = part("value", parts[2]);
  TensorId scores = b.matmul(name + ".scores", q, b.transpose(name + ".key_transposed", k, {0, 1, 3, 2}));
  scores = b.mul(name + ".scale", scores,
                 b.scalar(name + ".scale.value", 1 / std::sqrt(static_cast<double>(width))));
  TensorId y = b.matmul(name + ".mix", b.softmax(name + ".softmax", scores, 3), v);
  y = b.transpose(name + ".tokens_first", y, {0, 2, 1, 3});
  return b.linear(name + ".out_proj", b.reshape(name + ".join", y, in), in[2]);
}

TensorId encoder_layer(Builder& b, const std::string& name, TensorId x, const Vit& net) {
  const TensorId attended =
      self_attention(b, name + ".attention", b.layer_norm(name + ".ln_1", x), net.heads);
  x = b.add(name + ".add_1", attended, x);
  TensorId y = b.linear(name + ".mlp.0", b.layer_norm(name + ".ln_2", x), net.mlp);
  y = b.linear(name + ".mlp.3", b.act(name + ".mlp.1", y, Act::gelu), net.hidden);
  return b.add(name + ".add_2", x, y);
}

TensorId vit(Builder& b, const Vit& net) {
  TensorId x =
      b.conv("conv_proj", b.input(), {.out = net.hidden, .kernel = net.patch, .stride = net.patch, .pad = 0});
  const std::int64_t batch = b.shape(x)[0], patches = b.shape(x)[2] * b.shape(x)[3];
  x = b.transpose("tokens", b.reshape("patches", x, {batch, net.hidden, patches}), {0, 2, 1});
  const TensorId token =
      b.expand("class_token.expand", b.weight("class_token", {1, 1, net.hidden}), {batch, 1, net.hidden});
  x = b.concat("concat", {token, x});
  x = b.add("pos_embedding.add", x, b.weight("pos_embedding", {1, patches + 1, net.hidden}));
  for (std::int64_t i = 0; i < net.layers; ++i) x = encoder_layer(b, "encoder." + std::to_string(i), x, net);
  x = b.slice("class", b.layer_norm("ln", x), 1, 0, 1);
  return b.linear("head", b.flatten("flatten", x), kClasses);
}

}  // namespace

std::vector<Recipe> transformer_networks() {
  std::vector<Recipe> rows;
  for (const Vit& net : kVits) {
    rows.push_back({{net.name, "vision transformer, ImageNet", kTorchvision, 224, exactly(net.parameters),
                     millions(net.macs_millions)},
                    [&net](Builder& b) { return vit(b, net); }});
  }
  return rows;
}

}  // namespace npusim::zoo
