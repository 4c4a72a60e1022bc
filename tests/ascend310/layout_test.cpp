// How tensors lie in memory: block shapes, and runs that cover exactly the box they are asked for.
#include "hw_models/ascend310/layout.h"

#include <map>
#include <set>

#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::ascend310;

namespace {

/// Every byte of the regions, counted.
std::map<std::int64_t, int> covered(const std::vector<program::Region>& regions) {
  std::map<std::int64_t, int> bytes;
  for (const auto& region : regions) {
    for (std::int64_t o = 0; o < region.outer; ++o) {
      for (std::int64_t i = 0; i < region.inner; ++i) {
        const std::int64_t from = region.offset + o * region.outer_stride + i * region.inner_stride;
        for (std::int64_t b = 0; b < region.bytes; ++b) ++bytes[from + b];
      }
    }
  }
  return bytes;
}

/// Address of one byte of the tensor.
std::int64_t address(const DeviceTensor& tensor, std::int64_t n, std::int64_t block, std::int64_t pixel,
                     std::int64_t byte) {
  const auto& place = tensor.place;
  const std::int64_t blocks = tensor.parent_c1 > 0 ? tensor.parent_c1 : tensor.shape.c1;
  const bool near = n < place.near_images;
  const std::int64_t image = near ? n : n - place.near_images;
  const std::int64_t plane = image * blocks + tensor.first_block + block;
  return (near ? place.near_offset : place.far_offset) +
         (plane * tensor.shape.h * tensor.shape.w + pixel) * tensor.shape.block_bytes + byte;
}

DeviceTensor random_tensor(Rng& rng) {
  DeviceTensor tensor;
  tensor.shape = block_shape({rng.uniform(1, 4), rng.uniform(1, 70), rng.uniform(1, 4), rng.uniform(1, 5)},
                             rng.uniform(0, 1) == 0 ? 16 : 32);
  if (rng.uniform(0, 3) == 0) tensor.shape.block_bytes = 8;
  tensor.place.near_offset = 64 * rng.uniform(0, 20);
  tensor.place.far_offset = (1 << 20) + 64 * rng.uniform(0, 20);
  tensor.place.near_images = rng.uniform(0, 5);
  if (rng.uniform(0, 2) == 0) {
    tensor.first_block = rng.uniform(0, 3);
    tensor.parent_c1 = tensor.first_block + tensor.shape.c1 + rng.uniform(0, 3);
  }
  return tensor;
}

}  // namespace

TEST_CASE("an image tensor has ceil(C / C0) blocks of channels of 32 bytes a pixel") {
  const auto fp16 = block_shape({2, 3, 224, 224}, 16);
  CHECK(fp16.n == 2);
  CHECK(fp16.c1 == 1);
  CHECK(fp16.bytes() == 2 * 224 * 224 * 32);
  CHECK(block_shape({1, 64, 7, 7}, 16).c1 == 4);
  CHECK(block_shape({1, 65, 7, 7}, 16).c1 == 5);
  CHECK(block_shape({1, 64, 7, 7}, 32).c1 == 2);
  CHECK(block_shape({1, 64, 7, 7}, 16).plane_bytes() == 49 * 32);
}

TEST_CASE("any other tensor is a stack of matrices whose columns are channels") {
  const auto matrix = block_shape({197, 768}, 16);
  CHECK(matrix.n == 1);
  CHECK(matrix.w == 197);
  CHECK(matrix.h == 1);
  CHECK(matrix.c1 == 48);
  const auto stack = block_shape({2, 3, 5, 7, 20}, 16);
  CHECK(stack.n == 30);
  CHECK(stack.w == 7);
  CHECK(stack.c1 == 2);
  CHECK(block_shape({1000}, 16).c1 == 63);
  CHECK(block_shape({}, 16).bytes() == 32);
}

TEST_CASE("a whole tensor is one run, and a whole image too") {
  DeviceTensor tensor;
  tensor.shape = block_shape({3, 40, 5, 6}, 16);
  std::vector<program::Region> runs;
  append_box(runs, tensor, 0, false, 0, 3, 0, 3, 0, 30);
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].inner == 1);
  CHECK(runs[0].outer == 1);
  CHECK(runs[0].bytes == tensor.bytes());
  runs.clear();
  append_linear(runs, tensor, 0, true, 0, tensor.bytes());
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].bytes == tensor.bytes());
  CHECK(runs[0].write);
}

TEST_CASE("the runs of 500 random boxes cover exactly the box, every byte once") {
  Rng rng(41);
  for (int i = 0; i < 500; ++i) {
    const DeviceTensor tensor = random_tensor(rng);
    const auto range = [&](std::int64_t size) {
      const std::int64_t from = rng.uniform(0, size - 1);
      return std::pair{from, rng.uniform(from, size)};
    };
    const auto [n0, n1] = range(tensor.shape.n);
    const auto [b0, b1] = range(tensor.shape.c1);
    const auto [p0, p1] = range(tensor.shape.h * tensor.shape.w);
    std::vector<program::Region> runs;
    append_box(runs, tensor, 7, false, n0, n1, b0, b1, p0, p1);
    std::map<std::int64_t, int> expected;
    for (std::int64_t n = n0; n < n1; ++n) {
      for (std::int64_t b = b0; b < b1; ++b) {
        for (std::int64_t p = p0; p < p1; ++p) {
          for (std::int64_t byte = 0; byte < tensor.shape.block_bytes; ++byte) {
            ++expected[address(tensor, n, b, p, byte)];
          }
        }
      }
    }
    REQUIRE(covered(runs) == expected);
    for (const auto& run : runs) REQUIRE(run.space == 7);
  }
}

TEST_CASE("the runs of 500 random byte ranges cover exactly the range in storage order, every byte once") {
  Rng rng(42);
  for (int i = 0; i < 500; ++i) {
    const DeviceTensor tensor = random_tensor(rng);
    const std::int64_t from = rng.uniform(0, tensor.bytes() - 1);
    const std::int64_t to = rng.uniform(from, tensor.bytes());
    std::vector<program::Region> runs;
    append_linear(runs, tensor, 0, true, from, to);
    std::map<std::int64_t, int> expected;
    const std::int64_t block = tensor.shape.block_bytes;
    const std::int64_t pixels = tensor.shape.h * tensor.shape.w;
    for (std::int64_t at = from; at < to; ++at) {
      const std::int64_t plane = at / block / pixels;
      ++expected[address(tensor, plane / tensor.shape.c1, plane % tensor.shape.c1, at / block % pixels,
                         at % block)];
    }
    REQUIRE(covered(runs) == expected);
  }
}

TEST_CASE("a tensor in plain bytes is one run, in L2 or in DRAM") {
  DeviceTensor tensor;
  tensor.plain_bytes = 1000;
  tensor.place.near_offset = 64;
  tensor.place.far_offset = 4096;
  for (const std::int64_t near : {0, 1}) {
    tensor.place.near_images = near;
    std::vector<program::Region> runs;
    append_linear(runs, tensor, 0, false, 10, 900);
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].offset == (near == 0 ? 4096 : 64) + 10);
    CHECK(runs[0].bytes == 890);
  }
}
