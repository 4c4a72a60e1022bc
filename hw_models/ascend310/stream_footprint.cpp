#include "hw_models/ascend310/stream_footprint.h"

#include <algorithm>
#include <bit>

#include "hw_models/ascend310/spec.h"
#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::ascend310 {

UnitSet::UnitSet(std::int64_t bytes)
    : bytes_(bytes),
      words_(static_cast<std::size_t>(ceil_div(ceil_div(bytes, kBlock), 64)), 0),
      low_(std::ssize(words_)) {}

void UnitSet::add(std::int64_t first, std::int64_t stride, std::int64_t count) {
  if (first == first_ && stride == stride_ && count == count_) return;
  first_ = first;
  stride_ = stride;
  count_ = count;
  const std::int64_t last = first + stride * (count - 1);
  ensure(first >= 0 && last < ceil_div(bytes_, kBlock), "a tile needs elements that its operand has");
  low_ = std::min(low_, first / 64);
  high_ = std::max(high_, last / 64 + 1);
  if (stride == 1) return fill(first, last + 1);
  for (std::int64_t unit = first; unit <= last; unit += stride) {
    words_[static_cast<std::size_t>(unit / 64)] |= std::uint64_t{1} << (unit % 64);
  }
}

void UnitSet::fill(std::int64_t from, std::int64_t to) {
  for (std::int64_t at = from; at < to;) {
    const std::int64_t take = std::min(to - at, 64 - at % 64);
    const std::uint64_t ones = take == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << take) - 1;
    words_[static_cast<std::size_t>(at / 64)] |= ones << (at % 64);
    at += take;
  }
}

std::vector<ByteRange> UnitSet::ranges() const {
  std::vector<ByteRange> out;
  for (std::int64_t w = low_; w < high_; ++w) {
    std::uint64_t word = words_[static_cast<std::size_t>(w)];
    for (std::int64_t bit = 0; word != 0;) {
      const int zeros = std::countr_zero(word);
      word >>= zeros;
      const int ones = std::countr_one(word);
      bit += zeros;
      const std::int64_t from = (w * 64 + bit) * kBlock;
      const std::int64_t to = std::min(from + ones * kBlock, bytes_);
      bit += ones;
      word = ones == 64 ? 0 : word >> ones;
      if (!out.empty() && out.back().to == from) {
        out.back().to = to;
      } else {
        out.push_back({from, to});
      }
    }
  }
  return out;
}

Footprint::Footprint(const StreamSetting& setting, const StreamInput& operand, bool reduces, ByteRange part)
    : setting_(setting), operand_(operand), reduces_(reduces), part_(part), units_(operand.order.bytes()) {
  merge_axes(setting);
}

/// Axes that the operand walks as one become one: adjacent ones of which the inner is whole and the outer
/// continues it. What the outer one lacks, the merged one lacks in whole lines.
void Footprint::merge_axes(const StreamSetting& setting) {
  std::int64_t stride = 1;
  for (std::size_t d = setting.axes.size(); d-- > 0;) {
    const AxisMap& map = operand_.axes[d];
    Axis axis{setting.axes[d],
              stride,
              map.step,
              std::max<std::int64_t>(map.lo, 0),
              std::min(map.hi, setting.axes[d]),
              map.table.empty() ? nullptr : &map};
    stride *= axis.extent;
    const bool whole = axis.table == nullptr && axis.lo == 0 && axis.hi == axis.extent;
    if (axis.extent == 1 && whole) continue;
    if (!axes_.empty() && axis.table == nullptr) {
      Axis& inner = axes_.back();
      const bool inner_whole = inner.table == nullptr && inner.lo == 0 && inner.hi == inner.extent;
      if (inner_whole && inner.stride * inner.extent == axis.stride &&
          axis.step == inner.step * inner.extent) {
        inner.lo = axis.lo * inner.extent;
        inner.hi = axis.hi * inner.extent;
        inner.extent *= axis.extent;
        continue;
      }
    }
    axes_.push_back(axis);
  }
}

/// Calls visit(patch) for patches that together are the elements in bytes `range` of the result.
template <class Visit>
void Footprint::for_each_patch(const ByteRange& range, Visit&& visit) const {
  const Order& order = setting_.out;
  const std::int64_t size = order.element_bytes();
  if (order.kind == Order::Kind::plain) {
    visit(Patch{range.from / size, 1, 0, ceil_div(range.to, size) - range.from / size});
    return;
  }
  const BlockShape& s = order.shape;
  const std::int64_t c0 = s.block_bytes / size;
  const std::int64_t pixels = s.h * s.w;
  const std::int64_t end = ceil_div(range.to, s.block_bytes);
  for (std::int64_t block = range.from / s.block_bytes; block < end;) {
    const std::int64_t pixel = block % pixels;
    const std::int64_t b = block / pixels % s.c1;
    const std::int64_t n = block / pixels / s.c1;
    const bool whole = pixel == 0 && end - block >= pixels;
    const std::int64_t planes = whole ? std::min((end - block) / pixels, s.c1 - b) : 1;
    const std::int64_t count = whole ? pixels : std::min(pixels - pixel, end - block);
    const std::int64_t c = b * c0;
    const std::int64_t lanes = std::min(planes * c0, s.c - c);
    if (order.kind == Order::Kind::image) {
      visit(Patch{(n * s.c + c) * pixels + pixel, lanes, pixels, count});
    } else {
      visit(Patch{(n * pixels + pixel) * s.c + c, count, s.c, lanes});
    }
    block += planes * count;
  }
}

void Footprint::add(const ByteRange& range) {
  if (range.from >= range.to) return;
  for_each_patch(range, [this](const Patch& patch) { add_patch(patch); });
}

/// The axis whose index alone changes from one element to that `stride` further on.
const Footprint::Axis* Footprint::axis_along(std::int64_t stride) const {
  for (const Axis& axis : axes_) {
    if (stride >= axis.stride && stride < axis.stride * axis.extent && stride % axis.stride == 0)
      return &axis;
  }
  return nullptr;
}

void Footprint::add_patch(Patch patch) {
  // What `count` elements, `stride` apart, cost along an axis: an irregular axis has lines of one element.
  const auto pieces = [](const Axis& axis, std::int64_t stride, std::int64_t count) {
    return axis.table != nullptr ? count : ceil_div(count * (stride / axis.stride), axis.extent);
  };
  static constexpr Axis kSingle{1, 1, 0, 0, 1, nullptr};
  const Axis* along = axis_along(1);
  if (along == nullptr) along = &kSingle;  // the innermost axes have one element
  if (patch.stride == patch.length && along->table == nullptr && along->extent > patch.length) {
    patch.length *= patch.lines;
    patch.lines = 1;
  }
  const Axis* across = patch.lines > 1 ? axis_along(patch.stride) : nullptr;
  const bool turn = across != nullptr && patch.length * pieces(*across, patch.stride, patch.lines) <
                                             patch.lines * pieces(*along, 1, patch.length);
  if (turn) {
    for (std::int64_t j = 0; j < patch.length; ++j) {
      add_line(patch.first + j, patch.stride, patch.lines, *across);
    }
  } else {
    for (std::int64_t i = 0; i < patch.lines; ++i) {
      add_line(patch.first + i * patch.stride, 1, patch.length, *along);
    }
  }
}

/// Elements flat, flat + stride, ... of the result, which differ in their index along one axis until it ends.
void Footprint::add_line(std::int64_t flat, std::int64_t stride, std::int64_t count, const Axis& along) {
  const std::int64_t jump = stride / along.stride;
  while (count > 0) {
    const std::int64_t index = flat / along.stride % along.extent;
    const std::int64_t take = std::min(count, ceil_div(along.extent - index, jump));
    add_segment(flat, along, index, jump, take);
    flat += stride * take;
    count -= take;
  }
}

void Footprint::add_segment(std::int64_t flat, const Axis& along, std::int64_t index, std::int64_t jump,
                            std::int64_t count) {
  taps_.assign(1, operand_.offset);
  for (const Axis& axis : axes_) {
    if (&axis == &along) continue;
    const std::int64_t i = flat / axis.stride % axis.extent;
    if (i < axis.lo || i >= axis.hi) return;
    if (axis.table == nullptr) {
      for (auto& base : taps_) base += i * axis.step;
      continue;
    }
    const std::int64_t taps = axis.table->taps;
    const auto* entries = axis.table->table.data() + i * taps;
    if (taps == 1 && *entries < 0) return;
    const std::size_t before = taps_.size();
    for (std::int64_t t = 1; t < taps; ++t) {
      for (std::size_t b = 0; b < before; ++b) taps_.push_back(taps_[b] + entries[t]);
    }
    for (std::size_t b = 0; b < before; ++b) taps_[b] += entries[0];
  }
  const std::int64_t from = index >= along.lo ? 0 : ceil_div(along.lo - index, jump);
  const std::int64_t to = index >= along.hi ? 0 : std::min(count, ceil_div(along.hi - index, jump));
  if (from >= to) return;
  if (along.table == nullptr) {
    for (const std::int64_t base : taps_) {
      add_elements(base + (index + from * jump) * along.step, jump * along.step, to - from);
    }
    return;
  }
  const AxisMap& map = *along.table;
  for (std::int64_t i = from; i < to; ++i) {
    for (std::int64_t t = 0; t < map.taps; ++t) {
      const std::int64_t entry = map.table[static_cast<std::size_t>((index + i * jump) * map.taps + t)];
      if (map.taps == 1 && entry < 0) continue;
      for (const std::int64_t base : taps_) add_elements(base + entry, 0, 1);
    }
  }
}

void Footprint::add_elements(std::int64_t first, std::int64_t step, std::int64_t count) {
  if (step == 0) count = 1;
  if (step < 0) {
    first += step * (count - 1);
    step = -step;
  }
  reduces_ ? add_reduced(first, step, count) : add_regular(first, step, count);
}

/// The elements that results at first, first + step, ... reduce: lines along the results or along the last
/// reduced axis, whichever are longer.
void Footprint::add_reduced(std::int64_t first, std::int64_t step, std::int64_t count) {
  const auto [extent, inner_step] =
      setting_.reduced.empty() ? std::pair<std::int64_t, std::int64_t>{1, 0} : setting_.reduced.back();
  const bool along_results = count >= extent;
  for (std::int64_t r = part_.from; r < part_.to;) {
    std::int64_t rest = r, base = first;
    for (std::size_t d = setting_.reduced.size(); d-- > 0;) {
      base += rest % setting_.reduced[d].first * setting_.reduced[d].second;
      rest /= setting_.reduced[d].first;
    }
    if (along_results) {
      add_regular(base, step, count);
      ++r;
      continue;
    }
    const std::int64_t take = std::min(part_.to - r, extent - r % extent);
    for (std::int64_t i = 0; i < count; ++i) add_regular(base + i * step, inner_step, take);
    r += take;
  }
}

/// Elements first, first + step, ... of the operand. In blocks they move along pixels or channels until the
/// plane or the image ends.
void Footprint::add_regular(std::int64_t first, std::int64_t step, std::int64_t count) {
  const Order& order = operand_.order;
  if (order.kind == Order::Kind::plain) {
    return add_bytes(first * order.element_bytes(), step * order.element_bytes(), count);
  }
  const BlockShape& s = order.shape;
  const bool image = order.kind == Order::Kind::image;
  const std::int64_t c0 = s.block_bytes / order.element_bytes();
  const std::int64_t pixels = s.h * s.w;
  const std::int64_t fine = image ? pixels : s.c;
  const std::int64_t coarse = image ? s.c : pixels;
  while (count > 0) {
    const bool along_fine = step < fine;
    const std::int64_t jump = along_fine ? step : step / fine;  // pixels or channels
    std::int64_t take = 1;
    if (along_fine) {
      take = step == 0 ? count : std::min(count, ceil_div(fine - first % fine, step));
    } else if (step % fine == 0) {
      take = std::min(count, ceil_div(coarse - first / fine % coarse, jump));
    }
    const std::int64_t position = order.position(first);
    if (take == 1 || along_fine == image) {
      add_bytes(position, jump * s.block_bytes, take);
    } else if (jump <= c0) {
      const std::int64_t c = (along_fine ? first : first / fine) % s.c;
      add_bytes(position, pixels * s.block_bytes, (c + jump * (take - 1)) / c0 - c / c0 + 1);
    } else {
      for (std::int64_t i = 0; i < take; ++i) add_bytes(order.position(first + i * step), 0, 1);
    }
    first += step * take;
    count -= take;
  }
}

/// The units at bytes position, position + stride, ...; elements never cross a unit's border.
void Footprint::add_bytes(std::int64_t position, std::int64_t stride, std::int64_t count) {
  const std::int64_t unit = position / kBlock;
  if (stride <= kBlock) return units_.add(unit, 1, (position + stride * (count - 1)) / kBlock - unit + 1);
  if (stride % kBlock == 0) return units_.add(unit, stride / kBlock, count);
  for (std::int64_t i = 0; i < count; ++i) units_.add((position + i * stride) / kBlock, 1, 1);
}

}  // namespace npusim::ascend310
