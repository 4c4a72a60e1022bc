// The clocked MTE1 against the fast engine's timing and against loop nests over the moved elements.
#include "hw_models/ascend310/clocked/mte1.h"

#include <algorithm>
#include <vector>

#include "hw_models/ascend310/semantics.h"
#include "hw_models/ascend310/timing.h"
#include "sim/base/units.h"
#include "tests/ascend310_clocked/bench.h"
#include "tests/ascend310_clocked/draft.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::ascend310;
using namespace npusim::ascend310::test;

namespace {

constexpr int kCommands = 10'000;

/// What differs between twin and fast engine (edges), and between twin and loop nest (elements of 2 bytes).
struct Difference {
  std::int64_t cycles = 0;
  std::int64_t elements = 0;
};

/// A load with its operands: `source` bytes of random numbers in L1; the destination starts as 0xEE.
class Load {
 public:
  Load(const program::Target& target, Opcode opcode, std::initializer_list<std::int64_t> args)
      : draft_(target, Pipe::mte1, opcode, args),
        opcode_(opcode),
        fractals_(args.begin()[0] * args.begin()[1]) {}
  Draft& draft() { return draft_; }
  /// Runs it on the bench and compares with expected(source): the destination's 16-bit elements.
  template <class Expected>
  Difference run(Bench& bench, const Spec& spec, std::int64_t source_bytes, Rng& rng, Expected&& expected) {
    const Memory memory = opcode_ == kLoad2dB ? Memory::l0b : Memory::l0a;
    const std::int64_t bytes = fractals_ * kFractal;
    const std::int64_t size = opcode_ == kLoad2dB ? spec.l0b_bytes : spec.l0a_bytes;
    const auto region = draft_.region(memory, true, rng.uniform(0, 1) == 0 ? 0 : size - bytes, bytes);
    program::Storage& storage = bench.storage();
    const auto& from = draft_.program().regions.front();
    const auto source = storage.bytes(from.space, from.offset, source_bytes);
    fill_bytes(source, rng);
    const auto to = storage.bytes(region.space, region.offset, bytes);
    std::fill(to.begin(), to.end(), std::byte{0xEE});
    Difference difference;
    difference.cycles =
        bench.run(draft_.program(), draft_.command()) - duration(spec, draft_.command()).cycles;
    const std::vector<std::uint16_t> right = expected(std::span<const std::byte>(source));
    REQUIRE(std::ssize(right) == fractals_ * 256);
    for (std::size_t i = 0; i < right.size(); ++i) {
      if (read<std::uint16_t>(to, static_cast<std::int64_t>(i)) != right[i]) ++difference.elements;
    }
    return difference;
  }

 private:
  Draft draft_;
  Opcode opcode_;
  std::int64_t fractals_;
};

Bench mte1_bench(const program::Target& target, const Spec& spec) {
  return Bench(target, [&] { return std::make_unique<clocked::Mte1>("mte1", spec); });
}

/// Fractals along M or N and along K: small ones, and those that fill half or all of L0.
std::pair<std::int64_t, std::int64_t> random_fractals(Rng& rng) {
  if (rng.uniform(0, 19) == 0) {
    static constexpr std::pair<std::int64_t, std::int64_t> kFull[] = {{1, 64}, {64, 1}, {1, 128}, {128, 1},
                                                                      {63, 1}, {8, 8},  {16, 8},  {127, 1}};
    return kFull[rng.uniform(0, std::ssize(kFull) - 1)];
  }
  return {near(rng, 1, 8, {1, 1, 2, 3}), near(rng, 1, 10, {1, 1, 2, 9})};
}

/// load2d of weights: runs of fractals, one a step of K, out of a wider matrix.
Difference plain_load(Bench& bench, const Spec& spec, const program::Target& target, Rng& rng) {
  const auto [n, k] = random_fractals(rng);
  const bool to_a = rng.uniform(0, 1) == 0;
  const std::int64_t width = n + rng.uniform(0, 3);
  Load load(target, to_a ? kLoad2dA : kLoad2dB, {n, k});
  auto& region = load.draft().region(Memory::l1, false, rng.uniform(0, 9) * kBlock, n * kFractal);
  region.inner = k;
  region.inner_stride = width * kFractal;
  return load.run(bench, spec, ((k - 1) * width + n) * kFractal, rng,
                  [&, n = n, k = k](std::span<const std::byte> source) {
                    std::vector<std::uint16_t> to;
                    for (std::int64_t row = 0; row < k; ++row) {
                      for (std::int64_t i = 0; i < n * 256; ++i)
                        to.push_back(read<std::uint16_t>(source, row * width * 256 + i));
                    }
                    return to;
                  });
}

/// load2d of a matrix that lies in planes of K (or, transposed, of N).
Difference plane_load(Bench& bench, const Spec& spec, const program::Target& target, Rng& rng) {
  const auto [fractals, k] = random_fractals(rng);
  const bool to_a = rng.uniform(0, 1) == 0;
  Load2dSetting setting;
  setting.transpose = to_a ? 0 : rng.uniform(0, 1);
  const std::int64_t most = (setting.transpose != 0 ? k : fractals) * 16;
  setting.lines = near(rng, std::max<std::int64_t>(1, most - 16), most, {most - 15, most - 1, most});
  setting.first_line = near(rng, 0, 40, {0, 1, 16});
  setting.plane_lines = setting.first_line + setting.lines + near(rng, 0, 5, {0});
  const std::int64_t planes = setting.transpose != 0 ? fractals : k;
  Load load(target, to_a ? kLoad2dA : kLoad2dB, {fractals, k});
  load.draft().setting(to_setting(setting));
  const std::int64_t bytes = planes * setting.plane_lines * kBlock;
  load.draft().region(Memory::l1, false, rng.uniform(0, 1) == 0 ? 0 : spec.l1_bytes - bytes, bytes);
  return load.run(
      bench, spec, bytes, rng, [&, fractals = fractals, k = k](std::span<const std::byte> source) {
        std::vector<std::uint16_t> to(static_cast<std::size_t>(fractals * k * 256));
        for (std::int64_t line = 0; line < fractals * 16; ++line) {
          for (std::int64_t depth = 0; depth < k * 16; ++depth) {
            const std::int64_t number = to_a ? line / 16 * k + depth / 16 : depth / 16 * fractals + line / 16;
            const bool flip = setting.transpose != 0;
            const std::int64_t plane = (flip ? line : depth) / 16;
            const std::int64_t row = flip ? depth : line;
            const std::int64_t column = (flip ? line : depth) % 16;
            if (row >= setting.lines) continue;
            to[static_cast<std::size_t>(number * 256 + line % 16 * 16 + depth % 16)] = read<std::uint16_t>(
                source, (plane * setting.plane_lines + setting.first_line + row) * 16 + column);
          }
        }
        return to;
      });
}

/// A convolution's input and a run of its output pixels.
struct Image {
  Load3dSetting setting;
  std::int64_t fractals = 1, depth = 1, blocks = 1;
  [[nodiscard]] std::int64_t bytes() const {
    return round_up(blocks * setting.rows * setting.columns * setting.pixel_bytes, kBlock);
  }
};

std::int64_t extent(std::int64_t kernel, std::int64_t dilation) { return (kernel - 1) * dilation + 1; }

/// Pixels of a dilated axis.
std::int64_t dilated(std::int64_t size, std::int64_t by) { return (size - 1) * by + 1; }

void random_geometry(Load3dSetting& s, Rng& rng) {
  s.kernel_h = near(rng, 1, 7, {1, 3});
  s.kernel_w = near(rng, 1, 7, {1, 3});
  s.stride_h = near(rng, 1, 4, {1, 2});
  s.stride_w = near(rng, 1, 9, {1, 1, 2, 2, 4, 8, 3, 16});
  s.dilation_h = near(rng, 1, 3, {1, 1, 2});
  s.dilation_w = near(rng, 1, 3, {1, 1, 2});
  s.pad_top = rng.uniform(0, s.kernel_h);
  s.pad_left = rng.uniform(0, s.kernel_w);
  if (rng.uniform(0, 9) == 0) {
    s.input_dilation_h = rng.uniform(1, 3);
    s.input_dilation_w = rng.uniform(1, 3);
    s.stride_h = s.stride_w = 1;
  }
  s.out_width = near(rng, 1, 40, {1, 2, 7, 15, 16, 17, 31, 32, 33});
  const std::int64_t reach =
      (s.out_width - 1) * s.stride_w + extent(s.kernel_w, s.dilation_w) - s.pad_left - rng.uniform(0, 3);
  s.width = std::max<std::int64_t>(1, ceil_div(std::max<std::int64_t>(reach, 1), s.input_dilation_w));
}

/// The window of rows that the pixels reach, sometimes with more around it.
void set_window(Load3dSetting& s, Rng& rng) {
  const std::int64_t first = s.first_pixel / s.out_width * s.stride_h - s.pad_top;
  const std::int64_t last =
      (s.first_pixel + s.pixels - 1) / s.out_width * s.stride_h - s.pad_top + (s.kernel_h - 1) * s.dilation_h;
  s.height = std::max<std::int64_t>(1, ceil_div(last + 1 - rng.uniform(0, s.kernel_h), s.input_dilation_h));
  const auto row = [&](std::int64_t y) {
    return std::clamp<std::int64_t>(y / s.input_dilation_h, 0, s.height - 1);
  };
  s.first_row = std::max<std::int64_t>(0, row(std::max<std::int64_t>(first, 0)) - rng.uniform(0, 1));
  s.rows = row(std::max<std::int64_t>(last, 0)) - s.first_row + 1;
  s.columns = s.width;
  if (s.kernel_h == 1 && s.stride_h > 1 && s.pad_top == 0 && s.input_dilation_h == 1) {
    s.row_step = s.stride_h;  // L1 holds only rows that are used
    s.first_row = s.first_pixel / s.out_width * s.stride_h;
    s.rows = (last - s.first_row) / s.row_step + 1;
    s.height = last + 1;
  }
}

Image random_image(const Spec& spec, Rng& rng) {
  for (;;) {
    Image image;
    auto& s = image.setting;
    random_geometry(s, rng);
    const auto [fractals, depth] = random_fractals(rng);
    image.fractals = std::min<std::int64_t>(fractals, 16);
    image.depth = depth;
    s.pixels = image.fractals * 16 - near(rng, 0, 15, {0, 0, 15, 1});
    s.first_pixel = near(rng, 0, 300, {0, s.out_width, s.out_width - 1, 16, 5 * s.out_width + 1});
    set_window(s, rng);
    s.first_tap = rng.uniform(0, s.kernel_h * s.kernel_w - 1);
    image.blocks = ceil_div(s.first_tap + image.depth, s.kernel_h * s.kernel_w);
    if (rng.uniform(0, 9) == 0) {  // an image of 4 channels: a fractal of K holds 4 taps
      s.pixel_bytes = 8;
      s.first_tap = rng.uniform(0, s.kernel_h * s.kernel_w / 4);
      image.blocks = 1;
    }
    if (image.bytes() <= spec.l1_bytes / 4) return image;
  }
}

/// The columns of the image's matrix, by the definition of a convolution: output pixel, channel block, tap. A
/// line of K is one tap of a block of 16 channels, or several taps of 4.
std::vector<std::uint16_t> expected_columns(const Image& image, std::span<const std::byte> source) {
  const auto& s = image.setting;
  std::vector<std::uint16_t> to(static_cast<std::size_t>(image.fractals * image.depth * 256));
  const std::int64_t channels = s.pixel_bytes / 2;
  for (std::int64_t index = 0; index < s.pixels; ++index) {
    const std::int64_t oy = (s.first_pixel + index) / s.out_width;
    const std::int64_t ox = (s.first_pixel + index) % s.out_width;
    for (std::int64_t element = 0; element < image.depth * 16; ++element) {
      const std::int64_t tap = (s.first_tap * 16 + element) / channels;
      if (channels < 16 && tap >= s.kernel_h * s.kernel_w) continue;
      const std::int64_t block = tap / (s.kernel_h * s.kernel_w);
      const std::int64_t ky = tap / s.kernel_w % s.kernel_h;
      const std::int64_t kx = tap % s.kernel_w;
      // Position in the padded, dilated image.
      const std::int64_t y = oy * s.stride_h + ky * s.dilation_h - s.pad_top;
      const std::int64_t x = ox * s.stride_w + kx * s.dilation_w - s.pad_left;
      if (y < 0 || y >= dilated(s.height, s.input_dilation_h) || y % s.input_dilation_h != 0) continue;
      if (x < 0 || x >= dilated(s.width, s.input_dilation_w) || x % s.input_dilation_w != 0) continue;
      const std::int64_t row = (y / s.input_dilation_h - s.first_row) / s.row_step;
      const std::int64_t pixel = (block * s.rows + row) * s.columns + x / s.input_dilation_w - s.first_column;
      to[static_cast<std::size_t>(((index / 16 * image.depth + element / 16) * 16 + index % 16) * 16 +
                                  element % 16)] =
          read<std::uint16_t>(source, pixel * channels + element % channels);
    }
  }
  return to;
}

Difference image_load(Bench& bench, const Spec& spec, const program::Target& target, const Image& image,
                      Rng& rng) {
  const auto& s = image.setting;
  Load load(target, kLoad3dA,
            {image.fractals, image.depth, row_switches(s.first_pixel, s.pixels, s.out_width), s.stride_w});
  load.draft().setting(to_setting(s));
  const std::int64_t at = rng.uniform(0, 1) == 0 ? 0 : spec.l1_bytes - image.bytes();
  load.draft().region(Memory::l1, false, at, image.bytes());
  return load.run(bench, spec, image.bytes(), rng,
                  [&](std::span<const std::byte> source) { return expected_columns(image, source); });
}

Difference random_load(Bench& bench, const Spec& spec, const program::Target& target, Rng& rng) {
  switch (rng.uniform(0, 3)) {
    case 0:
      return plain_load(bench, spec, target, rng);
    case 1:
      return plane_load(bench, spec, target, rng);
    default:
      return image_load(bench, spec, target, random_image(spec, rng), rng);
  }
}

}  // namespace

TEST_CASE(
    "10,000 random load2d and load3d end on the edge that the fast MTE1 says, with the right elements") {
  const Spec spec = spec_with();
  const program::Target target = make_target(spec);
  Bench bench = mte1_bench(target, spec);
  Rng rng(310);
  for (int i = 0; i < kCommands; ++i) {
    const Difference difference = random_load(bench, spec, target, rng);
    INFO("command " << i);
    REQUIRE(difference.cycles == 0);
    REQUIRE(difference.elements == 0);
  }
}

TEST_CASE("ports of other rates and pipelines of other lengths, down to none, agree with the fast MTE1") {
  for (const auto& overrides : std::vector<std::vector<std::string>>{
           {"mte1.l0a_bytes_per_cycle=256", "mte1.l0b_bytes_per_cycle=64"},
           {"mte1.l0a_bytes_per_cycle=400", "mte1.l0b_bytes_per_cycle=67"},
           {"mte1.l0a_bytes_per_cycle=1024", "mte1.l0b_bytes_per_cycle=1100"},
           {"mte1.load2d_start_cycles=0", "mte1.load3d_start_cycles=0"},
           {"mte1.load2d_start_cycles=1", "mte1.load3d_other_stride_bytes_per_cycle=48"},
       }) {
    const Spec spec = spec_with(overrides);
    const program::Target target = make_target(spec);
    Bench bench = mte1_bench(target, spec);
    Rng rng(11);
    for (int i = 0; i < 200; ++i) {
      const Difference difference = random_load(bench, spec, target, rng);
      INFO(overrides[0] << ", command " << i);
      REQUIRE(difference.cycles == 0);
      REQUIRE(difference.elements == 0);
    }
  }
}

TEST_CASE("an MTE1 with one pipeline stage too many is caught by its first command") {
  const Spec spec = spec_with();
  Spec longer = spec;
  ++longer.load2d_start;
  ++longer.load3d_start;
  const program::Target target = make_target(spec);
  Bench bench = mte1_bench(target, longer);
  Rng rng(3);
  for (int i = 0; i < 50; ++i) CHECK(random_load(bench, spec, target, rng).cycles == 1);
}

TEST_CASE("a load3d whose arguments count one row switch too few is caught: the twin counts them itself") {
  const Spec spec = spec_with();
  const program::Target target = make_target(spec);
  Bench bench = mte1_bench(target, spec);
  Rng rng(4);
  Image image;
  image.setting.out_width = image.setting.width = image.setting.columns = 7;
  image.setting.height = image.setting.rows = 7;
  image.setting.pixels = 49;
  image.fractals = 4;
  Load load(target, kLoad3dA, {4, 1, row_switches(0, 49, 7) - 1, 1});
  load.draft().setting(to_setting(image.setting));
  load.draft().region(Memory::l1, false, 0, image.bytes());
  const auto expected = [&](std::span<const std::byte> source) { return expected_columns(image, source); };
  const Difference difference = load.run(bench, spec, image.bytes(), rng, expected);
  CHECK(difference.cycles == 1);
  CHECK(difference.elements == 0);
}

TEST_CASE(
    "a load3d whose padding is off by one moves wrong numbers in the same time, which the loop nest sees") {
  const Spec spec = spec_with();
  const program::Target target = make_target(spec);
  Bench bench = mte1_bench(target, spec);
  Rng rng(5);
  Image image;
  auto& s = image.setting;
  s.kernel_h = s.kernel_w = 3;
  s.pad_top = s.pad_left = 1;
  s.out_width = s.width = s.columns = s.height = s.rows = 8;
  s.pixels = 64;
  image.fractals = 4;
  image.depth = 9;
  Image shifted = image;
  shifted.setting.pad_left = 0;
  Load load(target, kLoad3dA, {4, 9, row_switches(0, 64, 8), 1});
  load.draft().setting(to_setting(shifted.setting));
  load.draft().region(Memory::l1, false, 0, image.bytes());
  const auto expected = [&](std::span<const std::byte> source) { return expected_columns(image, source); };
  const Difference difference = load.run(bench, spec, image.bytes(), rng, expected);
  CHECK(difference.cycles == 0);
  CHECK(difference.elements > 0);
}
