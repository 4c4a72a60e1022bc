// Every space keeps its promises.
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/space/checks.h"

namespace npusim::space {

TEST_CASE("2000 random genomes of each space survive encoding, mutation and crossing") {
  for (const SpaceInfo& info : spaces()) check_random_genomes(*make_space(info.name), 2000);
}

TEST_CASE("a block alone is what its name builds, and networks are made of listed blocks") {
  for (const char* name : {"s3nas", "s3nas-fused", "proxyless", "ofa", "mnasnet-edgetpu", "mbconv-bench"}) {
    check_blocks(*make_space(name), 20);
  }
}

TEST_CASE("mbconv-bench has 104,976 networks, numbered without gaps or repeats") {
  const auto space = make_space("mbconv-bench");
  CHECK(space->count() == 104'976);
  check_enumeration(*space);
}

TEST_CASE("an unknown space is refused with the nearest name") {
  CHECK(refusal([] { make_space("s3mas"); }).find("no space is called 's3mas'; did you mean 's3nas'?") == 0);
  CHECK(refusal([] { make_space("proxyless@16"); }).find("at least 32x32") != std::string::npos);
  CHECK(refusal([] { build("s3nas"); }) == "'s3nas': expected <space>:<encoding>");
}

TEST_CASE("a wrong encoding is refused with its position") {
  const auto space = make_space("mbconv-bench");
  CHECK(space->encode(space->largest()) == "h-h-h-h");
  CHECK(
      refusal([&] { space->decode("h-h-h-i"); }) ==
      "space 'mbconv-bench', encoding 'h-h-h-i', character 7: gene 'stage3.blocks' has choices 0 to h (k3e2 "
      "to f7e6)");
  CHECK(refusal([&] { space->decode("h-h"); }).find("character 4: expected '-'") != std::string::npos);
  CHECK(refusal([&] { space->decode("h-h-h-"); }).find("character 7: expected a digit") != std::string::npos);
  CHECK(refusal([&] { space->decode("h-h-h-h0"); }).find("character 8: expected the end") !=
        std::string::npos);
  CHECK(refusal([&] { space->decode("h_h-h-h"); }).find("character 2: expected '-'") != std::string::npos);
  CHECK(refusal([&] { space->build({0, 0, 0}); }).find("expected 4 genes, got 3") != std::string::npos);
  CHECK(refusal([&] { space->build({0, 18, 0, 0}); }).find("gene 'stage1.blocks'") != std::string::npos);
}

}  // namespace npusim::space
