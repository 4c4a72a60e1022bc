// Data movement: DMA, load2d, load3d.
#include <algorithm>
#include <cstring>

#include "hw_models/ascend310/functional/commands.h"
#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::ascend310 {

namespace {

/// Copies `bytes` from source[from] to destination[to]; both must hold them.
void copy(std::span<const std::byte> source, std::int64_t from, std::span<std::byte> destination,
          std::int64_t to, std::int64_t bytes) {
  ensure(from >= 0 && from + bytes <= std::ssize(source), "a load reads beyond its operand");
  std::memcpy(destination.data() + to, source.data() + from, static_cast<std::size_t>(bytes));
}

}  // namespace

void move_bytes(const Execution& e) {
  std::vector<std::byte> block;
  const auto regions = e.program.regions_of(e.command);
  for (const auto& region : regions) {
    if (region.write) continue;
    program::for_each_run(region, [&](std::int64_t offset) {
      const auto run = e.storage.bytes(region.space, offset, region.bytes);
      block.insert(block.end(), run.begin(), run.end());
    });
  }
  const std::byte* from = block.data();
  std::int64_t left = std::ssize(block);
  for (const auto& region : regions) {
    if (!region.write) continue;
    left -= region.total_bytes();
    ensure(left >= 0, "a transfer writes more bytes than it reads");
    program::for_each_run(region, [&](std::int64_t offset) {
      const auto run = e.storage.bytes(region.space, offset, region.bytes);
      std::memcpy(run.data(), from, run.size());
      from += run.size();
    });
  }
  ensure(left == 0, "a transfer reads more bytes than it writes");
}

void load_fractals(const Execution& e) {
  const auto to = e.operand(true, 0);
  std::int64_t at = 0;
  for (const auto& region : e.program.regions_of(e.command)) {
    if (region.write) continue;
    program::for_each_run(region, [&](std::int64_t offset) {
      const auto run = e.storage.bytes(region.space, offset, region.bytes);
      ensure(at + std::ssize(run) <= std::ssize(to), "a load2d writes as many bytes as it reads");
      std::memcpy(to.data() + at, run.data(), run.size());
      at += std::ssize(run);
    });
  }
  ensure(at == std::ssize(to), "a load2d writes as many bytes as it reads");
}

void load_planes(const Execution& e, const Load2dSetting& s, bool to_a) {
  const auto source = e.operand(false, 0);
  const auto to = e.operand(true, 0);
  const std::int64_t fractals = e.arg(0);
  const std::int64_t depth = e.arg(1);
  ensure(std::ssize(to) == fractals * depth * kFractal, "a load2d writes its fractals");
  std::fill(to.begin(), to.end(), std::byte{0});
  const std::int64_t per_line = kBlock / s.element_bytes;
  for (std::int64_t i = 0; i < fractals; ++i) {
    for (std::int64_t k = 0; k < depth; ++k) {
      const std::int64_t fractal = (to_a ? i * depth + k : k * fractals + i) * kFractal;
      for (std::int64_t j = 0; j < 16; ++j) {
        const std::int64_t line = 16 * i + j;
        const std::int64_t home = fractal + j * kBlock;
        if (s.transpose == 0) {
          if (line < s.lines) {
            copy(source, (k * s.plane_lines + s.first_line + line) * kBlock, to, home, kBlock);
          }
          continue;
        }
        for (std::int64_t element = 0; element < per_line && k * per_line + element < s.lines; ++element) {
          const std::int64_t from =
              (line / per_line * s.plane_lines + s.first_line + k * per_line + element) * kBlock +
              line % per_line * s.element_bytes;
          copy(source, from, to, home + element * s.element_bytes, s.element_bytes);
        }
      }
    }
  }
}

namespace {

/// Byte of the pixel that tap `tap` of output pixel `pixel` sees, in the window of block 0; -1 where it sees
/// zeros.
std::int64_t pixel_byte(const Load3dSetting& s, std::int64_t pixel, std::int64_t tap) {
  const std::int64_t y = pixel / s.out_width * s.stride_h - s.pad_top + tap / s.kernel_w * s.dilation_h;
  const std::int64_t x = pixel % s.out_width * s.stride_w - s.pad_left + tap % s.kernel_w * s.dilation_w;
  if (y < 0 || x < 0 || y % s.input_dilation_h != 0 || x % s.input_dilation_w != 0) return -1;
  const std::int64_t row = y / s.input_dilation_h;
  const std::int64_t column = x / s.input_dilation_w;
  if (row >= s.height || column >= s.width) return -1;
  const std::int64_t at = row - s.first_row;
  ensure(at >= 0 && at % s.row_step == 0 && at / s.row_step < s.rows && column >= s.first_column &&
             column < s.first_column + s.columns,
         "a load3d needs a pixel that is not in L1");
  return (at / s.row_step * s.columns + column - s.first_column) * s.pixel_bytes;
}

}  // namespace

void load_image(const Execution& e, const Load3dSetting& s) {
  const auto source = e.operand(false, 0);
  const auto to = e.operand(true, 0);
  const std::int64_t fractals = e.arg(0);
  const std::int64_t depth = e.arg(1);
  ensure(std::ssize(to) == fractals * depth * kFractal, "a load3d writes its fractals");
  std::fill(to.begin(), to.end(), std::byte{0});
  const std::int64_t taps = s.kernel_h * s.kernel_w;
  const std::int64_t shared = kBlock / s.pixel_bytes;  // taps of one line
  const std::int64_t per_block = ceil_div(taps, shared);
  const std::int64_t block_bytes = s.rows * s.columns * s.pixel_bytes;
  for (std::int64_t k = 0; k < depth; ++k) {
    const std::int64_t block = (s.first_tap + k) / per_block;
    const std::int64_t first = (s.first_tap + k) % per_block * shared;
    for (std::int64_t i = 0; i < std::min(fractals * 16, s.pixels); ++i) {
      const std::int64_t home = (i / 16 * depth + k) * kFractal + i % 16 * kBlock;
      for (std::int64_t tap = first; tap < std::min(first + shared, taps); ++tap) {
        const std::int64_t from = pixel_byte(s, s.first_pixel + i, tap);
        if (from < 0) continue;
        copy(source, block * block_bytes + from, to, home + (tap - first) * s.pixel_bytes, s.pixel_bytes);
      }
    }
  }
}

}  // namespace npusim::ascend310
