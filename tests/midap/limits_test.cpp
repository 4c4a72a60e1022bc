// What does not fit, and what the chip has no means for.
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/midap/chip.h"
#include "workloads/zoo/builder.h"

using namespace npusim;
using namespace npusim::midap::test;
using zoo::Builder;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

ir::Graph conv3x3(std::int64_t channels) {
  Builder b("wide", {1, channels, 7, 7});
  return b.finish(b.conv("conv", b.input(), {.out = 64, .kernel = 3}));
}

}  // namespace

TEST_CASE("a 3x3 filter of 1792 channels fits a CIM's weight memory, one of 1856 does not") {
  CHECK(error_of(conv3x3(1792)).empty());
  const auto error = error_of(conv3x3(1856));
  INFO(error);
  CHECK(contains(error, "layer 'conv'"));
  CHECK(contains(error, "takes 16704 bytes"));
  CHECK(contains(error, "holds 16384: 320 too many"));
}

TEST_CASE("a plane that fits no bank is named with its size") {
  Builder b("tall", {1, 512, 1024, 8});
  const auto error = error_of(b.finish(b.conv("conv", b.input(), {.out = 64})));
  CHECK(contains(error, "takes 524288 bytes"));
  CHECK(contains(error, "feature-map bank holds 262144"));
}

TEST_CASE("a depthwise filter larger than the extended weight memory is refused") {
  Builder b("wide", {1, 2048, 9, 9});
  const auto error = error_of(b.finish(b.conv("dw", b.input(), {2048, 9, 1, 2048})));
  CHECK(contains(error, "the extended weight memory holds 131072"));
}

TEST_CASE("all operators without means are listed at once") {
  Builder b("odd", {1, 64, 16, 16});
  const auto parts = b.split("split", b.input(), 2);
  const auto x = b.conv("a", parts[0], {.out = 64});
  const auto y = b.conv("b", b.input(), {.out = 64});
  const auto z = b.depth_to_space("shuffle", y, 2);
  const auto error = error_of(b.finish({x, b.layer_norm("norm", z)}));
  INFO(error);
  CHECK(contains(error, "'split'"));
  CHECK(contains(error, "'shuffle'"));
  CHECK(contains(error, "network 'odd'"));
}

TEST_CASE("a description with an unknown policy or impossible sizes is refused with its place") {
  const auto error = [](const std::string& set) {
    try {
      static_cast<void>(midap::read_spec(hw::describe("midap", {set})));
    } catch (const UserError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(contains(error("compiler.policy=hide_latency"), "hide_dram_latency"));
  CHECK(contains(error("cims=12"), "divisor of the 64 lanes"));
  CHECK(contains(error("dram.model=midap-exakt"), "midap-exact"));
  CHECK(contains(error("fmem.banks=1"), "fmem.banks"));
  CHECK(error("dram.model=lpddr4-3200").empty());
}

TEST_CASE("midap-lpddr4 differs from midap in its name and its DRAM alone") {
  const auto plain = hw::describe("midap");
  const auto other = hw::describe("midap-lpddr4");
  for (const auto& key : plain.keys()) {
    if (key == "chip" || key == "dram.model") continue;
    CHECK(plain.raw(key) == other.raw(key));
  }
  CHECK(other.raw("dram.model") == "lpddr4-3200");
}
