#include "tests/vpu_clocked/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hw_models/api/npu.h"
#include "hw_models/vpu/opcodes.h"
#include "sim/base/half.h"

namespace npusim::vpu::test {

namespace {

constexpr std::int64_t kGuard = 64;  ///< bytes behind the result that nothing may touch
constexpr std::byte kUntouched{0x55};

bool convolves(const Workload& work) { return work.op == DpuOp::conv || work.op == DpuOp::image_conv; }

/// Features, weights and biases: small enough for exact sums in fp32, so that only the rounding of a result
/// and its place are in question.
std::int64_t value(std::uint64_t seed, std::int64_t which, std::int64_t index) {
  Rng rng(seed * 31 + static_cast<std::uint64_t>(which) * 1'000'003 + static_cast<std::uint64_t>(index));
  return rng.uniform(-12, 12);
}

void put(std::span<std::byte> bytes, std::int64_t index, std::int64_t size, std::int64_t number) {
  if (size == 1) {
    bytes[static_cast<std::size_t>(index)] = static_cast<std::byte>(number);
    return;
  }
  const std::uint16_t bits = half_bits(static_cast<float>(number) / 8.0F);
  std::memcpy(&bytes[static_cast<std::size_t>(index * 2)], &bits, sizeof bits);
}

}  // namespace

Chip::Chip(const std::string& name, const std::vector<std::string>& overrides)
    : spec_(read_spec(hw::describe(name, overrides))),
      target_(std::make_shared<program::Target>(make_target(spec_))),
      bench_(std::make_shared<Bench>(*target_,
                                     [this] { return std::make_unique<clocked::Dpu>("dpu", spec_); })) {}

Chip::Chip(const Chip& as, const Spec& twin, const clocked::Structure& structure)
    : spec_(as.spec_), target_(as.target_), bench_(std::make_shared<Bench>(*target_, [&] {
        return std::make_unique<clocked::Dpu>("dpu", twin, structure);
      })) {}

Trial::Trial(const Spec& spec, std::uint64_t seed, std::int64_t most_macs) : seed_(seed) {
  Rng rng(seed);
  work_.op = static_cast<DpuOp>(rng.uniform(0, kDpuOps - 1));
  if (rng.uniform(0, 1) == 0) work_.op = DpuOp::conv;
  work_.bytes = rng.uniform(1, 2);
  choose_window(rng);
  choose_channels(rng, spec, most_macs);
  choose_mode(rng, spec);
  work_.tiles = rng.uniform(0, 3) == 0 ? 2 : 1;
  if (convolves(work_) && rng.uniform(0, full_ ? 1 : 3) == 0) work_.density = rng.uniform(10, 999);
  s_.maximum = rng.uniform(0, 1);
  s_.relu = rng.uniform(0, 1);
  s_.shift = rng.uniform(0, 8);
  count_valid();
}

void Trial::choose_window(Rng& rng) {
  const bool pointwise = work_.op == DpuOp::eltwise;
  static constexpr std::int64_t kEdges[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 31, 32, 33, 56};
  const auto extent = [&] { return kEdges[rng.uniform(0, std::ssize(kEdges) - 1)]; };
  full_ = work_.op == DpuOp::conv && rng.uniform(0, 3) == 0;
  s_.in_w = full_ ? 16 * rng.uniform(1, 2) : extent();
  s_.in_h = full_ ? 16 * rng.uniform(1, 2) : extent();
  if (!pointwise) {
    static constexpr std::int64_t kKernels[] = {1, 1, 2, 3, 3, 5, 7};
    s_.kernel_w = kKernels[rng.uniform(0, std::ssize(kKernels) - 1)];
    s_.kernel_h = rng.uniform(0, 3) == 0 ? kKernels[rng.uniform(0, std::ssize(kKernels) - 1)] : s_.kernel_w;
    s_.stride_w = s_.stride_h = rng.uniform(0, 2) == 0 ? 2 : 1;
    s_.dilation_w = s_.dilation_h = rng.uniform(0, 7) == 0 ? 2 : 1;
    s_.left = rng.uniform(0, s_.kernel_w - 1);
    s_.top = rng.uniform(0, s_.kernel_h - 1);
  }
  const auto outputs = [&](std::int64_t in, std::int64_t kernel, std::int64_t dilation, std::int64_t before) {
    const std::int64_t after = rng.uniform(0, kernel - 1);
    const std::int64_t room = in + before + after - (kernel - 1) * dilation - 1;
    return std::max<std::int64_t>(1, room / s_.stride_w + 1);
  };
  work_.width = pointwise ? s_.in_w : outputs(s_.in_w, s_.kernel_w, s_.dilation_w, s_.left);
  work_.height = pointwise ? s_.in_h : outputs(s_.in_h, s_.kernel_h, s_.dilation_h, s_.top);
  work_.taps = s_.kernel_w * s_.kernel_h;
  work_.stride = s_.stride_w;
}

void Trial::choose_channels(Rng& rng, const Spec& spec, std::int64_t most_macs) {
  const bool few = work_.op == DpuOp::depthwise || work_.op == DpuOp::pool;
  work_.channels = 16 * rng.uniform(1, few ? 4 : 20);
  if (few && work_.channels == 48) work_.channels = 64;
  work_.in_channels = convolves(work_) ? 16 * rng.uniform(1, 12) : work_.channels;
  if (work_.op == DpuOp::image_conv) work_.in_channels = 16;
  const auto macs = [&] {
    return work_.width * work_.height * work_.channels * work_.taps *
           (convolves(work_) ? work_.in_channels : 1);
  };
  if (full_) work_.channels = 64 * rng.uniform(1, 2);
  // Too large: fewer channels, then rows; where the array shall be full, fewer input channels first.
  while (full_ && macs() > most_macs && work_.in_channels > 16) work_.in_channels -= 16;
  while (macs() > most_macs && work_.channels > 16) work_.channels -= 16;
  while (macs() > most_macs && convolves(work_) && work_.in_channels > 16) work_.in_channels -= 16;
  while (macs() > most_macs && work_.height > 1) {
    --work_.height;
    if (work_.op == DpuOp::eltwise) --s_.in_h;
  }
  s_.in_c = convolves(work_) ? work_.in_channels : work_.channels;
  real_channels_ = work_.op == DpuOp::image_conv ? std::min<std::int64_t>(4, spec.image_channels) : s_.in_c;
}

void Trial::choose_mode(Rng& rng, const Spec& spec) {
  if (spec.generation == Generation::keembay && convolves(work_)) {
    work_.mode = work_.bytes > 1 ? 2 : static_cast<std::size_t>(rng.uniform(0, 1));
  } else if (work_.op == DpuOp::conv) {
    work_.mode = static_cast<std::size_t>(rng.uniform(0, std::ssize(spec.modes) - 1));
  } else {
    work_.mode = best_mode(spec, work_);
  }
}

void Trial::count_valid() {
  const auto axis = [](std::int64_t outputs, std::int64_t kernel, std::int64_t stride, std::int64_t dilation,
                       std::int64_t before, std::int64_t in) {
    std::int64_t valid = 0;
    for (std::int64_t i = 0; i < outputs; ++i) {
      for (std::int64_t tap = 0; tap < kernel; ++tap) {
        const std::int64_t at = i * stride - before + tap * dilation;
        valid += at >= 0 && at < in ? 1 : 0;
      }
    }
    return valid;
  };
  work_.valid = axis(work_.width, s_.kernel_w, s_.stride_w, s_.dilation_w, s_.left, s_.in_w) *
                axis(work_.height, s_.kernel_h, s_.stride_h, s_.dilation_h, s_.top, s_.in_h);
}

std::string Trial::describe() const {
  return fmt::format(
      "seed {}: op {} mode {} {} bytes, {}x{}x{} of {}x{}x{}, kernel {}x{} stride {} pad {},{} valid {} "
      "tiles {} "
      "density {}",
      seed_, static_cast<int>(work_.op), work_.mode, work_.bytes, work_.width, work_.height, work_.channels,
      s_.in_w, s_.in_h, s_.in_c, s_.kernel_w, s_.kernel_h, s_.stride_w, s_.left, s_.top, work_.valid,
      work_.tiles, work_.density);
}

std::int64_t Trial::row_bytes() const {
  const std::int64_t elements = work_.taps * (convolves(work_) ? s_.in_c : 1);
  return round_up(elements * work_.bytes, 16) + 16;
}

std::int64_t Trial::weight_bytes() const {
  return convolves(work_) || work_.op == DpuOp::depthwise ? row_bytes() * work_.channels : 0;
}

program::Program Trial::program(const Chip& chip, bool numbers) const {
  program::Program made;
  made.target = &chip.target();
  made.settings.push_back(to_setting(s_));
  program::Command command;
  command.queue = dpu_queue(chip.spec(), 0, 0);
  command.opcode = dpu_opcode(chip.spec(), work_.op, work_.mode);
  if (numbers) command.setting = 0;
  const std::int64_t args[] = {work_.bytes, work_.width,  work_.height, work_.channels, work_.in_channels,
                               work_.taps,  work_.stride, work_.valid,  work_.tiles,    work_.density};
  for (std::size_t i = 0; i < std::size(args); ++i) command.args.at(i) = static_cast<std::int32_t>(args[i]);
  const auto region = [&](bool write, std::int64_t offset, std::int64_t bytes) {
    if (bytes == 0) return;
    made.regions.push_back(region_of(cmx_space(0), write, offset, bytes));
    ++command.region_count;
  };
  region(false, 0, map_bytes());
  if (work_.op == DpuOp::eltwise) region(false, map_bytes(), map_bytes());
  region(false, 2 * map_bytes(), weight_bytes());
  region(true, result_at(), work_.width * work_.height * work_.channels * work_.bytes);
  made.commands.push_back(command);
  return made;
}

void Trial::fill(program::Storage& storage) const {
  for (const std::int64_t map : {0, 1}) {
    const auto bytes = storage.bytes(cmx_space(0), map * map_bytes(), map_bytes());
    for (std::int64_t i = 0; i < map_bytes() / work_.bytes; ++i) {
      const bool real = i % s_.in_c < real_channels_;
      put(bytes, i, work_.bytes, real ? value(seed_, map, i) : 0);
    }
  }
  const std::int64_t per_row = row_bytes() / work_.bytes;
  const auto weights = storage.bytes(cmx_space(0), 2 * map_bytes(), weight_bytes());
  for (std::int64_t i = 0; i < weight_bytes() / work_.bytes; ++i)
    put(weights, i, work_.bytes, value(seed_, 2, i));
  for (std::int64_t c = 0; c < weight_bytes() / row_bytes(); ++c) {
    const std::int64_t bias = value(seed_, 3, c);
    const auto integer = static_cast<std::int32_t>(bias);
    const float real = static_cast<float>(bias) / 8.0F;
    const auto at = static_cast<std::size_t>((c + 1) * per_row * work_.bytes - 16);
    std::memcpy(&weights[at], work_.bytes == 1 ? static_cast<const void*>(&integer) : &real, 4);
  }
  const std::int64_t bytes = work_.width * work_.height * work_.channels * work_.bytes + kGuard;
  for (std::byte& byte : storage.bytes(cmx_space(0), result_at(), bytes)) byte = kUntouched;
}

namespace {

/// Features are multiples of 1/8 in fp16, sums of products of 1/64: exact in double precision.
struct Scale {
  double feature, product;
};

}  // namespace

std::string Trial::compare(program::Storage& storage) const {
  const std::int64_t count = work_.width * work_.height * work_.channels;
  const auto bytes = storage.bytes(cmx_space(0), result_at(), count * work_.bytes + kGuard);
  const Scale scale = work_.bytes == 1 ? Scale{1, 1} : Scale{1.0 / 8, 1.0 / 64};
  const auto weight = [&](std::int64_t c, std::int64_t index) {
    return value(seed_, 2, c * (row_bytes() / work_.bytes) + index);
  };
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t c = i % work_.channels;
    const std::int64_t x = i / work_.channels % work_.width;
    const std::int64_t y = i / work_.channels / work_.width;
    double sum = 0;
    std::int64_t taps = 0;
    std::int64_t largest = INT64_MIN;
    for (std::int64_t ky = 0; ky < s_.kernel_h; ++ky) {
      for (std::int64_t kx = 0; kx < s_.kernel_w; ++kx) {
        const std::int64_t at_x = x * s_.stride_w - s_.left + kx * s_.dilation_w;
        const std::int64_t at_y = y * s_.stride_h - s_.top + ky * s_.dilation_h;
        if (at_x < 0 || at_y < 0 || at_x >= s_.in_w || at_y >= s_.in_h) continue;
        ++taps;
        const std::int64_t at = (at_y * s_.in_w + at_x) * s_.in_c;
        const std::int64_t tap = ky * s_.kernel_w + kx;
        if (convolves(work_)) {
          std::int64_t products = 0;
          for (std::int64_t k = 0; k < real_channels_; ++k)
            products += value(seed_, 0, at + k) * weight(c, tap * s_.in_c + k);
          sum += static_cast<double>(products) * scale.product;
        } else if (work_.op == DpuOp::depthwise) {
          sum += static_cast<double>(value(seed_, 0, at + c) * weight(c, tap)) * scale.product;
        } else {
          sum += static_cast<double>(value(seed_, 0, at + c)) * scale.feature;
          largest = std::max(largest, value(seed_, 0, at + c));
        }
      }
    }
    if (work_.op == DpuOp::eltwise) sum += static_cast<double>(value(seed_, 1, i)) * scale.feature;
    if (weight_bytes() > 0) sum += static_cast<double>(value(seed_, 3, c)) * scale.feature;
    if (work_.op == DpuOp::pool && taps > 0) {
      sum = s_.maximum != 0 ? static_cast<double>(largest) * scale.feature : sum / static_cast<double>(taps);
    }
    double got = 0;
    double want = 0;
    if (work_.bytes == 1) {
      got = static_cast<std::int8_t>(bytes[static_cast<std::size_t>(i)]);
      want = std::clamp(std::nearbyint(std::ldexp(sum, -static_cast<int>(s_.shift))), -128.0, 127.0);
    } else {
      std::uint16_t bits = 0;
      std::memcpy(&bits, &bytes[static_cast<std::size_t>(i * 2)], 2);
      got = half_value(bits);
      want = round_to_half(static_cast<float>(sum));
    }
    if (s_.relu != 0) want = std::max(want, 0.0);
    if (got != want) return fmt::format("pixel {},{} channel {}: {} instead of {}", x, y, c, got, want);
  }
  for (const std::byte byte : bytes.subspan(static_cast<std::size_t>(count * work_.bytes))) {
    if (byte != kUntouched) return "bytes behind the result have changed";
  }
  return "";
}

std::string Trial::run(Chip& chip, bool numbers) {
  if (numbers) fill(chip.bench().storage());
  const program::Program made = program(chip, numbers);
  const std::int64_t want = duration(chip.spec(), made.commands.front()).cycles;
  const std::int64_t got = chip.bench().run(made, made.commands.front(), 200 * want + 100'000);
  if (got != want) return fmt::format("{}: {} edges instead of {} cycles", describe(), got, want);
  if (!numbers) return "";
  const std::string fault = compare(chip.bench().storage());
  return fault.empty() ? "" : describe() + ": " + fault;
}

}  // namespace npusim::vpu::test
