// Spaces that users describe.
#include "nas/space/yaml_space.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/space/checks.h"

namespace npusim::space {

namespace {

const char* const kSmall = R"(image: 64
stem: {width: 8}
stages:
  stage0:
    width: [8, 16]
    depth: [1, 2]
    stride: 2
    kernel: [3, 5]
    expansion: [2]
  stage1:
    width: 24
    depth: 1
    stride: 1
    block: [plain, fused]
    kernel: [3, 5]
    expansion: [1, 4]
head: {width: 64}
classes: 10
)";

StagedSpace space_of(const std::string& text) {
  return StagedSpace(plan_of(Config::parse(text, "small.yaml"), "small.yaml"));
}

/// The description with its first `from` replaced, and what is wrong with it.
std::string complaint(const std::string& from, const std::string& to) {
  std::string text = kSmall;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  return refusal([&] { space_of(text); });
}

}  // namespace

TEST_CASE("a description of 12 and 7 stages is a space of 84 networks") {
  const StagedSpace space = space_of(kSmall);
  // Two widths of 2 + 4; two plain kernels of two expansions, two fused ones of expansion 4, and the bare 1x1
  // that is fused with expansion 1 of either kernel.
  CHECK(space.count() == 2 * (2 + 4) * 7);
  check_enumeration(space);
  check_uniform_sampling(space, 100);
  check_blocks(space, 20);
  check_random_genomes(space, 500);
}

TEST_CASE("the shipped example has every key and behaves as a space") {
  const auto space = make_space(NPUSIM_SOURCE_DIR "/docs/spaces_example.yaml");
  // 2 images; 2 widths x (2 plain, 2 fused); 8 + 64; 2 depths x 12; nothing or 2 widths.
  CHECK(space->count() == 2.0 * (2 * 4) * (8 + 64) * (2 * 12) * (1 + 2));
  CHECK(space->genes().front().name == "image");
  check_enumeration(*space);
  check_random_genomes(*space, 500);
  check_blocks(*space, 20);
}

TEST_CASE("a network of a described space is known by its file and encoding") {
  const std::string file = NPUSIM_SOURCE_DIR "/docs/spaces_example.yaml";
  const auto space = make_space(file);
  const ir::Graph graph = space->build(space->largest(), 2);
  CHECK(graph.name == file + ":" + space->encode(space->largest()));
  CHECK(is_network(graph.name));
  CHECK(ir::content_hash(build(graph.name, 2)) == ir::content_hash(graph));
  CHECK(graph.shape(graph.inputs[0]) == ir::Shape{2, 3, 128, 128});
}

TEST_CASE("a wrong description is refused with file, line and the nearest key") {
  CHECK(complaint("kernel: [3, 5]", "kernal: [3, 5]") ==
        "small.yaml:8: unknown key 'stages.stage0.kernal'; did you mean 'stages.stage0.kernel'?");
  CHECK(complaint("stages:", "staegs:").find("small.yaml:") == 0);
  CHECK(complaint("    stride: 2\n    kernel", "    strid: 2\n    kernel")
            .find("small.yaml:7: unknown key 'stages.stage0.strid'; did you mean 'stages.stage0.stride'?") ==
        0);
  CHECK(complaint("kernel: [3, 5]", "kernel: [3, 4]") ==
        "small.yaml:8: stages.stage0.kernel: expected odd kernels, got 4");
  CHECK(complaint("kernel: [3, 5]", "kernel: [3, x]") ==
        "small.yaml:8: stages.stage0.kernel: expected whole numbers from 1 to 31, got 'x'");
  CHECK(complaint("kernel: [3, 5]", "kernel: [3, 3]") ==
        "small.yaml:8: stages.stage0.kernel: a value is given twice");
  CHECK(complaint("[plain, fused]", "[plain, fuesd]") ==
        "small.yaml:14: stages.stage1.block: expected plain, fused, got 'fuesd'; did you mean 'fused'?");
  CHECK(complaint("depth: [1, 2]", "depth: [0, 2]") ==
        "small.yaml:6: stages.stage0.depth: depth 0 needs stride 1 and another depth");
  CHECK(complaint("stage1:", "stage2:").find("unknown key 'stages.stage2.") != std::string::npos);
  CHECK(complaint("stage0:", "stage7:").find("small.yaml:") == 0);
  CHECK(complaint("classes: 10", "classes: many").find("small.yaml:18:") == 0);
  CHECK(complaint("stem: {width: 8}", "stem: {width: 8, activation: rely}").find("did you mean 'relu'?") !=
        std::string::npos);
  CHECK(complaint("  stage0:", " stage0:").find("small.yaml:") == 0);
  CHECK(refusal([] { make_space("/nowhere/space.yaml"); }) == "/nowhere/space.yaml: cannot be read");
}

TEST_CASE("a fused block that expands nothing cannot have a stride") {
  CHECK(
      complaint("    stride: 1\n", "    stride: 2\n") ==
      "small.yaml:16: stages.stage1.expansion: a fused block of expansion 1 is a bare 1x1 without a stride");
}

TEST_CASE("stages whose border blocks could belong to either are refused") {
  const std::string stage = "    width: 24\n    depth: 1\n    stride: 1\n";
  CHECK(complaint(stage, "    width: [16, 24]\n    depth: 1\n    first_adds: true\n") ==
        "small.yaml:13: stages.stage1.first_adds: with several depths, blocks of 16 channels could belong to "
        "this "
        "stage or to the one before");
  CHECK(complaint(stage, "    width: 24\n    depth: 1\n    first_adds: true\n") == "");
}

}  // namespace npusim::space
