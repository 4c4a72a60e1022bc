#include "hw_models/ascend310/timing.h"

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::ascend310 {

std::int64_t mad_cycles(const Spec& spec, std::int64_t m, std::int64_t n, std::int64_t k, bool int8) {
  const std::int64_t k_elements = k * (int8 ? 32 : 16);
  return spec.cube_fill + ceil_div(m * 16, spec.cube_m) * ceil_div(n * 16, spec.cube_n) *
                              ceil_div(k_elements, int8 ? spec.cube_k_int8 : spec.cube_k_fp16);
}

std::int64_t load2d_cycles(const Spec& spec, bool to_a, std::int64_t fractals) {
  return spec.load2d_start + ceil_div(fractals * kFractal, to_a ? spec.l0a_rate : spec.l0b_rate);
}

std::int64_t row_switches(std::int64_t first, std::int64_t pixels, std::int64_t width) {
  std::int64_t switches = 0;
  for (std::int64_t p = first; p < first + pixels; p += 16) {
    const std::int64_t last = std::min(p + 15, first + pixels - 1);
    switches += last / width - p / width;
  }
  return switches;
}

std::int64_t load3d_cycles(const Spec& spec, std::int64_t fractals, std::int64_t switches, std::int64_t k,
                           std::int64_t stride) {
  const bool fast = stride == 1 || stride == 2 || stride == 4 || stride == 8;
  const std::int64_t bytes = (fast ? fractals * stride + switches : fractals) * kFractal * k;
  return spec.load3d_start + ceil_div(bytes, fast ? spec.l0a_rate : spec.load3d_other_rate);
}

std::int64_t bank_rounds(const Spec& spec, std::int64_t stride) {
  constexpr std::int64_t kBlocks = 8;
  if (stride == 0) return 1;
  const std::int64_t groups = spec.ub_bank_groups / std::gcd(stride, spec.ub_bank_groups);
  return ceil_div(kBlocks, std::min(kBlocks, groups));
}

namespace {

std::int64_t class_rate(const Spec& spec, std::int32_t kind) {
  switch (kind) {
    case kExp:
      return spec.exp_rate;
    case kConvert:
      return spec.convert_rate;
    case kTranspose:
      return spec.transpose_rate;
    case kReduce:
      return spec.reduce_rate;
    default:
      return spec.vector_rate;
  }
}

/// Cycles of `count` dependent instructions that each pass over `bytes` in `rows` separately addressed
/// pieces.
kernel::Duration passes(const Spec& spec, std::int32_t kind, std::int64_t count, std::int64_t bytes,
                        std::int64_t rows, std::int64_t stride) {
  if (count == 0) return {0, 0};
  // A repeat is 256 B and a row cannot share one with the next.
  const std::int64_t row_bytes = ceil_div(bytes, std::max<std::int64_t>(rows, 1));
  const std::int64_t per_row = ceil_div(round_up(row_bytes, spec.vector_rate), class_rate(spec, kind));
  const std::int64_t ideal =
      std::max<std::int64_t>(per_row, rows > 1 ? spec.row_issue : 0) * std::max<std::int64_t>(rows, 1);
  const std::int64_t latency = kind == kReduce ? spec.reduce_latency : spec.vector_latency;
  const std::int64_t conflict = per_row * std::max<std::int64_t>(rows, 1) * (bank_rounds(spec, stride) - 1);
  return {count * (ideal + conflict + latency + spec.vector_startup), count * conflict};
}

/// copy_out args: fractals, then the class counts of the epilogue on fp16 results.
kernel::Duration copy_out(const Spec& spec, const program::Command& command) {
  const auto& args = command.args;
  const std::int64_t fractals = args[0];
  kernel::Duration total;
  total.cycles = spec.vector_startup + ceil_div(fractals * kAccumulator, spec.l0c_ub_rate);
  // Bias: one pass over the accumulators in their own precision.
  const auto bias = passes(spec, kSimple, args[1], fractals * kAccumulator, 1, 1);
  total.cycles += bias.cycles;
  for (std::int32_t kind = kSimple; kind <= kConvert; ++kind) {
    const auto more = passes(spec, kind, args[2 + static_cast<std::size_t>(kind)], fractals * kFractal, 1, 1);
    total.cycles += more.cycles;
  }
  return total;
}

}  // namespace

kernel::Duration duration(const Spec& spec, const program::Command& command) {
  const auto& args = command.args;
  switch (command.opcode) {
    case kLoad2dA:
      return {load2d_cycles(spec, true, std::int64_t{args[0]} * args[1]), 0};
    case kLoad3dA:
      return {load3d_cycles(spec, args[0], args[2], args[1], args[3]), 0};
    case kLoad2dB:
      return {load2d_cycles(spec, false, std::int64_t{args[0]} * args[1]), 0};
    case kMad:
      return {mad_cycles(spec, args[0], args[1], args[2], args[3] != 0), 0};
    case kVectorCopyOut:
      return copy_out(spec, command);
    case kVector:
      return passes(spec, args[0], args[1], args[2], args[3], args[4]);
    default:
      throw InternalError("a memory command has no compute duration");
  }
}

}  // namespace npusim::ascend310
