#include "hw_models/edgetpu/functional/executor.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "hw_models/edgetpu/bank.h"
#include "hw_models/edgetpu/opcodes.h"
#include "hw_models/edgetpu/patch.h"
#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/target.h"
#include "sim/base/error.h"
#include "workloads/reference/quantize.h"

namespace npusim::edgetpu {

namespace {

std::int64_t int8(std::byte byte) { return static_cast<std::int8_t>(byte); }

class Execution {
 public:
  Execution(const Spec& spec, const program::Program& program, const program::Command& command,
            program::Storage& storage)
      : spec_(spec), program_(program), command_(command), storage_(storage) {
    if (command.setting != program::kNoSetting) s_ = from_setting(program.settings.at(command.setting));
  }

  void run() {
    if (command_.opcode == kLoad || command_.opcode == kStore) return transfer();
    if (s_.work == Work::count) return;
    for (std::int64_t tile = 0; tile < spec_.tiles(); ++tile) {
      patches_.emplace_back(spec_, s_, tile);
      banks_.emplace_back(spec_, storage_, tile);
    }
    switch (command_.opcode) {
      case kBroadcast:
      case kExpand:
        return bring();
      case kExchange:
        return exchange();
      case kConv:
        return each([&](std::size_t tile, std::int64_t position) { conv(tile, position); });
      case kDepthwise:
        return each([&](std::size_t tile, std::int64_t position) { depthwise(tile, position); });
      case kProduct:
        return product();
      case kPool:
        return each([&](std::size_t tile, std::int64_t position) { pool(tile, position); });
      case kWords:
        return each([&](std::size_t tile, std::int64_t position) { words(tile, position); });
      case kCopy:
        return each([&](std::size_t tile, std::int64_t position) { copy(tile, position); });
      default:
        return;
    }
  }

 private:
  // --- operands ---

  [[nodiscard]] std::int64_t arg(std::size_t i) const { return command_.args[i]; }
  [[nodiscard]] const program::Region* region(Space space, bool write) const {
    for (const auto& region : program_.regions_of(command_)) {
      if (region.space == space_id(space) && region.write == write) return &region;
    }
    return nullptr;
  }
  [[nodiscard]] std::int64_t slot() const {
    std::int64_t at = 0;
    for (const auto& region : program_.regions_of(command_)) {
      if (region.space == space_id(Space::wide)) at = std::max(at, region.offset);
    }
    return at;
  }
  template <class Visit>
  void each(Visit&& visit) {
    for (std::size_t tile = 0; tile < banks_.size(); ++tile) {
      for (std::int64_t position = 0; position < patches_[tile].positions(); ++position)
        visit(tile, position);
    }
  }
  /// Bytes of the input that tap `tap` of a result reads, from `channel` on; nothing outside of the map.
  [[nodiscard]] const std::byte* input(std::size_t tile, std::int64_t position, std::int64_t tap,
                                       std::int64_t channel) const {
    const Patch& patch = patches_[tile];
    const std::int64_t y = patch.row(position) * s_.stride_h - s_.top + tap / s_.kw * s_.dilation_h;
    const std::int64_t x = patch.column(position) * s_.stride_w - s_.left + tap % s_.kw * s_.dilation_w;
    if (!patch.in_map(y, x)) return nullptr;
    if (s_.gathered != 0) return banks_[tile].staging((y * s_.in_w + x) * s_.in_c + channel, 1).data();
    return banks_[tile].narrow(*patch.input(y, x) + channel, 1).data();
  }
  void put(std::size_t tile, std::int64_t position, std::int64_t channel, std::int64_t value) const {
    if (channel >= spec_.padded(s_.out_c)) return;
    value = std::clamp(value, s_.low, s_.high);
    banks_[tile].narrow(patches_[tile].output(position) + channel, 1)[0] = static_cast<std::byte>(value);
  }
  [[nodiscard]] std::int64_t rounded(std::int64_t sum) const {
    return reference::requantize(sum, static_cast<int>(s_.shift));
  }
  [[nodiscard]] std::int64_t real(double value) const {
    return reference::quantize(value, static_cast<int>(s_.out_exponent));
  }

  // --- operations ---

  void conv(std::size_t tile, std::int64_t position) {
    const std::int64_t fill = arg(3);
    const std::int64_t row_bytes = spec_.row_bytes();
    const Bank& bank = banks_[tile];
    const auto weights = bank.wide(slot(), (s_.fill_rows + 1) * row_bytes);
    const auto sums = [&] { return bank.wide(s_.sums_address + position * row_bytes, row_bytes); };
    const auto start = fill == 0 ? weights.first(static_cast<std::size_t>(row_bytes)) : sums();
    std::vector<std::int32_t> lanes(static_cast<std::size_t>(spec_.group()));
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      lanes[lane] = Bank::word(start, static_cast<std::int64_t>(lane));
    }
    const std::int64_t words = s_.fill_rows / (s_.kh * s_.kw);
    for (std::int64_t row = 0; row < s_.fill_rows; ++row) {
      const std::byte* word = input(tile, position, row / words, (fill * words + row % words) * spec_.dot);
      if (word == nullptr) continue;
      const std::byte* weight = weights.data() + (1 + row) * row_bytes;
      for (std::int32_t& lane : lanes) {
        for (std::int64_t i = 0; i < spec_.dot; ++i) {
          lane += static_cast<std::int32_t>(int8(word[i]) * int8(*weight++));
        }
      }
    }
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      const auto at = static_cast<std::int64_t>(lane);
      if (fill + 1 < s_.fills) {
        Bank::set_word(sums(), at, lanes[lane]);
      } else {
        put(tile, position, arg(2) * spec_.group() + at, rounded(lanes[lane]));
      }
    }
  }

  void depthwise(std::size_t tile, std::int64_t position) {
    const std::int64_t copies = std::max<std::int64_t>(s_.out_c / s_.in_c, 1);
    const std::int64_t row_bytes = spec_.row_bytes();
    const auto weights = banks_[tile].wide(slot(), (s_.fill_rows + 1) * row_bytes);
    for (std::int64_t lane = 0; lane < spec_.dot; ++lane) {
      const std::int64_t channel = arg(2) * spec_.dot + lane;
      if (channel >= s_.out_c) break;
      std::int64_t sum = Bank::word(weights, lane);
      for (std::int64_t tap = 0; tap < s_.fill_rows; ++tap) {
        const std::byte* value = input(tile, position, tap, channel / copies);
        const std::int64_t at = (1 + tap) * row_bytes + lane * spec_.dot + channel / copies % spec_.dot;
        if (value != nullptr) sum += int8(*value) * int8(weights[static_cast<std::size_t>(at)]);
      }
      put(tile, position, channel, rounded(sum));
    }
  }

  void product() {
    const auto* stored = region(Space::parameters, false);
    ensure(stored != nullptr, "a product names its parameters");
    const auto bytes = storage_.bytes(stored->space, stored->offset, stored->bytes);
    const std::int64_t inputs = s_.in_h * s_.in_w * s_.in_c;
    const std::int64_t row = s_.outputs * spec_.dot;
    const std::int64_t rows = spec_.words(inputs) + 1;
    const auto vector = banks_[0].staging(0, inputs);
    for (std::int64_t o = 0; o < s_.out_h * s_.out_w * s_.out_c; ++o) {
      const std::int64_t at = o / spec_.group() * rows * row + o % spec_.group() * spec_.dot;
      std::int64_t sum = Bank::word(bytes, at / kBiasBytes);
      for (std::int64_t k = 0; k < inputs; ++k) {
        const std::int64_t weight = at + (1 + k / spec_.dot) * row + k % spec_.dot;
        sum += int8(vector[static_cast<std::size_t>(k)]) * int8(bytes[static_cast<std::size_t>(weight)]);
      }
      const std::int64_t value = std::clamp(rounded(sum), s_.low, s_.high);
      banks_[0].narrow(s_.out_address + o, 1)[0] = static_cast<std::byte>(value);
    }
  }

  void pool(std::size_t tile, std::int64_t position) {
    const bool max = s_.work == Work::max_pool;
    const std::int64_t first = arg(2) * spec_.group();
    for (std::int64_t c = first; c < std::min(first + spec_.group(), s_.out_c); ++c) {
      std::int64_t sum = max ? -128 : 0;
      std::int64_t count = 0;
      for (std::int64_t tap = 0; tap < s_.kh * s_.kw; ++tap) {
        const std::byte* value = input(tile, position, tap, c);
        if (value == nullptr) continue;
        ++count;
        sum = max ? std::max(sum, int8(*value)) : sum + int8(*value);
      }
      if (s_.divisor > 0) count = s_.divisor;
      const double whole = reference::dequantize(sum, static_cast<int>(s_.in_exponent));
      put(tile, position, c,
          real(max ? whole : whole / static_cast<double>(std::max<std::int64_t>(count, 1))));
    }
  }

  void words(std::size_t tile, std::int64_t position) {
    const auto operand = [&](std::int64_t address, std::int64_t exponent) {
      return reference::dequantize(int8(banks_[tile].narrow(address, 1)[0]), static_cast<int>(exponent));
    };
    for (std::int64_t c = 0; c < s_.out_c; ++c) {
      const double a = operand(patches_[tile].same(position) + c, s_.in_exponent);
      if (s_.work == Work::move) {
        put(tile, position, c, real(a));
        continue;
      }
      const double b = operand(patches_[tile].other(position) + c, s_.other_exponent);
      put(tile, position, c, real(function(a, b)));
    }
  }

  [[nodiscard]] double function(double a, double b) const {
    switch (s_.work) {
      case Work::add:
        return a + b;
      case Work::subtract:
        return a - b;
      case Work::multiply:
        return a * b;
      case Work::minimum:
        return std::min(a, b);
      case Work::maximum:
        return std::max(a, b);
      default:
        ensure(false, "a function of words");
    }
    return 0;
  }

  void copy(std::size_t tile, std::int64_t position) {
    const std::int64_t row = position / patches_[tile].out_columns().size;
    if (row < arg(1) || row >= arg(1) + arg(2)) return;
    for (std::int64_t c = 0; c < s_.out_c; ++c) {
      put(tile, position, c, int8(banks_[tile].staging(position * s_.out_c + c, 1)[0]));
    }
  }

  // --- movements ---

  /// The tile that holds position (y, x) of the first operand.
  [[nodiscard]] std::size_t owner(std::int64_t y, std::int64_t x) const {
    for (std::size_t tile = 0; tile < patches_.size(); ++tile) {
      if (patches_[tile].in_rows().holds(y) && patches_[tile].in_columns().holds(x)) return tile;
    }
    throw InternalError("a position that no tile holds");
  }

  void exchange() {
    for (std::size_t tile = 0; tile < patches_.size(); ++tile) {
      const Patch& patch = patches_[tile];
      for (std::int64_t y = patch.window_rows().from; y < patch.window_rows().end(); ++y) {
        for (std::int64_t x = patch.window_columns().from; x < patch.window_columns().end(); ++x) {
          if (!patch.in_map(y, x)) continue;
          const std::size_t from = owner(y, x);
          if (from == tile) continue;
          const auto bytes = banks_[from].narrow(*patches_[from].input(y, x), spec_.padded(s_.in_c));
          std::copy(bytes.begin(), bytes.end(),
                    banks_[tile].narrow(*patch.input(y, x), std::ssize(bytes)).begin());
        }
      }
    }
  }

  void bring() {
    if (command_.opcode == kBroadcast && arg(1) == kGather) return gather();
    const auto* source = region(Space::parameters, false);
    if (source == nullptr) source = region(Space::stream, false);
    if (source == nullptr) return;
    const auto bytes = storage_.bytes(source->space, source->offset, source->bytes);
    for (std::int64_t i = 0; i < std::ssize(bytes); ++i) {
      const std::byte value = bytes[static_cast<std::size_t>(i)];
      if (command_.opcode == kExpand) {
        expand(arg(3) + i, value);
      } else if (arg(1) == kImage) {
        pixel(arg(2) + i, value);
      } else {
        weight(arg(2) + i, value);
      }
    }
  }

  void gather() {
    for (std::int64_t i = 0; i < s_.in_h * s_.in_w * s_.in_c; ++i) {
      const std::int64_t y = i / s_.in_c / s_.in_w;
      const std::int64_t x = i / s_.in_c % s_.in_w;
      const std::size_t from = owner(y, x);
      const std::byte value = banks_[from].narrow(*patches_[from].input(y, x) + i % s_.in_c, 1)[0];
      for (const Bank& bank : banks_) bank.staging(i, 1)[0] = value;
    }
  }

  void pixel(std::int64_t at, std::byte value) const {
    const std::int64_t y = at / s_.out_c / s_.out_w;
    const std::int64_t x = at / s_.out_c % s_.out_w;
    for (std::size_t tile = 0; tile < patches_.size(); ++tile) {
      const Part& rows = patches_[tile].out_rows();
      const Part& columns = patches_[tile].out_columns();
      if (!rows.holds(y) || !columns.holds(x)) continue;
      const std::int64_t position = (y - rows.from) * columns.size + x - columns.from;
      banks_[tile].staging(position * s_.out_c + at % s_.out_c, 1)[0] = value;
    }
  }

  /// Stored byte `at` of a fill; stored rows are as long as the outputs need.
  void weight(std::int64_t at, std::byte value) const {
    const std::int64_t row = at / (s_.outputs * spec_.dot);
    if (row > s_.fill_rows) return;
    const std::int64_t to = slot() + row * spec_.row_bytes() + at % (s_.outputs * spec_.dot);
    for (const Bank& bank : banks_) bank.wide(to, 1)[0] = value;
  }

  void expand(std::int64_t at, std::byte value) const {
    std::int64_t to = at;
    const std::int64_t biases = spec_.dot * kBiasBytes;
    if (at >= biases) {
      const std::int64_t lane = (at - biases) % spec_.dot;
      const std::int64_t tap = (at - biases) / spec_.dot;
      if (tap >= s_.fill_rows) return;
      const std::int64_t copies = std::max<std::int64_t>(s_.out_c / s_.in_c, 1);
      const std::int64_t place = (arg(2) * spec_.dot + lane) / copies % spec_.dot;
      to = (1 + tap) * spec_.row_bytes() + lane * spec_.dot + place;
      for (const Bank& bank : banks_) {
        const auto word = bank.wide(slot() + (1 + tap) * spec_.row_bytes() + lane * spec_.dot, spec_.dot);
        std::fill(word.begin(), word.end(), std::byte{0});
      }
    }
    for (const Bank& bank : banks_) bank.wide(slot() + to, 1)[0] = value;
  }

  /// Over the link: bytes as they lie, or a map between its tiles and the host's rows of pixels.
  void transfer() {
    const auto* host = region(Space::host, command_.opcode == kStore);
    ensure(host != nullptr, "a transfer has an end at the host");
    const auto bytes = storage_.bytes(host->space, host->offset, host->bytes);
    if (const auto* stream = region(Space::stream, true)) {
      std::copy(bytes.begin(), bytes.end(),
                storage_.bytes(stream->space, stream->offset, stream->bytes).begin());
      return;
    }
    if (command_.setting == program::kNoSetting) return;
    for (std::int64_t tile = 0; tile < spec_.tiles(); ++tile) {
      const Patch patch(spec_, s_, tile);
      const Bank bank(spec_, storage_, tile);
      for (std::int64_t i = 0; i < patch.positions(); ++i) {
        const std::int64_t at = (patch.row(i) * s_.out_w + patch.column(i)) * s_.out_c;
        const auto there = bytes.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(s_.out_c));
        const auto here = bank.narrow(patch.output(i), s_.out_c);
        if (command_.opcode == kStore) {
          std::copy(here.begin(), here.end(), there.begin());
        } else {
          std::copy(there.begin(), there.end(), here.begin());
        }
      }
    }
  }

  const Spec& spec_;
  const program::Program& program_;
  const program::Command& command_;
  program::Storage& storage_;
  PhaseSetting s_;
  std::vector<Patch> patches_;
  std::vector<Bank> banks_;
};

}  // namespace

void execute(const Spec& spec, const program::Program& program, const program::Command& command,
             program::Storage& storage) {
  Execution(spec, program, command, storage).run();
}

}  // namespace npusim::edgetpu
