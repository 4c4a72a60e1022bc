#include "hw_models/ascend310/clocked/fractal_walk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/base/error.h"

namespace npusim::ascend310::clocked {

namespace {

constexpr std::int64_t kLines = 16;  ///< of a fractal

void copy(std::span<const std::byte> source, std::int64_t from, std::span<std::byte> to) {
  ensure(from >= 0 && from + std::ssize(to) <= std::ssize(source), "a load reads inside its operand");
  std::memcpy(to.data(), &source[static_cast<std::size_t>(from)], to.size());
}

}  // namespace

PlainWalk::PlainWalk(std::vector<std::span<const std::byte>> runs) : runs_(std::move(runs)) {
  for (const auto& run : runs_) ensure(run.size() % kBlock == 0, "runs of whole lines");
}

void PlainWalk::fetch(std::vector<Line>& lines) {
  Line line;
  line.to = to_;
  copy(runs_[run_], static_cast<std::int64_t>(at_), line.bytes);
  lines.push_back(line);
  to_ += kBlock;
  at_ += kBlock;
  if (at_ < runs_[run_].size()) return;
  at_ = 0;
  ++run_;
}

std::int64_t FractalCounter::to() const {
  const std::int64_t number = k_fastest ? fractal * depth + k : k * fractals + fractal;
  return number * kFractal + line * kBlock;
}

void FractalCounter::next_line() {
  if (++line < kLines) return;
  line = 0;
  std::int64_t& fast = k_fastest ? k : fractal;
  std::int64_t& slow = k_fastest ? fractal : k;
  if (++fast < (k_fastest ? depth : fractals)) return;
  fast = 0;
  ++slow;
}

void PlaneWalk::fetch(std::vector<Line>& lines) {
  Line line;
  line.to = at_.to();
  setting_.transpose != 0 ? read_column(line) : read_line(line);
  lines.push_back(line);
  at_.next_line();
}

void PlaneWalk::read_line(Line& line) const {
  const std::int64_t number = at_.fractal * kLines + at_.line;
  if (number >= setting_.lines) return;
  copy(source_, (at_.k * setting_.plane_lines + setting_.first_line + number) * kBlock, line.bytes);
}

void PlaneWalk::read_column(Line& line) const {
  const std::int64_t size = setting_.element_bytes;
  const std::int64_t per_line = kBlock / size;
  const std::int64_t n = at_.fractal * kLines + at_.line;
  for (std::int64_t i = 0; i < per_line; ++i) {
    const std::int64_t k = at_.k * per_line + i;
    if (k >= setting_.lines) return;
    const std::int64_t from =
        (n / per_line * setting_.plane_lines + setting_.first_line + k) * kBlock + n % per_line * size;
    copy(source_, from,
         std::span(line.bytes).subspan(static_cast<std::size_t>(i * size), static_cast<std::size_t>(size)));
  }
}

bool ImageWalk::fast() const {
  const std::int64_t stride = port_stride();
  return stride == 1 || stride == 2 || stride == 4 || stride == 8;
}

bool ImageWalk::must_turn() const {
  const std::int64_t pixel = at_.fractal * kLines + at_.line;
  return setting_.stood_up == 0 && at_.line > 0 && pixel < setting_.pixels &&
         (setting_.first_pixel + pixel) % setting_.out_width == 0;
}

void ImageWalk::collect(std::vector<Line>& lines) {
  Line line;
  line.to = at_.to();
  read_pixel(line);
  lines.push_back(line);
  at_.next_line();
  turned_ = false;
}

void ImageWalk::fetch(std::vector<Line>& lines) {
  if (!fast()) return collect(lines);
  const std::int64_t pixels = kLines / port_stride();
  for (;;) {
    if (must_turn() && !turned_) {
      turned_ = true;  // this fetch goes into turning
      return;
    }
    collect(collected_);
    if (at_.line % pixels == 0) break;
  }
  lines.insert(lines.end(), collected_.begin(), collected_.end());
  collected_.clear();
}

std::int64_t ImageWalk::window_pixel(std::int64_t pixel, std::int64_t tap) const {
  const std::int64_t y = pixel / setting_.out_width * setting_.stride_h - setting_.pad_top +
                         tap / setting_.kernel_w * setting_.dilation_h;
  const std::int64_t x = pixel % setting_.out_width * setting_.stride_w - setting_.pad_left +
                         tap % setting_.kernel_w * setting_.dilation_w;
  if (y < 0 || x < 0 || y % setting_.input_dilation_h != 0 || x % setting_.input_dilation_w != 0) return -1;
  const std::int64_t row = y / setting_.input_dilation_h;
  const std::int64_t column = x / setting_.input_dilation_w;
  if (row >= setting_.height || column >= setting_.width) return -1;
  const std::int64_t l1_row = (row - setting_.first_row) / setting_.row_step;
  const std::int64_t l1_column = column - setting_.first_column;
  ensure(row >= setting_.first_row && (row - setting_.first_row) % setting_.row_step == 0 &&
             l1_row < setting_.rows && l1_column >= 0 && l1_column < setting_.columns,
         "load3d reads pixels that L1 holds");
  return l1_row * setting_.columns + l1_column;
}

void ImageWalk::read_pixel(Line& line) const {
  const std::int64_t index = at_.fractal * kLines + at_.line;
  if (index >= setting_.pixels) return;
  const std::int64_t taps = setting_.kernel_h * setting_.kernel_w;
  const std::int64_t bytes = setting_.pixel_bytes;
  const std::int64_t per_line = kBlock / bytes;
  for (std::int64_t i = 0; i < per_line; ++i) {
    const std::int64_t number = (setting_.first_tap + at_.k) * per_line + i;
    if (per_line > 1 && number >= taps) return;
    const std::int64_t at = window_pixel(setting_.first_pixel + index, number % taps);
    if (at < 0) continue;
    copy(source_, (number / taps * setting_.rows * setting_.columns + at) * bytes,
         std::span(line.bytes).subspan(static_cast<std::size_t>(i * bytes), static_cast<std::size_t>(bytes)));
  }
}

}  // namespace npusim::ascend310::clocked
