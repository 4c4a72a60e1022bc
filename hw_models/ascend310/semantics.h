// What commands compute, as far as their arguments and regions do not say: the typed form of their settings.
// The mapper encodes them; the functional execution and the clocked twins decode them. A command's timing
// does not depend on them. Settings are shared by the commands of a layer: positions that change from command
// to command are arguments (opcode_table() in target.cpp), which are added to the setting's field of that
// name.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/program/program.h"
#include "workloads/ir/graph.h"

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
///
/// Pixels of fewer than 32 bytes (`pixel_bytes`: an image of 4 channels, in one block) share the lines of a K
/// fractal: it holds taps (first_tap + k) * 32 / pixel_bytes and following, each pixel_bytes long; taps from
/// kernel_h * kernel_w on are zero.
struct Load3dSetting {
  std::int64_t height = 1, width = 1;  ///< of the whole input image
  std::int64_t first_row = 0, rows = 1, row_step = 1, first_column = 0, columns = 1;
  std::int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  std::int64_t input_dilation_h = 1, input_dilation_w = 1;  ///< of a transposed convolution
  std::int64_t pad_top = 0, pad_left = 0;
  std::int64_t out_width = 1;  ///< pixels of an output row
  std::int64_t first_pixel = 0, pixels = 1;
  std::int64_t first_tap = 0;
  std::int64_t pixel_bytes = 32;
  /// 1: all of this describes an image of one row as one of one column. What the port meets is the row: its
  /// stride is stride_h, and it has no other row to turn to.
  std::int64_t stood_up = 0;
  bool operator==(const Load3dSetting&) const = default;
};

/// One element-wise step behind the cube; rounded to fp16 after it.
struct CopyOutStep {
  ir::ElementwiseAttrs op;
  bool residual = false;      ///< the second operand is the residual tile, which lies as the result does
  std::int64_t exponent = 0;  ///< int8 only: of the step's result
  bool operator==(const CopyOutStep& other) const {
    return op.function == other.op.function && op.alpha == other.op.alpha && op.beta == other.op.beta &&
           residual == other.residual && exponent == other.exponent;
  }
};

/// copy_out of a tile of fp32 accumulators, m fractals of rows by the command's fractals / m of columns. Its
/// rows are runs of output pixels, each beginning with a fractal; the result in UB is [run][block of 16
/// columns][pixel] lines of 32 bytes, without the fractals' padding. Accumulators take the bias in fp32, are
/// rounded to fp16, and go through the steps. UB regions read: the bias (when there is one), then the
/// residual (when a step uses it).
struct CopyOutSetting {
  std::int64_t m = 1;
  std::vector<std::int64_t> pixels;  ///< of each run
  std::int64_t first_bias = -1;      ///< element of the bias region for the first column; -1: no bias
  std::int64_t columns = 1 << 30;
  std::int64_t int8 = 0;
  std::int64_t shift = 0, exponent = 0, residual_exponent = 0;
  std::vector<CopyOutStep> steps;
  bool operator==(const CopyOutSetting&) const = default;
};

/// vector: one instruction `count` times (a function of two operands takes, from the second time on, the
/// result so far for its second operand, as in a pool), lanes over the command's UB regions. Runs of a region
/// are the instruction's rows. Blocks of the first operand lie as far apart as the command's stride says,
/// those of the others and of the result follow one another.
struct LaneSetting {
  enum class Kind : std::uint8_t {
    function,   ///< an element-wise function of one or two fp16 regions
    convert,    ///< fp32 to fp16
    transpose,  ///< 16 x 16 fp16 elements, tile by tile of 512 bytes
    sum         ///< fp32 sum by halves of each 256 bytes of fp16, rounded to one fp16
  };
  Kind kind = Kind::function;
  ir::ElementwiseAttrs op;  ///< of a function
  bool operator==(const LaneSetting& other) const {
    return kind == other.kind && op.function == other.op.function && op.alpha == other.op.alpha &&
           op.beta == other.op.beta;
  }
};

/// As a program carries them.
program::Setting to_setting(const CopyOutSetting& setting);
program::Setting to_setting(const LaneSetting& setting);
program::Setting to_setting(const MadSetting& setting);
program::Setting to_setting(const Load2dSetting& setting);
program::Setting to_setting(const Load3dSetting& setting);

/// Back from a program; `setting` must have this type's name and known values. Throws InternalError
/// otherwise.
MadSetting mad_setting(const program::Setting& setting);
Load2dSetting load2d_setting(const program::Setting& setting);
Load3dSetting load3d_setting(const program::Setting& setting);
CopyOutSetting copy_out_setting(const program::Setting& setting);
LaneSetting lane_setting(const program::Setting& setting);

/// The geometry of one load: its setting with the command's arguments (plane_lines, first_line, lines; or
/// first_row, rows, first_pixel, pixels, first_tap) added.
Load2dSetting load2d_geometry(const program::Setting& setting, const program::Command& command);
Load3dSetting load3d_geometry(const program::Setting& setting, const program::Command& command);
/// The same, in place.
void add_arguments(Load2dSetting& setting, const program::Command& command);
void add_arguments(Load3dSetting& setting, const program::Command& command);

/// The setting of a command; null when it has none.
const program::Setting* setting_of(const program::Program& program, const program::Command& command);

}  // namespace npusim::ascend310
