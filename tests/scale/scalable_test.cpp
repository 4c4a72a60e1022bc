#include "nas/scale/scalable.h"

#include "nas/space/isynet.h"
#include "tests/catch.h"
#include "tests/scale/networks.h"
#include "tests/search_cli/errors.h"
#include "workloads/zoo/zoo.h"

namespace npusim::scale {
namespace {

using test::error_of;
using test::kOursM;
using test::says;

constexpr std::int64_t kS3nasDivisor = 16;

void check_equal(const ir::Graph& ours, const ir::Graph& theirs) {
  CHECK(ir::macs(ours) == ir::macs(theirs));
  CHECK(ir::parameters(ours) == ir::parameters(theirs));
  CHECK(ir::content_hash(ours) == ir::content_hash(theirs));
}

TEST_CASE("Channels at 1.1 and 1.22 times are S3NAS' published widths of L and XL") {
  const std::vector<std::int64_t> base{32, 64, 128, 160, 256, 1280};
  std::vector<std::int64_t> l, xl;
  for (const std::int64_t width : base) {
    l.push_back(scaled_channels(width, 1.1, kS3nasDivisor));
    xl.push_back(scaled_channels(width, 1.22, kS3nasDivisor));
  }
  CHECK(l == std::vector<std::int64_t>{32, 64, 144, 176, 288, 1408});
  CHECK(xl == std::vector<std::int64_t>{48, 80, 160, 192, 320, 1568});
}

TEST_CASE("Channels stay at width 1 whatever the divisor, and never fall below 90 % or the divisor") {
  CHECK(scaled_channels(24, 1, 16) == 24);
  CHECK(scaled_channels(32, 0.01, 16) == 16);
  CHECK(scaled_channels(24, 0.97, 16) == 32);  // 23.28 rounds to 16, which is 69 %
  CHECK(scaled_channels(40, 0.5, 8) == 24);    // 20 lies in the middle: up
}

TEST_CASE(
    "Depth copies the blocks with most parameters first, the earlier of equal ones, each once in turn") {
  using Which = std::vector<std::size_t>;
  CHECK(blocks_at_depth({4, 9, 9, 2}, 5) == Which{0, 1, 1, 2, 3});
  CHECK(blocks_at_depth({4, 9, 9, 2}, 6) == Which{0, 1, 1, 2, 2, 3});
  CHECK(blocks_at_depth({4, 9, 9, 2}, 9) == Which{0, 0, 1, 1, 1, 2, 2, 3, 3});
  CHECK(blocks_at_depth({1, 2}, 6) == Which{0, 0, 0, 1, 1, 1});
}

TEST_CASE("Depth takes away the blocks with fewest parameters, the later of equal ones, never the first") {
  using Which = std::vector<std::size_t>;
  CHECK(blocks_at_depth({1, 9, 3, 3}, 3) == Which{0, 1, 2});
  CHECK(blocks_at_depth({1, 9, 3, 3}, 2) == Which{0, 1});
  CHECK(blocks_at_depth({1, 9, 3, 3}, 1) == Which{0});
}

TEST_CASE("ours-M at coefficient 1.22 and 332x332 is S3NAS' XL, and unscaled it is itself") {
  const auto network = scalable_of_space(kOursM);
  REQUIRE(network != nullptr);
  CHECK(network->base() == Extent{{3, 4, 7, 4, 11}, 1, {224, 224}});
  check_equal(network->build(network->base(), kS3nasDivisor), zoo::build("s3nas_ours_m"));
  check_equal(network->build({{4, 5, 9, 5, 13}, 1.22, {332, 332}}, kS3nasDivisor),
              zoo::build("s3nas_ours_xl"));
}

TEST_CASE("ISyNet-N1 with other depths is N1-S1, S2 and S3 as published") {
  const space::IsynetSpace space("isynet", 224);
  using zoo::Edge;
  const Edge I = Edge::identity, C1 = Edge::conv1, C3 = Edge::conv3;
  const space::Genome n1 = space.compose({{{Edge::conv7, I, I, I}, 16},
                                          {{Edge::pair5, C1, C3, Edge::conv5}, 32},
                                          {{C3, C3, C3, I}, 128, 4, 1, true},
                                          {{C3, C1, C3, I}, 128, 6, 2, true},
                                          {{C1, C1, I, C1}, 256, 1, 1, true}});
  const auto network = scalable_of_space("isynet:" + space.encode(n1));
  REQUIRE(network != nullptr);
  const auto at = [&](std::vector<std::int64_t> depths) {
    return network->build({std::move(depths), 1, {224, 224}}, 8);
  };
  check_equal(at({1, 1, 4, 6, 1}), zoo::build("isynet_n1"));
  check_equal(at({1, 1, 4, 6, 3}), zoo::build("isynet_n1_s1"));
  check_equal(at({1, 1, 5, 6, 6}), zoo::build("isynet_n1_s2"));
  check_equal(at({1, 1, 6, 8, 7}), zoo::build("isynet_n1_s3"));
}

TEST_CASE("Networks of every space with stages are themselves at their base extent, and grow and shrink") {
  for (const char* name : {"s3nas", "s3nas-mbconv", "s3nas-fused", "proxyless", "ofa", "mnasnet-edgetpu",
                           "mbconv-bench", "isynet", NPUSIM_SOURCE_DIR "/docs/spaces_example.yaml"}) {
    CAPTURE(name);
    const auto space = space::make_space(name);
    Rng rng(5);
    const space::Genome genome = space->sample(rng);
    const std::string encoded = std::string(name) + ":" + space->encode(genome);
    const auto network = scalable_of_space(encoded);
    REQUIRE(network != nullptr);
    check_equal(scalable_of_space(encoded, 3)->build(network->base(), 8), space->build(genome, 3));
    check_equal(network->build(network->base(), 8), space->build(genome));
    Extent extent = network->base();
    for (std::int64_t& depth : extent.depths) ++depth;
    extent.width = 1.3;
    extent.image = {256, 256};
    const ir::Graph larger = network->build(extent, 8);
    CHECK(ir::macs(larger) > ir::macs(space->build(genome)));
    extent.depths.assign(extent.depths.size(), 1);
    extent.width = 0.5;
    extent.image = {128, 128};
    CHECK(ir::macs(network->build(extent, 8)) < ir::macs(space->build(genome)));
  }
}

TEST_CASE("Spaces without stages have no scalable networks") {
  CHECK(scalable_of_space("nb201:222222") == nullptr);
  CHECK(says(error_of([] { static_cast<void>(scalable_of_space("s3nos:1")); }), {"s3nas"}));
}

}  // namespace
}  // namespace npusim::scale
