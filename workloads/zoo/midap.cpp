// Networks as MidapSim (cap-lab/MidapSim) builds them, and those that S3NAS (arXiv 2009.02009) found.
#include <fmt/format.h>

#include "workloads/zoo/families.h"
#include "workloads/zoo/mobile_block.h"
#include "workloads/zoo/s3nas.h"

namespace npusim::zoo {

TensorId s3nas(Builder& b, const S3NasNet& net, std::int64_t classes) {
  const Pad pad = Pad::kLeading;
  TensorId x =
      b.conv_bn_act("stem", b.input(), {.out = net.stem, .kernel = 7, .stride = 2, .pad = pad}, net.act);
  bool first = true;
  for (std::size_t s = 0; s < net.stages.size(); ++s) {
    const S3NasStage& stage = net.stages[s];
    for (std::size_t i = 0; i < stage.blocks.size(); ++i) {
      const Block block{.kind = BlockKind::mixconv,
                        .type = 100,
                        .stride = i == 0 ? stage.stride : 1,
                        .in = b.channels(x),
                        .out = stage.out,
                        .branches = stage.blocks[i],
                        .squeeze = first ? 0 : net.squeeze,
                        .act = net.act};
      x = append_block(b, fmt::format("stage{}.{}", s, i), x, block);
      first = false;
    }
  }
  return b.classifier(b.conv_bn_act("head", x, {.out = net.head}, net.act), classes);
}

namespace {

using Choices = std::vector<std::vector<Branch>>;

/// `blocks` with `copies` of their element `which` added behind it.
Choices with_copies(Choices blocks, std::size_t which, std::size_t copies = 1) {
  const std::vector<Branch> block = blocks.at(which);
  blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(which) + 1, copies, block);
  return blocks;
}

const std::vector<Branch> k32_52{{3, 2}, {5, 2}}, k36{{3, 6}}, k34{{3, 4}}, k34_52{{3, 4}, {5, 2}},
    k52{{5, 2}}, k32_54{{3, 2}, {5, 4}}, k357{{3, 2}, {5, 2}, {7, 2}}, k56{{5, 6}};

/// The blocks of ours-M by stage (the repository's figures/final_archs.png).
std::vector<Choices> ours_m_blocks() {
  Choices last(11, k56);
  last.front() = k357;
  return {{k32_52, k36, k36},
          {k34_52, k34_52, k34_52, k34_52},
          {k34_52, k36, k36, k34_52, k34_52, k32_52, k52},
          {k32_54, k36, k34, k36},
          last};
}

/// Depths 3,4,8,4,12: compound scaling copies the blocks with most parameters.
std::vector<Choices> ours_l_blocks() {
  std::vector<Choices> blocks = ours_m_blocks();
  blocks[2] = with_copies(blocks[2], 0);
  blocks[4] = with_copies(blocks[4], 0);
  return blocks;
}

/// Depths 4,5,9,5,13.
std::vector<Choices> ours_xl_blocks() {
  std::vector<Choices> blocks = ours_m_blocks();
  blocks[0] = with_copies(blocks[0], 1);
  blocks[1] = with_copies(blocks[1], 0);
  blocks[2] = with_copies(with_copies(blocks[2], 3), 0);
  blocks[3] = with_copies(blocks[3], 0);
  blocks[4] = with_copies(with_copies(blocks[4], 1), 0);
  return blocks;
}

S3NasNet ours(std::vector<Choices> blocks, const std::array<std::int64_t, 7>& widths) {
  constexpr std::array<std::int64_t, 5> kStrides{2, 2, 2, 1, 2};
  S3NasNet net{.stem = widths.front(), .head = widths.back()};
  for (std::size_t s = 0; s < blocks.size(); ++s) {
    net.stages.push_back({std::move(blocks[s]), widths[s + 1], kStrides[s]});
  }
  return net;
}

S3NasNet ours_m() { return ours(ours_m_blocks(), {32, 32, 64, 128, 160, 256, 1280}); }
S3NasNet ours_l() { return ours(ours_l_blocks(), {32, 32, 64, 144, 176, 288, 1408}); }
S3NasNet ours_xl() { return ours(ours_xl_blocks(), {48, 48, 80, 160, 192, 320, 1568}); }

/// Squeeze-and-Excitation in every block but the first, and h-swish for ReLU.
S3NasNet plus(S3NasNet net) {
  net.squeeze = 0.25;
  net.act = Act::hard_swish;
  return net;
}

/// One 512-channel block fewer than the published network: MidapSim's own builder has 12 pairs, not 13.
TensorId mobilenet_v1_of_midapsim(Builder& b) {
  struct Pair {
    std::int64_t out, stride;
  };
  const Pad pad = Pad::kLeading;
  TensorId x = b.conv_bn_act("conv1", b.input(), {.out = 32, .kernel = 3, .stride = 2, .pad = pad});
  int index = 1;
  for (const Pair& pair : {Pair{64, 1},
                           {128, 2},
                           {128, 1},
                           {256, 2},
                           {256, 1},
                           {512, 2},
                           {512, 1},
                           {512, 1},
                           {512, 1},
                           {512, 1},
                           {1024, 2},
                           {1024, 1}}) {
    const std::string name = fmt::format("block{}", index++);
    x = b.conv_bn_act(name + ".depthwise", x, {b.channels(x), 3, pair.stride, b.channels(x), pad});
    x = b.conv_bn_act(name + ".pointwise", x, {.out = pair.out});
  }
  return b.classifier(x, kClasses);
}

}  // namespace

std::vector<Recipe> midap_networks() {
  std::vector<Recipe> rows = midapsim_efficient_networks();
  const auto row = [&rows](const char* name, const char* description, const char* source, std::int64_t side,
                           Figure parameters, Figure macs, std::function<Outputs(Builder&)> body) {
    rows.push_back({{name, description, source, side, parameters, macs}, std::move(body)});
  };
  row("mobilenet_v1_midapsim", "MobileNet v1 without one of its 512-channel blocks", "cap-lab/MidapSim", 224,
      {}, exactly(516'456'960), mobilenet_v1_of_midapsim);
  row("mobilenet_v2_midapsim", "MobileNet v2 with trimmed padding", "cap-lab/MidapSim", 224,
      exactly(3'504'872), exactly(300'774'272),
      [](Builder& b) { return mobilenet_v2(b, 1.0, Pad::kLeading, kClasses); });
  const char* paper = "S3NAS (arXiv 2009.02009) and its repository's figures/final_archs.png";
  const char* scaled = "S3NAS, scaled by its rule; widths and depths as published, copies derived";
  row("s3nas_ours_m", "MixConv blocks found for MIDAP, ImageNet", paper, 224, {128, 100'000},
      exactly(1'286'560'192), [](Builder& b) { return s3nas(b, ours_m(), kClasses); });
  row("s3nas_ours_m_plus", "ours-M with Squeeze-and-Excitation and h-swish", paper, 224, {}, {},
      [](Builder& b) { return s3nas(b, plus(ours_m()), kClasses); });
  row("s3nas_ours_l_plus", "ours-M+ at 1.1 times width and depth", scaled, 268, {}, {},
      [](Builder& b) { return s3nas(b, plus(ours_l()), kClasses); });
  row("s3nas_ours_xl", "ours-M at 1.22 times width and depth", scaled, 332, {}, {},
      [](Builder& b) { return s3nas(b, ours_xl(), kClasses); });
  row("s3nas_ours_xl_plus", "ours-M+ at 1.22 times width and depth", scaled, 332, {}, {},
      [](Builder& b) { return s3nas(b, plus(ours_xl()), kClasses); });
  return rows;
}

}  // namespace npusim::zoo
