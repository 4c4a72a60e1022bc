#include "hw_models/edgetpu/clocked/tile_op.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace npusim::edgetpu::clocked {

namespace {

std::int8_t int8(std::byte byte) { return static_cast<std::int8_t>(byte); }

/// To the nearest, ties to even, by shifting.
std::int64_t shifted(std::int64_t sum, std::int64_t shift) {
  if (shift <= 0) return sum * (std::int64_t{1} << -shift);
  const std::int64_t floor = sum >> shift;
  const std::int64_t rest = sum - (floor << shift);
  const std::int64_t half = std::int64_t{1} << (shift - 1);
  return floor + (rest > half || (rest == half && (floor & 1) != 0) ? 1 : 0);
}

}  // namespace

// --- loops ---

LoopNest::LoopNest(std::vector<std::int64_t> limits) : limits_(std::move(limits)) {
  counters_.assign(limits_.size(), 0);
  done_ = std::any_of(limits_.begin(), limits_.end(), [](std::int64_t limit) { return limit <= 0; });
}

void LoopNest::advance() {
  for (std::size_t loop = 0; loop < limits_.size(); ++loop) {
    if (++counters_[loop] < limits_[loop]) return;
    counters_[loop] = 0;
  }
  done_ = true;
}

TileOp::TileOp(const Spec& spec, program::Storage& storage, std::int64_t tile)
    : spec_(spec), tile_(tile), bank_(spec, storage, tile), first_bank_(spec, storage, 0) {
  zeros_.resize(static_cast<std::size_t>(std::max(spec.group(), spec.dot)));
}

void TileOp::latch(const OpRegisters& registers) {
  r_ = registers;
  patch_ = Patch(spec_, r_.s, tile_);
  nest_ = LoopNest(limits());
  accumulators_.assign(static_cast<std::size_t>(spec_.group()), 0);
  fill_begin_ = bank_.counter(kUsed);
  if (!weighs() || !nest_.done()) return;
  // A tile without results lets the rows pass.
  const std::int32_t biases = r_.opcode == kConv && r_.args[3] == 0 ? 1 : 0;
  bank_.set_counter(kUsed, fill_begin_ + static_cast<std::int32_t>(r_.s.fill_rows) + biases);
}

std::vector<std::int64_t> TileOp::limits() const {
  const PhaseSetting& s = r_.s;
  switch (r_.opcode) {
    case kConv:
      return {s.fill_rows, s.kernels > 1 ? std::int64_t{r_.args[0]} : patch_.positions()};
    case kDepthwise:
      return {s.fill_rows + spec_.depthwise_extra_steps, patch_.positions()};
    case kProduct: {
      if (s.work == Work::count) return {r_.args[0], tile_ == 0 ? 1 : 0};
      std::int64_t words = 0;  // of the gathered input
      while (words * spec_.dot < s.in_h * s.in_w * s.in_c) ++words;
      std::int64_t passes = 0;  // this tile's share of groups of outputs
      while ((tile_ + passes * spec_.tiles()) * spec_.group() < s.out_h * s.out_w * s.out_c) ++passes;
      return {words, passes};
    }
    case kPool:
      return {s.kh * s.kw, patch_.positions()};
    case kWords: {
      std::int64_t words = 0;
      while (words * spec_.dot < s.out_c) ++words;
      return {s.word_steps, words, patch_.positions()};
    }
    case kCopy: {
      // Whole words are moved as they come, others byte by byte, up to the end of the last word.
      std::int64_t bytes = s.out_c;
      while (bytes > spec_.dot && bytes % spec_.dot != 0) ++bytes;
      const std::int64_t steps = s.out_c % spec_.dot == 0 ? bytes / spec_.dot : bytes;
      return {steps, patch_.out_columns().size, r_.args[2]};
    }
    default:
      ensure(false, "an operation engine has six operations");
  }
  return {};
}

bool TileOp::edge() {
  if (nest_.done()) return false;
  if (weighs() && !has_row()) return true;
  if (r_.s.work != Work::count) step();
  if (weighs()) use_row();
  nest_.advance();
  return !nest_.done();
}

// --- the FIFO ---

bool TileOp::has_row() const {
  if (nest_.at(0) >= r_.s.fill_rows) return true;
  const bool biases = r_.opcode == kConv && r_.args[3] == 0;
  return bank_.counter(kArrived) - fill_begin_ >= nest_.at(0) + 1 + (biases ? 1 : 0);
}

void TileOp::use_row() {
  if (!nest_.last(1) || nest_.at(0) >= r_.s.fill_rows) return;
  const bool biases = r_.opcode == kConv && r_.args[3] == 0;
  bank_.set_counter(kUsed, fill_begin_ + static_cast<std::int32_t>(nest_.at(0)) + 1 + (biases ? 1 : 0));
}

std::span<const std::byte> TileOp::row(std::int64_t index) const {
  return bank_.wide(r_.slot + index * spec_.row_bytes(), spec_.row_bytes());
}

// --- operands, lanes, results ---

std::span<const std::byte> TileOp::input(std::int64_t position, std::int64_t tap, std::int64_t channel,
                                         std::int64_t bytes) const {
  const PhaseSetting& s = r_.s;
  const std::int64_t y = patch_.row(position) * s.stride_h - s.top + tap / s.kw * s.dilation_h;
  const std::int64_t x = patch_.column(position) * s.stride_w - s.left + tap % s.kw * s.dilation_w;
  if (s.gathered != 0) return bank_.staging((y * s.in_w + x) * s.in_c + channel, bytes);
  const auto at = patch_.input(y, x);
  if (!at) return std::span(zeros_).first(static_cast<std::size_t>(bytes));
  return bank_.narrow(*at + channel, bytes);
}

/// Every lane adds the dot product of the word with its own weights.
void TileOp::dot_product(std::span<const std::byte> word, std::span<const std::byte> weights) {
  const std::size_t dot = word.size();
  for (std::size_t lane = 0; lane < accumulators_.size(); ++lane) {
    std::int32_t sum = accumulators_[lane];
    for (std::size_t i = 0; i < dot; ++i) sum += int8(word[i]) * int8(weights[lane * dot + i]);
    accumulators_[lane] = sum;
  }
}

void TileOp::start(std::span<const std::byte> sums) {
  for (std::size_t lane = 0; lane < accumulators_.size(); ++lane) {
    accumulators_[lane] = Bank::word(sums, static_cast<std::int64_t>(lane));
  }
}

std::int8_t TileOp::rounded(std::int64_t sum) const {
  const std::int64_t value = std::clamp<std::int64_t>(shifted(sum, r_.s.shift), -128, 127);
  return static_cast<std::int8_t>(std::clamp(value, r_.s.low, r_.s.high));
}

std::int8_t TileOp::clamped(double value) const {
  const double scaled = std::nearbyint(std::ldexp(value, static_cast<int>(-r_.s.out_exponent)));
  const auto whole = static_cast<std::int64_t>(std::clamp(scaled, -128.0, 127.0));
  return static_cast<std::int8_t>(std::clamp(whole, r_.s.low, r_.s.high));
}

void TileOp::write(std::int64_t position, std::int64_t channel, std::span<const std::int8_t> values) const {
  const std::int64_t room = std::min<std::int64_t>(std::ssize(values), spec_.padded(r_.s.out_c) - channel);
  const auto to = bank_.narrow(patch_.output(position) + channel, room);
  std::transform(values.begin(), values.begin() + room, to.begin(),
                 [](std::int8_t value) { return static_cast<std::byte>(value); });
}

// --- operations ---

void TileOp::step() {
  switch (r_.opcode) {
    case kConv:
      return conv();
    case kDepthwise:
      return depthwise();
    case kProduct:
      return product();
    case kPool:
      return pool();
    case kWords:
      return words();
    default:
      return copy();
  }
}

void TileOp::conv() {
  const PhaseSetting& s = r_.s;
  const std::int64_t position = nest_.at(1);
  const std::int64_t fill = r_.args[3];
  const auto sums = [&] {
    return bank_.wide(s.sums_address + position * spec_.row_bytes(), spec_.row_bytes());
  };
  if (nest_.first(0)) start(fill == 0 ? row(0) : sums());
  const std::int64_t words = s.fill_rows / (s.kh * s.kw);
  const std::int64_t tap = nest_.at(0) / words;
  const std::int64_t word = fill * words + nest_.at(0) % words;
  dot_product(input(position, tap, word * spec_.dot, spec_.dot), row(1 + nest_.at(0)));
  if (!nest_.last(0)) return;
  if (fill + 1 < s.fills) {
    const auto to = sums();
    for (std::size_t lane = 0; lane < accumulators_.size(); ++lane) {
      Bank::set_word(to, static_cast<std::int64_t>(lane), accumulators_[lane]);
    }
    return;
  }
  std::vector<std::int8_t> values;
  for (const std::int32_t sum : accumulators_) values.push_back(rounded(sum));
  write(position, r_.args[2] * spec_.group(), values);
}

/// As many lanes as a word has channels; the expanded row has one weight of each lane that is not zero.
void TileOp::depthwise() {
  const PhaseSetting& s = r_.s;
  const std::int64_t tap = nest_.at(0);
  const std::int64_t channel = r_.args[2] * spec_.dot;
  if (tap == 0) start(row(0));
  if (tap < s.fill_rows) {
    const std::int64_t from = channel / std::max<std::int64_t>(s.out_c / s.in_c, 1) / spec_.dot * spec_.dot;
    dot_product(input(nest_.at(1), tap, from, spec_.dot), row(1 + tap));
  }
  if (!nest_.last(0)) return;
  std::vector<std::int8_t> values;
  for (std::int64_t i = 0; i < spec_.dot; ++i) {
    values.push_back(rounded(accumulators_[static_cast<std::size_t>(i)]));
  }
  write(nest_.at(1), channel, values);
}

/// Groups of outputs go round the tiles; the results go to the tile that holds the map.
void TileOp::product() {
  const PhaseSetting& s = r_.s;
  const std::int64_t group = tile_ + nest_.at(1) * spec_.tiles();
  const std::int64_t word = nest_.at(0);
  std::int64_t words = 0;
  while (words * spec_.dot < s.in_h * s.in_w * s.in_c) ++words;
  const auto stored = static_cast<std::size_t>(s.outputs * spec_.dot);
  const auto at = static_cast<std::size_t>(group * (words + 1)) * stored;
  const auto part = [&](std::size_t index) {
    std::vector<std::byte> padded(static_cast<std::size_t>(spec_.row_bytes()));
    const auto from = r_.parameters.subspan(at + index * stored, stored);
    std::copy(from.begin(), from.end(), padded.begin());
    return padded;
  };
  if (word == 0) start(part(0));
  dot_product(bank_.staging(word * spec_.dot, spec_.dot), part(static_cast<std::size_t>(word) + 1));
  if (!nest_.last(0)) return;
  const std::int64_t first = group * spec_.group();
  const std::int64_t count = std::min(spec_.group(), s.out_h * s.out_w * s.out_c - first);
  const auto to = first_bank_.narrow(s.out_address + first, count);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<std::byte>(rounded(accumulators_[i]));
}

void TileOp::pool() {
  const PhaseSetting& s = r_.s;
  const bool max = s.work == Work::max_pool;
  const std::int64_t position = nest_.at(1);
  const std::int64_t tap = nest_.at(0);
  const std::int64_t channel = r_.args[2] * spec_.group();
  if (tap == 0) {
    accumulators_.assign(accumulators_.size(), max ? -128 : 0);
    counted_ = 0;
  }
  const std::int64_t y = patch_.row(position) * s.stride_h - s.top + tap / s.kw * s.dilation_h;
  const std::int64_t x = patch_.column(position) * s.stride_w - s.left + tap % s.kw * s.dilation_w;
  if (patch_.in_map(y, x)) {
    ++counted_;
    const std::int64_t all = s.gathered != 0 ? s.in_c : spec_.padded(s.in_c);
    const auto values = input(position, tap, channel, std::min(spec_.group(), all - channel));
    for (std::size_t lane = 0; lane < values.size(); ++lane) {
      auto& sum = accumulators_[lane];
      sum = max ? std::max<std::int32_t>(sum, int8(values[lane])) : sum + int8(values[lane]);
    }
  }
  if (!nest_.last(0)) return;
  const auto divisor = static_cast<double>(max             ? 1
                                           : s.divisor > 0 ? s.divisor
                                                           : std::max<std::int64_t>(counted_, 1));
  std::vector<std::int8_t> results;
  for (const std::int32_t sum : accumulators_) {
    results.push_back(
        clamped(std::ldexp(static_cast<double>(sum), static_cast<int>(s.in_exponent)) / divisor));
  }
  write(position, channel, results);
}

/// The operands of a word pass on their way through the steps; the result is complete in the last.
void TileOp::words() {
  const PhaseSetting& s = r_.s;
  if (!nest_.last(0)) return;
  const std::int64_t position = nest_.at(2);
  const std::int64_t channel = nest_.at(1) * spec_.dot;
  const auto a = bank_.narrow(patch_.same(position) + channel, spec_.dot);
  const auto b = s.work == Work::move ? a : bank_.narrow(patch_.other(position) + channel, spec_.dot);
  std::vector<std::int8_t> results;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = std::ldexp(int8(a[i]), static_cast<int>(s.in_exponent));
    const double y = std::ldexp(int8(b[i]), static_cast<int>(s.other_exponent));
    double value = s.work == Work::move ? x : x + y;
    if (s.work == Work::subtract) value = x - y;
    if (s.work == Work::multiply) value = x * y;
    if (s.work == Work::minimum) value = std::min(x, y);
    if (s.work == Work::maximum) value = std::max(x, y);
    results.push_back(clamped(value));
  }
  write(position, channel, results);
}

/// Bytes of a pixel as the ring left them, to words.
void TileOp::copy() {
  const PhaseSetting& s = r_.s;
  const Part& columns = patch_.out_columns();
  const std::int64_t row = r_.args[1] + nest_.at(2);
  if (row >= patch_.out_rows().size) return;
  const std::int64_t position = row * columns.size + nest_.at(1);
  const std::int64_t bytes = s.out_c % spec_.dot == 0 ? spec_.dot : 1;
  const std::int64_t channel = nest_.at(0) * bytes;
  for (std::int64_t i = channel; i < channel + bytes; ++i) {
    const std::int8_t value =
        i < s.out_c ? int8(bank_.staging(position * s.out_c + i, 1)[0]) : std::int8_t{0};
    write(position, i, {&value, 1});
  }
}

}  // namespace npusim::edgetpu::clocked
