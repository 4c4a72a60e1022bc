// The area proxy: what it counts.
#include "nas/sweep/area.h"

#include "hw_models/api/npu.h"
#include "sim/base/config.h"
#include "tests/catch.h"

using namespace npusim;
using sweep::area_proxy;
using sweep::mac_area;
using sweep::sram_area;

namespace {

double proxy(const char* chip, const std::vector<std::string>& overrides = {}) {
  return area_proxy(*hw::make_npu(hw::describe(chip, overrides)));
}

}  // namespace

TEST_CASE("an int8 unit is a multiplier of 282 and an adder of 137 um^2, an fp16 one of 1640 and 4184") {
  CHECK(mac_area(ir::DType::i8) == 419);
  CHECK(mac_area(ir::DType::f16) == 5824);
  CHECK(sram_area(1024) == Approx(1024 * 8 * 0.346 / 0.7 / 1e6));
}

TEST_CASE("the Ascend 310 has 8192 fp16 units, and 2 x 1640 KiB and 8 MiB of memory") {
  CHECK(hw::make_npu(hw::describe("ascend310"))->on_chip_bytes() ==
        (2 * (64 + 64 + 256 + 1024 + 248) + 8192) * 1024);
  CHECK(proxy("ascend310") == Approx(8192 * 5824e-6 + sram_area((2 * 1656 + 8192) * 1024)));
}

TEST_CASE("half the cube's rows take 4096 units' area less, 1 MiB of L2 less its SRAM's") {
  CHECK(proxy("ascend310") - proxy("ascend310", {"cube.m=8"}) == Approx(4096 * 5824e-6));
  CHECK(proxy("ascend310") - proxy("ascend310", {"l2.kib=7168"}) == Approx(sram_area(1 << 20)));
  CHECK(proxy("ascend310", {"dram.channels=4"}) == proxy("ascend310"));
}

TEST_CASE("an Edge TPU counts the memories of all its tiles") {
  const Config coral = hw::describe("edgetpu-coral-usb");
  const auto npu = hw::make_npu(coral);
  const std::int64_t tile =
      (coral.integer("tiles.narrow_kib", 1, 1 << 20) + coral.integer("tiles.wide_kib", 1, 1 << 20)) * 1024;
  const std::int64_t stream =
      coral.integer("stream.slots", 1, 1 << 20) * coral.integer("stream.slot_kib", 1, 1 << 20) * 1024;
  const std::int64_t tiles = (npu->on_chip_bytes() - stream) / tile;
  CHECK(tiles > 1);
  CHECK(tiles * tile + stream == npu->on_chip_bytes());
}

TEST_CASE("every built-in chip has compute and memories to count") {
  for (const std::string& name : hw::chip_names()) {
    INFO(name);
    const auto npu = hw::make_npu(hw::describe(name));
    CHECK(npu->on_chip_bytes() > 100'000);
    CHECK(area_proxy(*npu) > sram_area(npu->on_chip_bytes()));
  }
}
