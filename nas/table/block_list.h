// Lists of blocks from a user's YAML file.
#pragma once

#include <string>
#include <vector>

#include "nas/space/space.h"

namespace npusim::table {

/// Reads a list of blocks: a YAML sequence, or a mapping whose key `blocks` is one, of
///   block:r1_k3_s11_e6_i32_o32_c0@56      a block as `npusim run` takes it; "block:" may be left out,
///                                         S3NAS' file names (MBConvBlock/r1_..._imgsize56) serve too
///   {block: r1_k3_s11_e6_i32_o32_c0, size: [56, 28]}
///   {kind: mbconv, kernel: [3, 5, 7], expansion: [3, 6], stride: 1, in: 32, out: 32, size: 56,
///    squeeze: 0.25, skip: true, act: relu, pad: half}
/// Kinds: mbconv, fused, conv, dense, pool. Where a list stands for a number, all combinations are meant, the
/// last key of the order above changing fastest. Throws UserError with file and line; unknown keys with the
/// nearest, a list without blocks too.
std::vector<space::Block> read_blocks(const std::string& path);

/// The block of such a text. Throws UserError naming the position.
space::Block block_named(const std::string& text);

}  // namespace npusim::table
