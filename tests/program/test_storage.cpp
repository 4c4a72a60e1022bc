// The bytes behind a program's spaces.

#include "sim/base/error.h"
#include "sim/program/runs.h"
#include "sim/program/storage.h"
#include "tests/catch.h"
#include "tests/program/draft.h"

using namespace npusim;
using namespace npusim::program;
using namespace npusim::program::test;

namespace {

/// The small target with buffers [0 +64], [64 +64] (adjoining) and [1024 +256] in ddr, one in l1.
Program sample() {
  Program program;
  program.target = &small_target();
  program.buffers = {{"a", 0, 64, true}, {"b", 64, 64}, {"c", 1024, 256}, {"d", 0, 64, true, false, 0, 0, 1}};
  return program;
}

std::vector<std::byte> numbers(std::size_t count) {
  std::vector<std::byte> block(count);
  for (std::size_t i = 0; i < count; ++i) block[i] = static_cast<std::byte>(i + 1);
  return block;
}

std::string complaint(Storage& storage, SpaceId space, std::int64_t offset, std::int64_t bytes) {
  try {
    (void)storage.bytes(space, offset, bytes);
  } catch (const InternalError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a storage is zero at first and keeps what is written, space by space") {
  const Program program = sample();
  Storage storage(program);
  CHECK(storage.bytes(0, 0, 64)[63] == std::byte{0});
  storage.bytes(0, 10, 1)[0] = std::byte{7};
  CHECK(storage.bytes(0, 0, 64)[10] == std::byte{7});
  CHECK(storage.bytes(1, 10, 1)[0] == std::byte{0});
  CHECK(storage.bytes(1, 0, 4096).size() == 4096);
}

TEST_CASE("adjoining buffers are one block, gaps between buffers and ends of scratchpads are not there") {
  const Program program = sample();
  Storage storage(program);
  CHECK(storage.bytes(0, 32, 96).size() == 96);
  CHECK(complaint(storage, 0, 32, 97) == "no storage behind ddr[32 +97]");
  CHECK(complaint(storage, 0, 128, 1) == "no storage behind ddr[128 +1]");
  CHECK(complaint(storage, 0, 1023, 2) == "no storage behind ddr[1023 +2]");
  CHECK(complaint(storage, 0, 1024, 256) == "");
  CHECK(complaint(storage, 1, 4095, 2) == "no storage behind l1[4095 +2]");
  CHECK(complaint(storage, 2, 2048, 1) == "no storage behind out[2048 +1]");
}

TEST_CASE("gather takes a region's runs in order, scatter puts them back") {
  const Program program = sample();
  Storage storage(program);
  const auto block = numbers(256);
  storage.scatter({0, true, 1024, 256}, block);
  // 2 x 3 runs of 4 bytes: outer stride 100, inner stride 10.
  const Region region{0, false, 1030, 4, 3, 10, 2, 100};
  const auto gathered = storage.gather(region);
  REQUIRE(gathered.size() == 24);
  CHECK(gathered[0] == std::byte{7});
  CHECK(gathered[4] == std::byte{17});
  CHECK(gathered[12] == std::byte{107});
  CHECK(gathered[23] == std::byte{130});
  storage.scatter({1, true, 500, 4, 6, 8}, gathered);
  CHECK(storage.bytes(1, 508, 4)[0] == std::byte{17});
  CHECK(storage.gather({1, false, 500, 4, 6, 8}) == gathered);
}

TEST_CASE("a repetition at stride 0 is gathered every time, and a block of another size is refused") {
  const Program program = sample();
  Storage storage(program);
  storage.bytes(1, 0, 1)[0] = std::byte{9};
  CHECK(storage.gather({1, false, 0, 1, 5, 0}) == std::vector<std::byte>(5, std::byte{9}));
  CHECK_THROWS_AS(storage.scatter({1, true, 0, 4}, numbers(5)), InternalError);
}

TEST_CASE("runs come merged for the verifier and one by one for the storage, by what the visitor takes") {
  const Region region{1, false, 0, 8, 2, 8, 3, 20};
  int merged = 0;
  int single = 0;
  for_each_run(region, [&](Run) { ++merged; });
  for_each_run(region, [&](std::int64_t) { ++single; });
  CHECK(merged == 3);
  CHECK(single == 6);
}
