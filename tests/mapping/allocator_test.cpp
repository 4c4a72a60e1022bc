// Buffers with lifetimes: no two share an address while both are alive.
#include "hw_models/mapping/allocator.h"

#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;
using mapping::LifetimeAllocator;

TEST_CASE("a buffer goes to the lowest free address of its lifetime") {
  LifetimeAllocator allocator(4096, 1024, 1);
  CHECK(allocator.allocate(100, 0, 2) == 4096);
  CHECK(allocator.allocate(100, 1, 3) == 4196);
  CHECK(allocator.allocate(100, 3, 5) == 4096);  // the first is dead from task 3 on
  CHECK(allocator.allocate(50, 2, 2) == 4296);
}

TEST_CASE("two buffers share addresses when one dies in the task before the other is born, not in the same") {
  LifetimeAllocator allocator(0, 64, 1);
  CHECK(allocator.allocate(64, 0, 4) == 0);
  CHECK(!allocator.allocate(64, 4, 6));
  CHECK(allocator.allocate(64, 5, 6) == 0);
}

TEST_CASE("a buffer as large as the range fits, one byte more does not") {
  LifetimeAllocator allocator(512, 1000, 1);
  CHECK(!allocator.allocate(1001, 0, 0));
  CHECK(allocator.largest_free(0, 0) == 1000);
  CHECK(allocator.allocate(1000, 0, 0) == 512);
  CHECK(allocator.largest_free(0, 0) == 0);
  CHECK(allocator.largest_free(1, 9) == 1000);
}

TEST_CASE("an allocator without bytes grants nothing") {
  LifetimeAllocator allocator(0, 0, 512);
  CHECK(allocator.largest_free(0, 5) == 0);
  CHECK(!allocator.allocate(1, 0, 0));
}

TEST_CASE("200 random sets of buffers: inside the range, aligned, never overlapping in space and time") {
  struct Block {
    std::int64_t offset, bytes, first, last;
  };
  Rng rng(11);
  int refused = 0;
  int shared = 0;
  for (int round = 0; round < 200; ++round) {
    const std::int64_t alignment = std::int64_t{1} << rng.uniform(0, 9);
    const std::int64_t base = alignment * rng.uniform(0, 100);
    const std::int64_t bytes = rng.uniform(1, 20'000);
    LifetimeAllocator allocator(base, bytes, alignment);
    std::vector<Block> blocks;
    for (int i = 0; i < 60; ++i) {
      Block block{0, rng.uniform(1, 3000), rng.uniform(0, 40), 0};
      block.last = block.first + rng.uniform(0, 10);
      const std::int64_t largest = allocator.largest_free(block.first, block.last);
      const auto offset = allocator.allocate(block.bytes, block.first, block.last);
      REQUIRE(offset.has_value() == (block.bytes <= largest));
      if (!offset) {
        ++refused;
        continue;
      }
      block.offset = *offset;
      REQUIRE(block.offset % alignment == 0);
      REQUIRE(block.offset >= base);
      REQUIRE(block.offset + block.bytes <= base + bytes);
      for (const Block& other : blocks) {
        const bool in_time = other.first <= block.last && block.first <= other.last;
        const bool in_space =
            other.offset < block.offset + block.bytes && block.offset < other.offset + other.bytes;
        REQUIRE(!(in_time && in_space));
        if (in_space) ++shared;
      }
      blocks.push_back(block);
    }
  }
  CHECK(refused > 100);
  CHECK(shared > 100);
}
