// Published networks as members of the spaces they were found in.
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

}  // namespace npusim::space
