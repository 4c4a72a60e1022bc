#include "hw_models/midap/clocked/row_sequencer.h"

#include <algorithm>
#include <utility>

#include "sim/base/error.h"

namespace npusim::midap::clocked {

void RowSequencer::begin(const PipelineSetting& setting) {
  s_ = setting;
  group_ = 0;
  start_group();
}

void RowSequencer::next_group() {
  ++group_;
  ensure(group_ < groups(), "a segment has so many filter groups");
  start_group();
}

void RowSequencer::start_group() {
  column_ = s_.first;
  pixel_ = 0;
  row_of_column_ = 0;
  queue_.clear();
  refill();
}

void RowSequencer::take() {
  queue_.pop_front();
  ++row_of_column_;
  if (!queue_.empty()) return;
  ++pixel_;
  refill();
}

/// Turns to the next pixel that reads anything, in this column or a later one.
void RowSequencer::refill() {
  while (column_ <= s_.last) {
    for (; pixel_ < s_.rows; ++pixel_) {
      if (yz_mode()) {
        pixel_yz();
      } else {
        pixel_z();
      }
      if (!queue_.empty()) return;
    }
    ++column_;
    pixel_ = 0;
    row_of_column_ = 0;
  }
}

void RowSequencer::push(Row row, bool multiply) {
  row.multiply = multiply;
  row.column = column_;
  row.y = pixel_;
  if (!element_wise()) row.z = group_ * width();
  newest_bank_ = row.bank;
  newest_row_ = row.address / lanes_;
  queue_.push_back(row);
}

const BankPiece& RowSequencer::piece_of(std::int64_t plane) const {
  for (const auto& piece : s_.pieces) {
    if (piece.head <= plane && plane < piece.tail) return piece;
  }
  throw InternalError("the pipeline reads a plane that is in no bank");
}

void RowSequencer::pixel_z() {
  if (element_wise() || s_.work == Work::gemm) {
    tap_rows(column_, pixel_, 0);
  } else {
    for (std::int64_t kx = 0; kx < s_.kw; ++kx) {
      const std::int64_t x = column_ * s_.stride_w - s_.left + kx * s_.dilation_w;
      if (x < 0 || x >= s_.in_w || (s_.zeros != 0 && x % s_.scale_w != 0)) continue;
      for (std::int64_t ky = 0; ky < s_.kh; ++ky) {
        const std::int64_t y = pixel_ * s_.stride_h - s_.top + ky * s_.dilation_h;
        if (y < 0 || y >= s_.in_h || (s_.zeros != 0 && y % s_.scale_h != 0)) continue;
        tap_rows(x, y, kx * s_.kh + ky);
      }
    }
  }
  if (queue_.empty()) return;
  if (element_wise()) {
    for (Row& row : queue_) row.first = row.last = true, row.taps = 1;
    return;
  }
  queue_.front().first = true;
  queue_.back().last = true;
  queue_.back().taps = static_cast<std::int64_t>(queue_.size());
}

void RowSequencer::tap_rows(std::int64_t x, std::int64_t y, std::int64_t tap) {
  const std::int64_t plane = x / s_.scale_w + s_.crop;
  const BankPiece& piece = piece_of(plane);
  const std::int64_t stored_h = s_.in_h / s_.scale_h;
  const std::int64_t pixel = ((plane - piece.head) * stored_h + y / s_.scale_h) * s_.in_c;
  Row row;
  row.bank = piece.bank;
  row.offset = lanes_;
  row.end_lane = lanes_;
  if (!all_cims() && !element_wise()) {  // this group's 64 channels
    row.address = pixel + group_ * lanes_;
    row.weight_row = tap * (s_.in_c / lanes_) + group_;
    push(row, true);
    return;
  }
  std::int64_t from = 0;
  std::int64_t to = s_.in_c;
  std::int64_t per_tap = s_.in_c / lanes_;
  if (s_.conv_groups > 1) {  // the channels that these filters are connected to
    const std::int64_t filters = s_.own_c / s_.conv_groups;
    const std::int64_t first = std::min(group_ * cims_, s_.own_c - 1);
    const std::int64_t last = std::min((group_ + 1) * cims_, s_.own_c) - 1;
    from = first / filters * s_.group_depth;
    to = (last / filters + 1) * s_.group_depth;
    per_tap = s_.filter_bytes / (s_.kw * s_.kh * lanes_);
  }
  const std::int64_t lowest = from / lanes_;
  for (std::int64_t z = lowest; z * lanes_ < to; ++z) {
    row.address = pixel + z * lanes_;
    row.weight_row = tap * per_tap + z - lowest;
    if (element_wise()) {
      row.z = z * lanes_;
      row.weight_row = (s_.broadcast != 0 ? 0 : y * (s_.in_c / lanes_)) + z;
    }
    push(row, true);
  }
}

void RowSequencer::pixel_yz() {
  const std::int64_t y = pixel_ * s_.stride_h - s_.top;
  for (std::int64_t kx = 0; kx < s_.kw; ++kx) {
    const std::int64_t x = column_ * s_.stride_w - s_.left + kx;
    if (x >= 0 && x < s_.in_w) run_yz(x, y, kx);
  }
  std::int64_t taps = 0;
  for (Row& row : queue_) {
    if (row.multiply && taps++ == 0) row.first = true;
  }
  if (taps == 0) return;
  queue_.back().last = true;
  queue_.back().taps = taps;
}

/// The taps of one kernel column: bytes [from, end) of its weights against as many of a plane.
void RowSequencer::run_yz(std::int64_t x, std::int64_t y, std::int64_t kx) {
  std::int64_t top = 0;
  while (y + top < 0) ++top;
  std::int64_t bottom = s_.kh;
  while (y + bottom > s_.in_h) --bottom;
  const BankPiece& piece = piece_of(x);
  const std::int64_t plane = (x - piece.head) * s_.in_h * s_.in_c;
  const std::int64_t weight = top * s_.in_c;
  const std::int64_t weight_end = bottom * s_.in_c;
  const std::int64_t feature = plane + (y + top) * s_.in_c;
  const std::int64_t last_row = (plane + (y + bottom) * s_.in_c - 1) / lanes_;
  const std::int64_t ahead = feature % lanes_ - weight % lanes_;  // lanes that features are ahead of weights
  std::int64_t feature_row = feature / lanes_;
  Row row;
  row.bank = piece.bank;
  if (ahead > 0) {
    if (newest_bank_ != piece.bank || newest_row_ != feature_row) {
      row.address = feature_row * lanes_;
      push(row, false);
    }
    ++feature_row;
  }
  row.offset = ahead > 0 ? ahead : ahead + lanes_;
  const std::int64_t rows_per_column = (s_.kh * s_.in_c + lanes_ - 1) / lanes_;
  for (std::int64_t w = weight / lanes_; w * lanes_ < weight_end; ++w) {
    row.address = std::min(feature_row++, last_row) * lanes_;
    row.weight_row = kx * rows_per_column + w;
    row.first_lane = std::max<std::int64_t>(0, weight - w * lanes_);
    row.end_lane = std::min(lanes_, weight_end - w * lanes_);
    push(row, true);
  }
}

}  // namespace npusim::midap::clocked
