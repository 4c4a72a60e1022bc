#include "hw_models/vpu/clocked/conv_walk.h"

#include <algorithm>

#include "sim/base/units.h"

namespace npusim::vpu::clocked {

ConvWalk::ConvWalk(const Job& job, const Grid& grid)
    : width_(job.width),
      height_(job.height),
      channels_(round_up(job.channels, kChannels)),
      taps_(job.taps),
      mode_(job.mode),
      grid_(grid) {
  count();
  block_ = {};
  open_block();
}

void ConvWalk::count() {
  open_block();
  do {
    const std::int64_t tiles = ceil_div(block_.width, grid_.tile_w) * ceil_div(block_.height, grid_.tile_h);
    tiles_ += tiles;
    outputs_ += block_.channels / kChannels;
    steps_ += tiles * (block_.channels / kChannels) * taps_ * grid_.granules;
  } while (next_block());
}

void ConvWalk::open_block() {
  block_.width = std::min(mode_.x, width_ - block_.x);
  block_.height = std::min(mode_.y, height_ - block_.y);
  block_.channels = std::min(mode_.channels, channels_ - block_.channel);
  step_ = {block_.x, block_.y, block_.channel, 0, 0};
}

bool ConvWalk::next_block() {
  block_.x += mode_.x;
  if (block_.x >= width_) {
    block_.x = 0;
    block_.y += mode_.y;
  }
  if (block_.y >= height_) {
    block_.y = 0;
    block_.channel += mode_.channels;
  }
  if (block_.channel >= channels_) return false;
  open_block();
  return true;
}

bool ConvWalk::advance() {
  step_.channel += kChannels;
  if (step_.channel < block_.channel + block_.channels) return false;
  step_.channel = block_.channel;
  step_.x += grid_.tile_w;
  if (step_.x < block_.x + block_.width) return false;
  step_.x = block_.x;
  step_.y += grid_.tile_h;
  if (step_.y < block_.y + block_.height) return false;
  step_.y = block_.y;
  if (++step_.granule < grid_.granules) return false;
  step_.granule = 0;
  if (++step_.tap < taps_) return false;
  if (!next_block()) done_ = true;
  return true;
}

}  // namespace npusim::vpu::clocked
