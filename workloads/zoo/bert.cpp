// BERT (arXiv 1810.04805) as Hugging Face's transformers has it, for one sentence without padding: token
// types and masks, which add constants, are left out.
#include <fmt/format.h>

#include <cmath>

#include "workloads/zoo/families.h"

namespace npusim::zoo {

namespace {

struct Bert {
  std::int64_t layers, hidden, heads, vocabulary, tokens;
  bool answers;  ///< two scores a token (SQuAD) instead of the pooled first token
};

constexpr Bert kBase{12, 768, 12, 28'996, 128, false};
constexpr Bert kLarge{24, 1024, 16, 30'522, 384, true};

TensorId attention(Builder& b, const std::string& name, TensorId x, const Bert& net) {
  const std::int64_t batch = b.shape(x)[0], tokens = b.shape(x)[1], width = net.hidden / net.heads;
  const auto heads = [&](const char* which, std::vector<std::int64_t> order) {
    const std::string part = fmt::format("{}.{}", name, which);
    const TensorId y =
        b.reshape(part + ".heads", b.linear(part, x, net.hidden), {batch, tokens, net.heads, width});
    return b.transpose(part + ".order", y, std::move(order));
  };
  TensorId scores = b.matmul(name + ".scores", heads("query", {0, 2, 1, 3}), heads("key", {0, 2, 3, 1}));
  scores =
      b.div(name + ".scale", scores, b.scalar(name + ".scale.value", std::sqrt(static_cast<double>(width))));
  TensorId y = b.matmul(name + ".mix", b.softmax(name + ".softmax", scores, 3), heads("value", {0, 2, 1, 3}));
  y = b.reshape(name + ".join", b.transpose(name + ".mix.order", y, {0, 2, 1, 3}),
                {batch, tokens, net.hidden});
  return b.linear(name + ".output", y, net.hidden);
}

TensorId bert(Builder& b, const Bert& net) {
  TensorId x = b.embedding("embeddings.word", b.input(), net.vocabulary, net.hidden);
  x = b.add("embeddings.add", x, b.weight("embeddings.position", {1, net.tokens, net.hidden}));
  x = b.layer_norm("embeddings.norm", x, 1e-12);
  for (std::int64_t i = 0; i < net.layers; ++i) {
    const std::string name = fmt::format("layer{}", i);
    x = b.add(name + ".attention.add", attention(b, name + ".attention", x, net), x);
    x = b.layer_norm(name + ".attention.norm", x, 1e-12);
    TensorId y =
        b.act(name + ".intermediate.gelu", b.linear(name + ".intermediate", x, 4 * net.hidden), Act::gelu);
    y = b.add(name + ".add", b.linear(name + ".output", y, net.hidden), x);
    x = b.layer_norm(name + ".norm", y, 1e-12);
  }
  if (net.answers) return b.linear("answers", x, 2);
  return b.linear("pooler", b.pick("first", x, 1, 0), net.hidden);
}

/// Embeddings that a sentence of these lengths does not use: positions beyond it, and the two token types.
constexpr std::int64_t unused(const Bert& net) { return (512 - net.tokens + 2) * net.hidden; }

}  // namespace

std::vector<Recipe> bert_networks() {
  std::vector<Recipe> rows;
  rows.push_back({{"bert_base_cased",
                   "encoder, 128 tokens",
                   "transformers; without unused embeddings",
                   {1, kBase.tokens},
                   exactly(108'310'272 - unused(kBase)),
                   {}},
                  [](Builder& b) { return bert(b, kBase); },
                  true});
  rows.push_back({{"bert_large_uncased_squad",
                   "encoder with answers' scores, 384 tokens",
                   "transformers, OpenVINO's Open Model Zoo",
                   {1, kLarge.tokens},
                   {33'396, 10'000},
                   {123, 1'000'000'000}},
                  [](Builder& b) { return bert(b, kLarge); },
                  true});
  return rows;
}

}  // namespace npusim::zoo
