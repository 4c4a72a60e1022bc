#include "hw_models/midap/timing.h"

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::midap {

namespace {

/// Taps k with 0 <= at + k*dilation < extent, k < kernel and (zero-inserted input) on a real element.
std::int64_t taps(std::int64_t at, std::int64_t kernel, std::int64_t dilation, std::int64_t extent,
                  std::int64_t zeros) {
  std::int64_t count = 0;
  for (std::int64_t k = 0; k < kernel; ++k) {
    const std::int64_t x = at + k * dilation;
    if (x >= 0 && x < extent && x % zeros == 0) ++count;
  }
  return count;
}

}  // namespace

kernel::Duration duration(const program::Command& command) {
  kernel::Duration duration;
  duration.cycles = command.args[0];
  if (command.opcode == kCompute) duration.cycles += command.args[1];
  return duration;
}

std::int64_t filter_groups(const Spec& spec, const Layer& layer) {
  if (layer.kind == Kind::arithmetic) return 1;
  if (layer.extended()) return layer.filters / spec.lanes;
  return layer.filters / spec.cims;
}

std::int64_t rows_of_group(const Spec& spec, const Layer& layer, std::int64_t channels, std::int64_t group) {
  if (layer.extended() && layer.kind != Kind::arithmetic) return 1;
  if (layer.groups == 1) return ceil_div(channels, spec.lanes);
  const std::int64_t filters = layer.own.c / layer.groups;
  const std::int64_t depth = layer.group_depth;
  const std::int64_t first = std::min(group * spec.cims, layer.own.c - 1) / filters;
  const std::int64_t last = (std::min((group + 1) * spec.cims, layer.own.c) - 1) / filters;
  return ceil_div((last + 1) * depth, spec.lanes) - first * depth / spec.lanes;
}

std::int64_t write_cycles(const Spec& spec, const Layer& layer) {
  if (!layer.extended()) return 1;
  const bool whole = layer.z_begin % spec.lanes == 0 && (layer.z_end - layer.z_begin) % spec.lanes == 0;
  return whole ? 1 : spec.lanes / spec.cims;
}

SegmentRows::SegmentRows(const Spec& spec, const Network& net, const Layer& layer,
                         std::vector<Mapping> pieces, std::int64_t first, std::int64_t last, LoadedRow loaded)
    : spec_(spec),
      layer_(layer),
      in_(input_shape(net, layer)),
      pieces_(std::move(pieces)),
      first_(first),
      last_(last),
      loaded_(loaded) {
  yz_ = layer.kind == Kind::conv && in_.c % spec.lanes != 0;
  columns_.reserve(static_cast<std::size_t>(last - first + 2));
  columns_.push_back(0);
  if (yz_) {
    count_yz();
  } else {
    count_aligned();
  }
}

std::int64_t SegmentRows::in_x(std::int64_t column) const {
  return column * layer_.window.stride_w - layer_.window.left;
}

std::int64_t SegmentRows::taps_x(std::int64_t column, std::int64_t end_x) const {
  if (!layer_.windowed() || layer_.kind == Kind::gemm) return column < end_x ? 1 : 0;
  return taps(in_x(column), layer_.window.kw, layer_.window.dilation_w, std::min(in_.w, end_x),
              layer_.zero_inserted ? layer_.scale_w : 1);
}

std::int64_t SegmentRows::taps_y(std::int64_t row) const {
  if (!layer_.windowed() || layer_.kind == Kind::gemm) return 1;
  const Window& window = layer_.window;
  return taps(row * window.stride_h - window.top, window.kh, window.dilation_h, in_.h,
              layer_.zero_inserted ? layer_.scale_h : 1);
}

void SegmentRows::count_aligned() {
  if (layer_.kind == Kind::arithmetic) {
    column_taps_ = in_.h;
  } else if (layer_.kind != Kind::gemm) {
    column_taps_ = 0;
    for (std::int64_t y = 0; y < layer_.map.h; ++y) column_taps_ += taps_y(y);
  }
  for (std::int64_t x = first_; x <= last_; ++x) {
    columns_.push_back(columns_.back() + taps_x(x, in_.w) * column_taps_);
  }
}

std::int64_t SegmentRows::yz_tap(std::int64_t x, std::int64_t y, LoadedRow& loaded) const {
  const auto piece = std::find_if(pieces_.begin(), pieces_.end(), [x](const Mapping& mapping) {
    return mapping.planes.head <= x && x < mapping.planes.tail;
  });
  ensure(piece != pieces_.end(), "a window reads a plane that is in no bank");
  const std::int64_t lanes = spec_.lanes;
  const std::int64_t start_y = std::max<std::int64_t>(0, -y);
  const std::int64_t end_y = std::min(layer_.window.kh, in_.h - y);
  const std::int64_t base = (x - piece->planes.head) * in_.plane();
  const std::int64_t from = base + (y + start_y) * in_.c;
  const std::int64_t last_row = ceil_div(base + (y + end_y) * in_.c, lanes) - 1;
  const std::int64_t rows = ceil_div(end_y * in_.c, lanes) - start_y * in_.c / lanes;
  std::int64_t row = from / lanes;
  std::int64_t bubble = 0;
  if (start_y * in_.c % lanes < from % lanes) {
    bubble = loaded == LoadedRow{piece->bank, row} ? 0 : 1;
    ++row;
  }
  loaded = {piece->bank, std::min(last_row, row + rows - 1)};
  return rows + bubble;
}

std::int64_t SegmentRows::yz_pixel(std::int64_t column, std::int64_t row, std::int64_t end_x,
                                   LoadedRow& loaded) const {
  std::int64_t rows = 0;
  const std::int64_t y = row * layer_.window.stride_h - layer_.window.top;
  const std::int64_t x = in_x(column);
  for (std::int64_t k = std::max<std::int64_t>(0, -x); k < layer_.window.kw && x + k < std::min(in_.w, end_x);
       ++k) {
    rows += yz_tap(x + k, y, loaded);
  }
  return rows;
}

void SegmentRows::count_yz() {
  start_ = loaded_;
  for (std::int64_t x = first_; x <= last_; ++x) {
    std::int64_t rows = 0;
    for (std::int64_t y = 0; y < layer_.map.h; ++y) rows += yz_pixel(x, y, in_.w, loaded_);
    columns_.push_back(columns_.back() + rows);
  }
  if (last_ < first_) return;
  LoadedRow one = start_;
  LoadedRow other = loaded_;
  later_saving_ = yz_pixel(first_, 0, in_.w, one) - yz_pixel(first_, 0, in_.w, other);
}

std::int64_t SegmentRows::before(std::int64_t column, std::int64_t group) const {
  const std::int64_t count = columns_[static_cast<std::size_t>(column - first_)];
  if (!yz_) return count * rows_of_group(spec_, layer_, in_.c, group);
  return count - (group > 0 && column > first_ ? later_saving_ : 0);
}

std::int64_t SegmentRows::before_plane(std::int64_t column, std::int64_t x, std::int64_t group) const {
  const std::int64_t front = before(column, group);
  if (!yz_) {
    return front + taps_x(column, x) * taps_y(0) * rows_of_group(spec_, layer_, in_.c, group);
  }
  LoadedRow loaded = group > 0 ? loaded_ : start_;
  if (column > first_) {  // what the column before left behind
    loaded = {};
    static_cast<void>(yz_pixel(column - 1, layer_.map.h - 1, in_.w, loaded));
  }
  return front + yz_pixel(column, 0, x, loaded);
}

std::int64_t SegmentRows::first_pixel(std::int64_t group) const { return before_plane(first_, in_.w, group); }

Fragment SegmentRows::planes_of(std::int64_t column) const {
  if (!layer_.windowed() || layer_.kind == Kind::gemm) return {column, column + 1};
  const std::int64_t from = in_x(column);
  const std::int64_t end = from + (layer_.window.kw - 1) * layer_.window.dilation_w + 1;
  return {std::max<std::int64_t>(from, 0), std::min(end, in_.w)};
}

std::int64_t SegmentRows::column_of_plane(std::int64_t x) const {
  for (std::int64_t column = first_; column <= last_; ++column) {
    if (taps_x(column, in_.w) > taps_x(column, x)) return column;
  }
  return last_ + 1;
}

std::int64_t SegmentRows::write_stalls(std::int64_t group, std::int64_t from, std::int64_t to,
                                       std::int64_t& pending) const {
  if (write_cycles(spec_, layer_) == 1) return 0;
  const bool by_row = layer_.kind == Kind::arithmetic;
  const std::int64_t vectors = by_row ? in_.c / spec_.lanes : 1;
  std::int64_t stalls = 0;
  std::int64_t row = 0;
  for (std::int64_t column = first_; column <= last_; ++column) {
    const std::int64_t across = taps_x(column, in_.w);
    for (std::int64_t i = 0; i < layer_.map.h * vectors; ++i) {
      const std::int64_t rows = by_row ? 1 : across * taps_y(i);
      row += rows;
      if (rows == 0 || row <= from) continue;
      if (row > to) return stalls;
      stalls += std::max<std::int64_t>(0, pending - rows);
      const std::int64_t z = (by_row ? i % vectors : group) * spec_.lanes;
      const std::int64_t left = layer_.z_end - layer_.z_begin - z;
      pending = ceil_div(std::clamp<std::int64_t>(left, 0, spec_.lanes), spec_.cims);
    }
  }
  return stalls;
}

std::int64_t compute_cycles(const Spec& spec, const Network& net, const Layer& layer) {
  const std::int64_t columns = layer.kind == Kind::gemm ? layer.own.w * layer.own.h : layer.own.w;
  const Mapping all{0, {0, net.at(layer.inputs.front()).map.w}, false};
  const SegmentRows rows(spec, net, layer, {all}, 0, columns - 1, {});
  std::int64_t cycles = 0;
  for (std::int64_t group = 0; group < filter_groups(spec, layer); ++group) cycles += rows.total(group);
  return cycles;
}

}  // namespace npusim::midap
