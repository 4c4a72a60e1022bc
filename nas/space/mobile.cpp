#include "nas/space/mobile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "workloads/zoo/mobile_block.h"

namespace npusim::space {

using zoo::Act;

namespace {

constexpr std::int64_t kClasses = 1000;
/// TensorFlow's models have a class for the background.
constexpr std::int64_t kTensorFlowClasses = 1001;

std::vector<std::int64_t> up_to(std::int64_t depth) {
  std::vector<std::int64_t> depths;
  for (std::int64_t i = 1; i <= depth; ++i) depths.push_back(i);
  return depths;
}

std::vector<Choice> mobile_choices(const std::vector<std::int64_t>& kernels,
                                   const std::vector<std::int64_t>& expansions, Act act,
                                   const std::vector<bool>& fused = {false}) {
  std::vector<Choice> choices;
  for (const bool full : fused) {
    for (const std::int64_t kernel : kernels) {
      for (const std::int64_t expansion : expansions) {
        choices.push_back({fmt::format("{}{}e{}", full ? 'f' : 'k', kernel, expansion),
                           mobile_block(kernel, expansion, act, full)});
      }
    }
  }
  return choices;
}

/// Every combination of three superkernels, merged; without the one that is no block at all.
std::vector<Choice> mixconv_choices() {
  std::vector<Choice> choices;
  std::set<std::string> seen;
  for (const std::int64_t a : {0, 3, 5}) {
    for (const std::int64_t b : {0, 3, 5}) {
      for (const std::int64_t c : {0, 3, 5, 7}) {
        std::vector<zoo::Branch> branches;
        for (const std::int64_t kernel : {a, b, c}) {
          if (kernel > 0) branches.push_back({kernel, 2});
        }
        branches = zoo::merged(branches);
        std::string text;
        for (const zoo::Branch& branch : branches) {
          text += fmt::format("{}{}:{}", text.empty() ? "" : ",", branch.kernel, branch.expansion);
        }
        if (branches.empty() || !seen.insert(text).second) continue;
        choices.push_back({text, {.kind = zoo::BlockKind::mixconv, .type = 100, .branches = branches}});
      }
    }
  }
  return choices;
}

/// S3NAS' supernet: a 7x7 stem and five stages of these blocks.
StagedPlan s3nas(const char* name, const std::vector<Choice>& choices, std::int64_t blocks) {
  const std::vector<std::int64_t> widths{32, 64, 128, 160, 256}, strides{2, 2, 2, 1, 2};
  const std::vector<std::int64_t> depths = linear_depths(widths, blocks);
  StagedPlan plan{.name = name, .sides = {224}, .pad = zoo::Pad::Rule::leading};
  plan.stem = {conv_block(7, 2, 32, Act::relu)};
  for (std::size_t s = 0; s < widths.size(); ++s) {
    plan.stages.push_back({.widths = {widths[s]},
                           .stride = strides[s],
                           .depths = up_to(depths[s]),
                           .first = choices,
                           .rest = choices,
                           .zero = true});
  }
  plan.head = {conv_block(1, 1, 1280, Act::relu), pool_block(), dense_block(kClasses)};
  return plan;
}

/// `widths`: stem, first block, six stages, head.
StagedPlan proxyless(const char* name, const std::vector<std::int64_t>& widths) {
  const std::vector<std::int64_t> strides{2, 2, 2, 1, 2, 1}, depths{4, 4, 4, 4, 4, 1};
  const std::vector<Choice> choices = mobile_choices({3, 5, 7}, {3, 6}, Act::relu6);
  StagedPlan plan{.name = name, .sides = {224}, .pad = zoo::Pad::Rule::half};
  zoo::Block first = mobile_block(3, 1, Act::relu6);
  first.out = widths[1];
  plan.stem = {conv_block(3, 2, widths[0], Act::relu6), first};
  for (std::size_t s = 0; s < depths.size(); ++s) {
    plan.stages.push_back({.widths = {widths[s + 2]},
                           .stride = strides[s],
                           .depths = up_to(depths[s]),
                           .first = choices,
                           .rest = choices,
                           .zero = true});
  }
  plan.head = {conv_block(1, 1, widths.back(), Act::relu6), pool_block(), dense_block(kClasses)};
  return plan;
}

StagedPlan ofa(const char* name, double width) {
  struct Row {
    std::int64_t width, stride;
    bool squeeze;
    Act act;
  };
  const auto scaled = [width](std::int64_t channels) {
    return zoo::round_channels(static_cast<double>(channels) * width);
  };
  const Act hs = Act::hard_swish;
  StagedPlan plan{.name = name, .sides = {224}, .pad = zoo::Pad::Rule::half};
  zoo::Block first = mobile_block(3, 1, Act::relu);
  first.out = scaled(16);
  plan.stem = {conv_block(3, 2, scaled(16), hs), first};
  for (const Row& row : {Row{24, 2, false, Act::relu},
                         {40, 2, true, Act::relu},
                         {80, 2, false, hs},
                         {112, 1, true, hs},
                         {160, 2, true, hs}}) {
    std::vector<Choice> choices = mobile_choices({3, 5, 7}, {3, 4, 6}, row.act);
    for (Choice& choice : choices) {
      choice.block.squeeze = row.squeeze ? 0.25 : 0;
      choice.block.squeeze_expanded = row.squeeze;
    }
    plan.stages.push_back({.widths = {scaled(row.width)},
                           .stride = row.stride,
                           .depths = {2, 3, 4},
                           .first = choices,
                           .rest = choices});
  }
  plan.head = {conv_block(1, 1, scaled(960), hs), pool_block(), dense_block(scaled(1280), hs),
               dense_block(kClasses)};
  return plan;
}

}  // namespace

std::vector<std::int64_t> linear_depths(const std::vector<std::int64_t>& widths, std::int64_t total) {
  std::vector<std::int64_t> depths;
  std::int64_t before = 0;
  for (const std::int64_t width : widths) {
    const std::int64_t reached = total * width / widths.back();
    depths.push_back(reached - before);
    before = reached;
  }
  return depths;
}

StagedPlan s3nas_plan() { return s3nas("s3nas", mixconv_choices(), 29); }

StagedPlan s3nas_mbconv_plan() {
  return s3nas("s3nas-mbconv", mobile_choices({3, 5}, {2, 4, 6}, Act::relu), 20);
}

StagedPlan s3nas_fused_plan() {
  return s3nas("s3nas-fused", mobile_choices({3, 5}, {2, 4, 6}, Act::relu, {true}), 20);
}

StagedPlan proxyless_plan() { return proxyless("proxyless", {32, 16, 24, 40, 80, 96, 192, 320, 1280}); }

StagedPlan proxyless_mobile_plan() {
  return proxyless("proxyless-mobile", {32, 16, 32, 40, 80, 96, 192, 320, 1280});
}

StagedPlan proxyless_gpu_plan() {
  return proxyless("proxyless-gpu", {40, 24, 32, 56, 112, 128, 256, 432, 1728});
}

StagedPlan proxyless_cpu_plan() {
  return proxyless("proxyless-cpu", {40, 24, 32, 48, 88, 104, 216, 360, 1432});
}

StagedPlan proxyless_mobile14_plan() {
  return proxyless("proxyless-mobile14", {48, 24, 40, 56, 112, 136, 256, 448, 1792});
}

StagedPlan ofa_plan() { return ofa("ofa", 1.2); }
StagedPlan ofa_w10_plan() { return ofa("ofa-w1.0", 1.0); }

StagedPlan mnasnet_edgetpu_plan() {
  struct Row {
    std::vector<std::int64_t> widths, depths;
    std::int64_t stride;
  };
  StagedPlan plan{.name = "mnasnet-edgetpu", .sides = {224}, .pad = zoo::Pad::Rule::same};
  plan.stem = {conv_block(3, 2, 32, Act::relu)};
  plan.stages.push_back({.widths = {16, 24},
                         .stride = 1,
                         .depths = {1},
                         .first = mobile_choices({3}, {1, 3}, Act::relu, {false, true}),
                         .rest = {}});
  const std::vector<Choice> choices = mobile_choices({3, 5}, {4, 8}, Act::relu, {false, true});
  for (const Row& row : {Row{{24, 32, 40}, {2, 3, 4}, 2},
                         {{40, 48, 64}, {3, 4, 5}, 2},
                         {{72, 96, 120}, {3, 4, 5}, 2},
                         {{96, 120, 144}, {3, 4, 5}, 1},
                         {{128, 160, 192}, {2, 3, 4}, 2},
                         {{160, 192, 240}, {0, 1, 2}, 1}}) {
    plan.stages.push_back({.widths = row.widths,
                           .stride = row.stride,
                           .depths = row.depths,
                           .first = choices,
                           .rest = choices});
  }
  plan.head = {conv_block(1, 1, 1280, Act::relu), pool_block(), dense_block(kTensorFlowClasses)};
  return plan;
}

StagedPlan mbconv_bench_plan() {
  const std::vector<Choice> choices = mobile_choices({3, 5, 7}, {2, 4, 6}, Act::relu, {false, true});
  StagedPlan plan{.name = "mbconv-bench", .sides = {224}, .pad = zoo::Pad::Rule::half};
  plan.stem = {conv_block(3, 2, 16, Act::relu)};
  for (const std::int64_t width : {24, 40, 80, 160}) {
    plan.stages.push_back(
        {.widths = {width}, .stride = 2, .depths = {2}, .first = choices, .rest = choices, .uniform = true});
  }
  plan.head = {conv_block(1, 1, 1280, Act::relu), pool_block(), dense_block(kClasses)};
  return plan;
}

}  // namespace npusim::space
