// What commands compute, as far as their arguments and regions do not say: the typed form of their settings.
// The mapper encodes them; the functional execution and the clocked twins decode them. A command's timing
// does not depend on them.
#pragma once

#include <cstdint>

#include "sim/program/program.h"

namespace npusim::ascend310 {

/// mad: whether the tile adds to its accumulators or starts from zero (also when there is no setting).
struct MadSetting {
  std::int64_t accumulate = 0;
  bool operator==(const MadSetting&) const = default;
};

/// load2d: lines of 32 bytes from planes in L1, which begin at the command's L1 operand; a plane holds the
/// lines of one block of K (or, transposed, of one block of N). Line j of fractal i is line
/// first_line + 16 i + j of plane k; from `lines` on, lines are zero. Without a setting the operand's bytes
/// are fractals as they lie, in the order of the region's runs.
struct Load2dSetting {
  std::int64_t plane_lines = 0;  ///< lines from one plane to the next
  std::int64_t first_line = 0;
  std::int64_t lines = 0;
  /// 1: planes are blocks of N and lines are single K, of which there are `lines`. Line j of fractal (k, i)
  /// then holds element 16 i + j of N, taken from 32 / element_bytes lines beginning with the k-th such
  /// group.
  std::int64_t transpose = 0;
  std::int64_t element_bytes = 2;
  bool operator==(const Load2dSetting&) const = default;
};

/// load3d: an image to the columns of a matrix. The command's L1 operand holds, for each block of channels, a
/// window of the input image: rows first_row, first_row + row_step, ... (`rows` of them) of `columns` pixels
/// from first_column, 32 bytes a pixel. Line j of fractal i is output pixel first_pixel + 16 i + j; from
/// `pixels` on, lines are zero. K fractal k is tap (first_tap + k) modulo kernel_h * kernel_w, of block
/// (first_tap + k) / (kernel_h * kernel_w). A tap outside the image, or between the pixels of a dilated
/// input, is zero.
struct Load3dSetting {
  std::int64_t height = 1, width = 1;  ///< of the whole input image
  std::int64_t first_row = 0, rows = 1, row_step = 1, first_column = 0, columns = 1;
  std::int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  std::int64_t input_dilation_h = 1, input_dilation_w = 1;  ///< of a transposed convolution
  std::int64_t pad_top = 0, pad_left = 0;
  std::int64_t out_width = 1;  ///< pixels of an output row
  std::int64_t first_pixel = 0, pixels = 1;
  std::int64_t first_tap = 0;
  bool operator==(const Load3dSetting&) const = default;
};

/// As a program carries them.
program::Setting to_setting(const MadSetting& setting);
program::Setting to_setting(const Load2dSetting& setting);
program::Setting to_setting(const Load3dSetting& setting);

/// Back from a program; `setting` must have this type's name and known values. Throws InternalError
/// otherwise.
MadSetting mad_setting(const program::Setting& setting);
Load2dSetting load2d_setting(const program::Setting& setting);
Load3dSetting load3d_setting(const program::Setting& setting);

/// The setting of a command; null when it has none.
const program::Setting* setting_of(const program::Program& program, const program::Command& command);

}  // namespace npusim::ascend310
