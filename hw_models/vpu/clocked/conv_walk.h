// The order in which a convolution goes through the array.
#pragma once

#include <cstdint>

#include "hw_models/vpu/clocked/job.h"

namespace npusim::vpu::clocked {

/// What the array works on at once: a tile of pixels, 16 output channels, one tap, one granule of input
/// channels.
struct Step {
  std::int64_t x = 0, y = 0;  ///< the tile's first pixel
  std::int64_t channel = 0;   ///< the first of 16 output channels
  std::int64_t tap = 0, granule = 0;
};

/// Sizes of a walk.
struct Grid {
  std::int64_t tile_w = kSide, tile_h = kSide;
  std::int64_t granules = 1;
};

/// A pixel block of the mode's size with a group of output channels: what the accumulators hold.
struct Block {
  std::int64_t x = 0, y = 0, width = 0, height = 0;  ///< pixels, of the output only
  std::int64_t channel = 0, channels = 0;
};

/// Counters: channel groups, blocks by rows, and inside a block taps, granules, tiles by rows, 16 output
/// channels fastest.
class ConvWalk {
 public:
  ConvWalk(const Job& job, const Grid& grid);
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] const Step& step() const { return step_; }
  [[nodiscard]] const Block& block() const { return block_; }
  /// Goes to the next step. Returns whether the block is complete.
  bool advance();
  /// Steps from first to last.
  [[nodiscard]] std::int64_t steps() const { return steps_; }
  /// Tiles in all blocks, once for every group of output channels.
  [[nodiscard]] std::int64_t tiles() const { return tiles_; }
  /// Groups of 16 output channels in all blocks.
  [[nodiscard]] std::int64_t outputs() const { return outputs_; }

 private:
  void open_block();
  bool next_block();
  void count();

  std::int64_t width_, height_, channels_, taps_;
  Mode mode_;
  Grid grid_;
  Block block_;
  Step step_;
  std::int64_t steps_ = 0, tiles_ = 0, outputs_ = 0;
  bool done_ = false;
};

}  // namespace npusim::vpu::clocked
