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

/// Multi-head self-attention of [N, tokens, hidden], in the order in which torch.nn.MultiheadAttention is
/// exported: tokens first, and batch and heads in one axis.
TensorId self_attention(Builder& b, const std::string& name, TensorId x, std::int64_t heads) {
  const std::int64_t batch = b.shape(x)[0], tokens = b.shape(x)[1], hidden = b.shape(x)[2],
                     width = hidden / heads;
  const TensorId packed =
      b.linear(name + ".in_proj", b.transpose(name + ".tokens_first", x, {1, 0, 2}), 3 * hidden);
  const auto part = [&](const std::string& which, std::int64_t index) {
    return b.slice(name + which, packed, 2, index * hidden, hidden);
  };
  TensorId q = part(".query", 0), k = part(".key", 1), v = part(".value", 2);
  const auto split_heads = [&](const std::string& which, TensorId t) {
    return b.reshape(name + which + ".heads", t, {tokens, batch * heads, width});
  };
  q = b.transpose(name + ".query.heads_first", split_heads(".query", q), {1, 0, 2});
  k = split_heads(".key", k);
  v = b.transpose(name + ".value.heads_first", split_heads(".value", v), {1, 0, 2});
  q = b.div(name + ".scale", q, b.scalar(name + ".scale.value", std::sqrt(static_cast<double>(width))));
  const TensorId scores = b.matmul(name + ".scores", q, b.transpose(name + ".key.transposed", k, {1, 2, 0}));
  TensorId y = b.matmul(name + ".mix", b.softmax(name + ".softmax", scores, 2), v);
  y = b.reshape(name + ".join", b.transpose(name + ".mix.tokens_first", y, {1, 0, 2}),
                {tokens * batch, hidden});
  y = b.reshape(name + ".unjoin", b.linear(name + ".out_proj", y, hidden), {tokens, batch, hidden});
  return b.transpose(name + ".batch_first", y, {1, 0, 2});
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
  return b.linear("head", b.pick("class", b.layer_norm("ln", x), 1, 0), kClasses);
}

}  // namespace

std::vector<Recipe> transformer_networks() {
  std::vector<Recipe> rows;
  add_torchvision(rows, kVits, "vision transformer, ImageNet", vit);
  return rows;
}

}  // namespace npusim::zoo
