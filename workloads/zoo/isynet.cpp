#include "workloads/zoo/isynet.h"

#include <fmt/format.h>

#include "sim/base/error.h"
#include "workloads/zoo/families.h"
#include "workloads/zoo/parameters.h"

namespace npusim::zoo {

std::int64_t kernel_of(Edge edge) {
  switch (edge) {
    case Edge::conv1:
      return 1;
    case Edge::conv3:
    case Edge::pair3:
      return 3;
    case Edge::conv5:
    case Edge::pair5:
      return 5;
    case Edge::conv7:
    case Edge::pair7:
      return 7;
    case Edge::identity:
      break;
  }
  throw InternalError("the identity has no kernel");
}

bool is_pair(Edge edge) { return edge == Edge::pair3 || edge == Edge::pair5 || edge == Edge::pair7; }

namespace {

TensorId emit_edge(Builder& b, const std::string& name, TensorId x, Edge edge, std::int64_t out,
                   std::int64_t stride, Act act) {
  const std::int64_t k = kernel_of(edge);
  if (is_pair(edge)) {
    x = b.conv(name + ".column", x, {.out = out, .kernel = {k, 1}, .stride = {stride, 1}}, false);
    return b.conv_bn_act(name + ".row", x, {.out = out, .kernel = {1, k}, .stride = {1, stride}}, act);
  }
  return b.conv_bn_act(name, x, {.out = out, .kernel = k, .stride = stride}, act);
}

// Specifications that reproduce the paper's Table 4 (its Table 3 prints some of them differently), read from
// the released code's configurations.
constexpr Edge I = Edge::identity, C1 = Edge::conv1, C3 = Edge::conv3, C5 = Edge::conv5, C7 = Edge::conv7,
               P3 = Edge::pair3, P5 = Edge::pair5;
constexpr bool kSkip = true, kNoSkip = false, kLinear = false;

/// N1 and its depth-scaled versions differ in the blocks of the last three stages.
std::vector<ISyNetStage> n1(std::int64_t blocks2, std::int64_t blocks3, std::int64_t blocks4) {
  return {{{C7, I, I, I}, 16},
          {{P5, C1, C3, C5}, 32},
          {{C3, C3, C3, I}, 128, blocks2, 1, kSkip},
          {{C3, C1, C3, I}, 128, blocks3, 2, kSkip},
          {{C1, C1, I, C1}, 256, blocks4, 1, kSkip}};
}

ir::Graph build_block(const std::string& name, std::int64_t batch) {
  Parameters p(name, {"i", "o", "x", "e"});
  ISyNetStage stage{};
  const std::vector<std::int64_t> edges = p.numbers("e", {}, 0, 7);
  if (edges.size() != stage.edges.size()) p.fail("e", "expected four edges, numbers from 0 to 7");
  for (std::size_t i = 0; i < edges.size(); ++i) stage.edges[i] = static_cast<Edge>(edges[i]);
  stage.out = p.number("o", 64, 1, 8192);
  stage.expansion = p.number("x", 1, 1, 8);
  stage.skip = p.word({"plain", "skip"}, 0) == 1;
  stage.last_relu = p.word({"relu", "linear"}, 0) == 0;
  const bool first = p.word({"later", "first"}, 0) == 1;
  p.expect_no_more();
  const std::int64_t in = p.number("i", stage.out, 1, 8192);
  if (stage.skip && !first && in != stage.out) p.fail("i", "a skip needs as many input as output channels");
  const Size image = p.image(56);
  Builder b(name, {batch, in, image.h, image.w});
  return b.finish(isynet_block(b, "block", b.input(), stage, first));
}

}  // namespace

TensorId isynet_block(Builder& b, const std::string& name, TensorId x, const ISyNetStage& stage, bool first) {
  if (stage.edges[0] == Edge::identity) {
    throw UserError(
        fmt::format("ISyNet block {}: the first edge halves the resolution and must not be identity", name));
  }
  const TensorId shortcut = x;
  std::size_t last = stage.edges.size() - 1;
  while (stage.edges[last] == Edge::identity) --last;
  for (std::size_t i = 0; i <= last; ++i) {
    if (stage.edges[i] == Edge::identity) continue;
    const bool linear = i == 3 && !stage.last_relu;
    x = emit_edge(b, name + ".edge" + std::to_string(i), x, stage.edges[i],
                  i == last ? stage.out : stage.out * stage.expansion, first && i == 0 ? 2 : 1,
                  linear ? Act::none : Act::relu);
  }
  return !first && stage.skip ? b.add(name + ".add", x, shortcut) : x;
}

std::string isynet_block_text(std::int64_t in, const ISyNetStage& stage, bool first) {
  std::string text = fmt::format("i{}_o{}_x{}_e", in, stage.out, stage.expansion);
  for (std::size_t i = 0; i < stage.edges.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ",", static_cast<int>(stage.edges[i]));
  }
  if (stage.skip && !first) text += "_skip";
  if (!stage.last_relu) text += "_linear";
  return first ? text + "_first" : text;
}

TensorId isynet(Builder& b, const std::vector<ISyNetStage>& stages, std::int64_t classes) {
  TensorId x = b.input();
  for (std::size_t s = 0; s < stages.size(); ++s) {
    for (std::int64_t i = 0; i < stages[s].blocks; ++i) {
      x = isynet_block(b, fmt::format("stage{}.{}", s, i), x, stages[s], i == 0);
    }
  }
  return b.classifier(b.conv_bn_act("head", x, {.out = 1280}), classes);
}

ParametricRecipe isynet_block_networks() {
  return {
      {"isyblock", "isyblock:i<in>_o<out>_x<expansion>_e<e0,e1,e2,e3>[_skip][_linear][_first]@SIZE",
       "isyblock:i32_o32_x1_e1,7,1,7_skip@56",
       "one block of ISyNet's space (arXiv 2109.01932), edges by number: 1x1, 3x3, 5x5, 7x7, three pairs, "
       "identity; the first of a stage halves the image"},
      build_block};
}

std::vector<Recipe> isynet_networks() {
  const char* source = "ISyNet (arXiv 2109.01932), Tables 3 and 4, and its released code";
  std::vector<Recipe> rows;
  const auto row = [&](const char* name, std::vector<ISyNetStage> stages, std::int64_t parameters,
                       std::int64_t macs) {
    const NetInfo info{
        name,          "found by search for the Ascend 310, ImageNet", source, 224, thousands(parameters),
        millions(macs)};
    rows.push_back({info, [stages = std::move(stages)](Builder& b) { return isynet(b, stages, kClasses); }});
  };
  row("isynet_n0",
      {{{C5, I, I, I}, 16},
       {{C3, I, C3, I}, 32, 2, 1, kSkip},
       {{C3, C3, C3, C1}, 64, 4, 1, kSkip},
       {{C1, I, I, C3}, 128, 2, 1, kSkip, kLinear},
       {{C3, C3, C1, I}, 256, 6, 1, kSkip}},
      9'593, 893);
  row("isynet_n1", n1(4, 6, 1), 7'425, 2'271);
  row("isynet_n1_s1", n1(4, 6, 3), 7'821, 2'290);
  row("isynet_n1_s2", n1(5, 6, 6), 8'858, 2'666);
  row("isynet_n1_s3", n1(6, 8, 7), 10'813, 3'279);
  row("isynet_n2",
      {{{C3, C7, I, C7}, 16},
       {{C5, I, C3, C3}, 32, 3, 2, kNoSkip, kLinear},
       {{C3, C3, I, I}, 64, 4, 1, kSkip},
       {{C3, I, C1, I}, 256, 17, 1, kSkip, kLinear},
       {{C1, I, C1, C1}, 1024, 2, 1, kSkip}},
      19'426, 3'891);
  row("isynet_n3",
      {{{C5, I, I, C7}, 32},
       {{C3, I, C3, I}, 64, 5, 1, kSkip, kLinear},
       {{C3, P3, C3, C3}, 128, 3, 1, kSkip},
       {{P3, C1, I, C3}, 256, 13, 1, kSkip, kLinear},
       {{C1, C1, I, C1}, 1024}},
      20'468, 5'825);
  return rows;
}

}  // namespace npusim::zoo
