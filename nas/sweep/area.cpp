#include "nas/sweep/area.h"

#include <algorithm>

namespace npusim::sweep {
namespace {

// Areas of arithmetic at 45 nm, um^2. Published: the table of Horowitz, "Computing's energy problem", ISSCC
// 2014, with areas as in Dally, "High-performance hardware for machine learning", NIPS 2015 (synthesised in
// TSMC 45 nm).
constexpr double kMultiplyInt8 = 282;
constexpr double kAddInt32 = 137;
constexpr double kMultiplyFp16 = 1640;
constexpr double kMultiplyFp32 = 7700;
constexpr double kMultiplyInt32 = 3495;
constexpr double kAddFp32 = 4184;

// Published: the cell of Mistry et al., IEDM 2007 (Intel 45 nm), um^2 a bit.
constexpr double kSramCell = 0.346;
// Guessed [0.5, 0.8]: share of a macro that is cells, the rest being decoders and sense amplifiers.
constexpr double kCellShare = 0.7;

constexpr double kSquareMillimetre = 1e6;  ///< um^2

}  // namespace

double mac_area(ir::DType dtype) {
  switch (dtype) {
    case ir::DType::f32:
      return kMultiplyFp32 + kAddFp32;
    case ir::DType::f16:
    case ir::DType::bf16:
      return kMultiplyFp16 + kAddFp32;  // sums are kept in fp32
    case ir::DType::i8:
    case ir::DType::u8:
      return kMultiplyInt8 + kAddInt32;
    default:
      return kMultiplyInt32 + kAddInt32;
  }
}

double sram_area(std::int64_t bytes) {
  return static_cast<double>(bytes) * 8 * kSramCell / kCellShare / kSquareMillimetre;
}

double area_proxy(const hw::Npu& npu) {
  double compute = 0;
  for (const ir::DType dtype : npu.dtypes()) {
    compute = std::max(compute, npu.peak_macs_per_cycle(dtype) * mac_area(dtype) / kSquareMillimetre);
  }
  return compute + sram_area(npu.on_chip_bytes());
}

}  // namespace npusim::sweep
