// Published networks as members of the spaces they were found in.
#include "nas/space/isynet.h"
#include "nas/space/mobile.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/space/checks.h"
#include "workloads/zoo/zoo.h"

namespace npusim::space {

namespace {

using Texts = std::vector<std::string>;

std::size_t index_of(const std::vector<Choice>& choices, const std::string& text) {
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i].text == text) return i;
  }
  FAIL("no choice " << text);
  return 0;
}

/// By stage, its width and its blocks.
struct Member {
  std::int64_t width;
  Texts blocks;
};

Genome genome_of(const StagedSpace& space, const std::vector<Member>& stages) {
  std::vector<StagedSpace::StageValue> values;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const StagePlan& plan = space.plan().stages[s];
    StagedSpace::StageValue value;
    for (std::size_t w = 0; w < plan.widths.size(); ++w) {
      if (plan.widths[w] == stages[s].width) value.width = w;
    }
    for (const std::string& text : stages[s].blocks) {
      value.blocks.push_back(index_of(value.blocks.empty() ? plan.first : plan.rest, text));
    }
    values.push_back(value);
  }
  return space.compose(0, values);
}

void check_equal(const ir::Graph& ours, const ir::Graph& theirs) {
  CHECK(ir::macs(ours) == ir::macs(theirs));
  CHECK(ir::parameters(ours) == ir::parameters(theirs));
  CHECK(ir::content_hash(ours) == ir::content_hash(theirs));
}

}  // namespace

TEST_CASE("S3NAS' ours-M, published with 12.8 million parameters and 1.29 billion MACs, is in s3nas") {
  const StagedSpace space(s3nas_plan());
  const std::string a = "3:2,5:2", b = "3:6", c = "3:4,5:2";
  Texts last(11, "5:6");
  last.front() = "3:2,5:2,7:2";
  const Genome genome = genome_of(space, {{32, {a, b, b}},
                                          {64, {c, c, c, c}},
                                          {128, {c, b, b, c, c, a, "5:2"}},
                                          {160, {"3:2,5:4", b, "3:4", b}},
                                          {256, last}});
  check_equal(space.build(genome), zoo::build("s3nas_ours_m"));
  CHECK(ir::macs(space.build(genome)).count() == 1'286'560'192);
}

TEST_CASE("the linear rule gives S3NAS' depths 3, 4, 7, 4, 11 of 29 blocks and 2, 3, 5, 2, 8 of 20") {
  const std::vector<std::int64_t> widths{32, 64, 128, 160, 256};
  CHECK(linear_depths(widths, 29) == std::vector<std::int64_t>{3, 4, 7, 4, 11});
  CHECK(linear_depths(widths, 20) == std::vector<std::int64_t>{2, 3, 5, 2, 8});
}

TEST_CASE("MobileNetEdgeTPU and EfficientNet-EdgeTPU-S are in mnasnet-edgetpu") {
  const StagedSpace space(mnasnet_edgetpu_plan());
  const Texts fused{"f3e8", "f3e4", "f3e4", "f3e4"}, plain{"k3e8", "k3e4", "k3e4", "k3e4"};
  const Genome mobile = genome_of(space, {{16, {"f3e1"}},
                                          {32, fused},
                                          {48, fused},
                                          {96, plain},
                                          {96, plain},
                                          {160, {"k5e8", "k5e4", "k5e4", "k5e4"}},
                                          {192, {"k3e8"}}});
  check_equal(space.build(mobile), zoo::build("mobilenet_edgetpu"));
  CHECK(ir::macs(space.build(mobile)).count() == 990'670'464);
  const Genome small = genome_of(space, {{24, {"f3e3"}},
                                         {32, Texts(2, "f3e8")},
                                         {48, Texts(4, "f3e8")},
                                         {96, Texts(5, "k5e8")},
                                         {144, Texts(4, "k5e8")},
                                         {192, Texts(2, "k5e8")},
                                         {0, {}}});
  check_equal(space.build(small), zoo::build("efficientnet_edgetpu_s"));
  CHECK(ir::parameters(space.build(small)) == 5'439'673);
}

TEST_CASE("ProxylessNAS' four networks have their published parameters and MACs") {
  struct Published {
    StagedPlan plan;
    std::vector<Texts> blocks;
    std::int64_t parameters;
    std::int64_t macs_millions;
  };
  for (const Published& net : {Published{proxyless_mobile_plan(),
                                         {{"k5e3", "k3e3"},
                                          {"k7e3", "k3e3", "k5e3", "k5e3"},
                                          {"k7e6", "k5e3", "k5e3", "k5e3"},
                                          {"k5e6", "k5e3", "k5e3", "k5e3"},
                                          {"k7e6", "k7e6", "k7e3", "k7e3"},
                                          {"k7e6"}},
                                         4'080'512,
                                         320},
                               {proxyless_gpu_plan(),
                                {{"k5e3"},
                                 {"k7e3", "k3e3"},
                                 {"k7e6", "k5e3"},
                                 {"k5e6", "k3e3", "k5e3"},
                                 {"k7e6", "k7e6", "k7e6", "k5e6"},
                                 {"k7e6"}},
                                7'119'848,
                                465},
                               {proxyless_cpu_plan(),
                                {{"k3e6", "k3e3", "k3e3", "k3e3"},
                                 {"k3e6", "k3e3", "k3e3", "k5e3"},
                                 {"k3e6", "k3e3"},
                                 {"k5e6", "k3e3", "k3e3", "k3e3"},
                                 {"k5e6", "k5e3", "k5e3", "k3e3"},
                                 {"k5e6"}},
                                4'361'648,
                                439},
                               {proxyless_mobile14_plan(),
                                {{"k5e3", "k3e3"},
                                 {"k7e3", "k3e3", "k5e3", "k5e3"},
                                 {"k7e6", "k5e3", "k5e3", "k5e3"},
                                 {"k5e6", "k5e3", "k5e3", "k5e3"},
                                 {"k7e6", "k7e6", "k7e3", "k7e3"},
                                 {"k7e6"}},
                                6'857'568,
                                581}}) {
    const StagedSpace space(net.plan);
    CAPTURE(space.name());
    std::vector<Member> members;
    for (const Texts& blocks : net.blocks) members.push_back({0, blocks});
    const ir::Graph graph = space.build(genome_of(space, members));
    CHECK(ir::parameters(graph) == net.parameters);
    CHECK((ir::macs(graph).count() + 500'000) / 1'000'000 == net.macs_millions);
  }
}

namespace {

using zoo::Edge;
constexpr Edge I = Edge::identity, C1 = Edge::conv1, C3 = Edge::conv3, C5 = Edge::conv5, C7 = Edge::conv7,
               P3 = Edge::pair3, P5 = Edge::pair5;

struct PublishedIsynet {
  const char* name;
  std::vector<zoo::ISyNetStage> stages;
};

/// The specifications that reproduce the paper's Table 4, written as its Table 3 has them.
std::vector<PublishedIsynet> published_isynets() {
  return {{"isynet_n0",
           {{{C5, I, I, I}, 16},
            {{C3, I, C3, I}, 32, 2, 1, true},
            {{C3, C3, C3, C1}, 64, 4, 1, true},
            {{C1, I, I, C3}, 128, 2, 1, true, false},
            {{C3, C3, C1, I}, 256, 6, 1, true}}},
          {"isynet_n1",
           {{{C7, I, I, I}, 16},
            {{P5, C1, C3, C5}, 32},
            {{C3, C3, C3, I}, 128, 4, 1, true},
            {{C3, C1, C3, I}, 128, 6, 2, true},
            {{C1, C1, I, C1}, 256, 1, 1, true}}},
          {"isynet_n2",
           {{{C3, C7, I, C7}, 16},
            {{C5, I, C3, C3}, 32, 3, 2, false, false},
            {{C3, C3, I, I}, 64, 4, 1, true},
            {{C3, I, C1, I}, 256, 17, 1, true, false},
            {{C1, I, C1, C1}, 1024, 2, 1, true}}},
          {"isynet_n3",
           {{{C5, I, I, C7}, 32},
            {{C3, I, C3, I}, 64, 5, 1, true, false},
            {{C3, P3, C3, C3}, 128, 3, 1, true},
            {{P3, C1, I, C3}, 256, 13, 1, true, false},
            {{C1, C1, I, C1}, 1024}}}};
}

}  // namespace

TEST_CASE("ISyNet-N0 to N3 are in isynet: 55 genes that build the published networks") {
  const IsynetSpace space("isynet", 224);
  CHECK(space.genes().size() == 55);
  for (const PublishedIsynet& net : published_isynets()) {
    CAPTURE(net.name);
    const Genome genome = space.compose(net.stages);
    CHECK(space.decode(space.encode(genome)) == genome);
    check_equal(space.build(genome), zoo::build(net.name));
  }
}

TEST_CASE("a network outside ISyNet's space is refused by its stage") {
  const IsynetSpace space("isynet", 224);
  CHECK(refusal([&] {
          (void)space.compose({{{C3, I, I, I}, 24}});
        }) == "space 'isynet', stage 0: not in the space");
  CHECK(refusal([&] { (void)space.compose({}); }) == "space 'isynet': expected 1 to 6 stages");
  CHECK(refusal([&] { (void)space.all_blocks(); }).find("too many to list") != std::string::npos);
}

TEST_CASE("cells of NAS-Bench-201 have their published parameters and MACs") {
  const auto space = make_space("nb201");
  struct Published {
    const char* cell;
    std::int64_t parameters, macs;
  };
  // The benchmark's table prints 1.531546 M and 220.119680 M for the cell of six 3x3 convolutions, 0.073306 M
  // and 7.783040 M for the cell of six skips, 0.129306 M and 15.647360 M for architecture 0.
  for (const Published& cell : {Published{"222222", 1'531'546, 220'119'680},
                                {"000000", 73'306, 7'783'040},
                                {"433000", 129'306, 15'647'360}}) {
    CAPTURE(cell.cell);
    const ir::Graph graph = space->build(space->decode(cell.cell));
    CHECK(ir::parameters(graph) == cell.parameters);
    CHECK(ir::macs(graph).count() == cell.macs);
  }
}

TEST_CASE("a disconnected cell multiplies by 0 and a dead branch is left out") {
  const auto space = make_space("nb201");
  // 1-4, 2-4 and 3-4 are none: nothing of the cell is left but the zero.
  const ir::Graph zero = zoo::build("nb201cell:e2,2,1,2,1,1_c16@32");
  REQUIRE(zero.ops.size() == 1);
  CHECK(zero.ops[0].source_op == "Mul");
  // 2-4 is none and 2-3 as well: the convolution along 1-2 leads nowhere.
  CHECK(ir::macs(zoo::build("nb201cell:e2,0,0,1,1,0_c16@32")).count() == 0);
}

TEST_CASE("EDSR's and the patterns' members are the zoo's networks of the same parameters") {
  const auto edsr = make_space("edsr");
  const std::string text = "b3_f64_k3,1,3,1,3,1,3,3,1,3_leaky_relu_nearest@360x640";
  CHECK(edsr->encode(edsr->decode(text)) == text);
  check_equal(edsr->build(edsr->decode(text)), zoo::build("edsr:" + text));
  CHECK(ir::content_hash(build("edsr:" + text)) == ir::content_hash(zoo::build("edsr:" + text)));
  CHECK(edsr->encode(edsr->decode("k3@360x640")) ==
        "b3_f64_k3,3,3,3,3,3,3,3,3,3_relu_depth_to_space@360x640");
  const auto patterns = make_space("patterns");
  check_equal(patterns->build(patterns->decode("4-4-1")), zoo::build("pattern:depthwise_bottleneck_d50_w64"));
  check_equal(patterns->build(patterns->decode("5-0-2")), zoo::build("pattern:grouped_d10_w128"));
}

}  // namespace npusim::space
