#include "tests/midap_clocked/trial.h"

#include <fmt/format.h>

#include <algorithm>

#include "hw_models/midap/segment_setting.h"
#include "hw_models/midap/target.h"
#include "hw_models/midap/timing.h"
#include "sim/base/units.h"

namespace npusim::midap::test {

namespace {

constexpr std::int64_t kResultBank = 3;

std::int8_t hashed(std::uint64_t seed, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
  Rng rng(seed * 1000003 + static_cast<std::uint64_t>(((a * 613 + b) * 617 + c) * 619 + d));
  return static_cast<std::int8_t>(rng.next() >> 56U);
}

std::int64_t pick(Rng& rng, std::initializer_list<std::int64_t> values) {
  return values.begin()[rng.uniform(0, static_cast<std::int64_t>(values.size()) - 1)];
}

Kind kind_of(Work work) {
  switch (work) {
    case Work::gemm:
      return Kind::gemm;
    case Work::depthwise:
      return Kind::depthwise;
    case Work::max_pool:
      return Kind::max_pool;
    case Work::average_pool:
      return Kind::average_pool;
    case Work::sum:
    case Work::product:
      return Kind::arithmetic;
    default:
      return Kind::conv;
  }
}

}  // namespace

Trial::Trial(const Spec& spec, Work work, std::uint64_t seed) : spec_(spec), work_(work), seed_(seed) {
  Rng rng(seed);
  net_.layers.resize(2);
  Layer& in = net_.layers[0];
  in.kind = Kind::input;
  Layer& l = layer();
  l.name = "layer";
  l.kind = kind_of(work);
  l.op = work == Work::product ? "mul" : "add";
  l.inputs = {0};
  in.map = {rng.uniform(1, 12), rng.uniform(1, 12), 0};
  const bool plain = work == Work::conv && rng.uniform(0, 2) > 0;
  const std::int64_t unit = plain ? spec.cims : spec.lanes;
  in.map.c = unit * (plain ? rng.uniform(1, 9) : rng.uniform(1, 3));
  l.own = in.map;
  if (work == Work::gemm) {
    l.own.h = rng.uniform(1, 6);
    l.own.w = rng.uniform(1, 9);
    in.map = {l.own.w * l.own.h, 1, in.map.c};
  } else if (l.windowed()) {
    if (work == Work::conv && in.map.c % spec.lanes == 0 && rng.uniform(0, 3) == 0) {
      l.groups = pick(rng, {2, 4, 8});
      l.group_depth = in.map.c / l.groups;
    }
    choose_windowed(rng);
  } else if (work == Work::product) {
    l.broadcast = rng.uniform(0, 1) == 1;
  }
  choose_result(rng);
  choose_pieces(rng);
}

void Trial::choose_windowed(Rng& rng) {
  Layer& l = layer();
  MapShape& in = net_.layers[0].map;
  Window& w = l.window;
  w.kw = pick(rng, {1, 2, 3, 3, 5, 7});
  w.kh = rng.uniform(0, 4) == 0 ? pick(rng, {1, 2, 3, 5}) : w.kw;
  w.stride_w = pick(rng, {1, 1, 2, 3});
  w.stride_h = rng.uniform(0, 4) == 0 ? pick(rng, {1, 2, 3}) : w.stride_w;
  if (in.c % spec_.lanes == 0 && rng.uniform(0, 3) == 0) w.dilation_w = w.dilation_h = 2;
  const bool z_mode = in.c % spec_.lanes == 0;
  if (z_mode && rng.uniform(0, 5) == 0) l.scale_w = l.scale_h = 2;
  if (l.scale_w > 1 && l.pool() == false) l.zero_inserted = rng.uniform(0, 1) == 1;
  const std::int64_t span_w = (w.kw - 1) * w.dilation_w + 1;
  const std::int64_t span_h = (w.kh - 1) * w.dilation_h + 1;
  w.left = rng.uniform(0, std::min(w.kw - 1, in.w * l.scale_w - 1));
  w.top = rng.uniform(0, std::min(w.kh - 1, in.h * l.scale_h - 1));
  const std::int64_t wide = in.w * l.scale_w + 2 * w.left;
  const std::int64_t high = in.h * l.scale_h + 2 * w.top;
  l.own.w = wide < span_w ? 1 : (wide - span_w) / w.stride_w + 1;
  l.own.h = high < span_h ? 1 : (high - span_h) / w.stride_h + 1;
}

void Trial::choose_result(Rng& rng) {
  Layer& l = layer();
  const MapShape& in = net_.layers[0].map;
  if (l.extended()) {
    l.own.c = in.c - rng.uniform(0, 3) * spec_.cims;
    l.filters = in.c;
    l.z_begin = pick(rng, {0, 0, spec_.cims, spec_.lanes, 3});
    l.z_end = l.z_begin + (rng.uniform(0, 1) == 0 ? in.c : l.own.c);
    if (work_ == Work::depthwise) l.filter_bytes = l.window.kw * l.window.kh * in.c;
    if (l.kind == Kind::arithmetic) l.filter_bytes = l.broadcast ? in.c : in.h * in.c;
  } else {
    l.own.c = l.groups * rng.uniform(1, l.groups > 1 ? 9 : 50);
    l.filters = round_up(l.own.c, spec_.cims);
    l.z_begin = pick(rng, {0, 0, 16, 7});
    l.z_end = l.z_begin + l.filters;
    std::int64_t tap_rows = in.c / spec_.lanes;
    if (l.groups > 1) {
      tap_rows = 0;
      for (std::int64_t g = 0; g < filter_groups(spec_, l); ++g) {
        tap_rows = std::max(tap_rows, rows_of_group(spec_, l, in.c, g));
      }
    }
    l.filter_bytes = in.c % spec_.lanes == 0 ? l.window.kw * l.window.kh * tap_rows * spec_.lanes
                                             : l.window.kw * round_up(l.window.kh * in.c, spec_.lanes);
    if (l.kind == Kind::gemm) l.filter_bytes = in.c;
  }
  l.map = l.own;
  l.x_begin = pick(rng, {0, 0, 2});
  l.map.w += l.x_begin;
  l.map.c = l.z_end + rng.uniform(0, 2) * 16;
  l.schedule.reverse_write = rng.uniform(0, 3) == 0;
  l.schedule.outputs = {{kResultBank, {0, l.map.w}, false}};
  l.bias = l.convolution() && rng.uniform(0, 3) > 0;
  shift_ = rng.uniform(0, 12);
  bias_shift_ = rng.uniform(0, 8);
  relu_ = rng.uniform(0, 1);
}

void Trial::choose_pieces(Rng& rng) {
  const std::int64_t width = net_.layers[0].map.w;
  const std::int64_t count = std::min<std::int64_t>(rng.uniform(1, 3), width);
  std::int64_t head = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t tail = i + 1 == count ? width : rng.uniform(head + 1, width - (count - 1 - i));
    pieces_.push_back({(i + rng.uniform(0, 0)) % 3, {head, tail}, false});
    head = tail;
  }
  const std::int64_t columns = layer().own.w * (work_ == Work::gemm ? layer().own.h : 1);
  if (columns > 1 && rng.uniform(0, 2) == 0) split_ = rng.uniform(1, columns - 1);
  control_between_ = rng.uniform(0, 1) == 1;
}

std::string Trial::describe() const {
  const Layer& l = layer();
  const MapShape& in = net_.layers[0].map;
  return fmt::format(
      "seed {} work {} in {}x{}x{} kernel {}x{} stride {}x{} dilation {} pad {},{} scale {}{} groups {} out "
      "{}x{}x{} z {}..{} of {} split {} pieces {}",
      seed_, static_cast<int>(work_), in.w, in.h, in.c, l.window.kw, l.window.kh, l.window.stride_w,
      l.window.stride_h, l.window.dilation_w, l.window.left, l.window.top, l.scale_w,
      l.zero_inserted ? " zeros" : "", l.groups, l.own.w, l.own.h, l.own.c, l.z_begin, l.z_end, l.map.c,
      split_, pieces_.size());
}

// --- data ---

std::int8_t Trial::feature(std::int64_t x, std::int64_t y, std::int64_t c) const {
  return hashed(seed_, 1, x, y, c);
}

std::int8_t Trial::weight(std::int64_t filter, std::int64_t kx, std::int64_t ky, std::int64_t c) const {
  return hashed(seed_ + 77, filter, kx, ky, c);
}

std::int8_t Trial::bias(std::int64_t channel) const { return hashed(seed_, 3, channel, 0, 0); }

void Trial::place_input(program::Storage& storage) const {
  const MapShape& in = net_.layers[0].map;
  for (const auto& piece : pieces_) {
    const auto bytes = storage.bytes(bank_space(piece.bank), 0, spec_.bank_bytes);
    std::size_t at = 0;
    for (std::int64_t x = piece.planes.head; x < piece.planes.tail; ++x) {
      for (std::int64_t y = 0; y < in.h; ++y) {
        for (std::int64_t c = 0; c < in.c; ++c) bytes[at++] = static_cast<std::byte>(feature(x, y, c));
      }
    }
    const std::size_t end = std::min(bytes.size(), at + 64);  // what lies behind must not matter
    for (; at < end; ++at) bytes[at] = std::byte{0x55};
  }
  for (const std::int64_t i : {0, 1}) {
    const auto bytes = storage.bytes(bias_space(spec_, i), 0, spec_.bias_entries);
    for (std::size_t c = 0; c < bytes.size(); ++c) {
      bytes[c] = static_cast<std::byte>(bias(static_cast<std::int64_t>(c)));
    }
  }
}

void Trial::place_weights(program::Storage& storage, std::int64_t group, std::int64_t buffer,
                          std::int64_t base) const {
  const Layer& l = layer();
  const MapShape& in = net_.layers[0].map;
  const auto bytes = storage.bytes(weight_space(spec_, buffer), 0, spec_.weight_buffer_bytes());
  const auto put = [&](std::int64_t at, std::int8_t value) {
    bytes[static_cast<std::size_t>(base + at)] = static_cast<std::byte>(value);
  };
  const std::int64_t cims = l.extended() ? 1 : spec_.cims;
  const std::int64_t per_column = l.filter_bytes / l.window.kw;
  const std::int64_t per_group = l.groups > 1 ? l.own.c / l.groups : 0;
  for (std::int64_t cim = 0; cim < cims; ++cim) {
    const std::int64_t home = cim == 0 ? 0 : spec_.extended_wmem_bytes + (cim - 1) * spec_.wmem_bytes;
    for (std::int64_t i = 0; i < l.filter_bytes; ++i) put(home + i, 0);
    const std::int64_t filter = group * spec_.cims + cim;
    const std::int64_t own = l.groups > 1 ? filter / per_group * l.group_depth : 0;
    std::int64_t lowest = 0;  // of the rows that this group of filters reads
    if (l.groups > 1)
      lowest = std::min(group * spec_.cims, l.own.c - 1) / per_group * l.group_depth / spec_.lanes;
    for (std::int64_t kx = 0; kx < l.window.kw; ++kx) {
      for (std::int64_t ky = 0; ky < l.window.kh; ++ky) {
        for (std::int64_t c = 0; c < in.c; ++c) {
          if (l.groups > 1 && (filter >= l.own.c || c < own || c >= own + l.group_depth)) continue;
          const std::int64_t tap = l.groups > 1 ? per_column / l.window.kh : in.c;
          put(home + kx * per_column + ky * tap + c - lowest * spec_.lanes,
              weight(l.extended() ? 0 : filter, kx, ky, c));
        }
      }
    }
  }
}

void Trial::place_operand(program::Storage& storage, std::int64_t column, std::int64_t buffer) const {
  const MapShape& in = net_.layers[0].map;
  const auto bytes = storage.bytes(weight_space(spec_, buffer), 0, layer().filter_bytes);
  for (std::int64_t i = 0; i < layer().filter_bytes; ++i) {
    bytes[static_cast<std::size_t>(i)] =
        static_cast<std::byte>(weight(0, layer().broadcast ? 0 : column, i / in.c, i % in.c));
  }
}

// --- numbers ---

/// Whether any tap of the pixel lies on an element: without one the pipeline has no cycle for it, and nothing
/// is written (zero-inserted input only).
bool Trial::has_taps(std::int64_t x, std::int64_t y) const {
  const Window& w = layer().window;
  const auto any = [](std::int64_t at, std::int64_t taps, std::int64_t step, std::int64_t extent,
                      std::int64_t scale) {
    for (std::int64_t k = 0; k < taps; ++k, at += step) {
      if (at >= 0 && at < extent && at % scale == 0) return true;
    }
    return false;
  };
  const MapShape& in = net_.layers[0].map;
  const Layer& l = layer();
  return !l.zero_inserted || (any(x * w.stride_w - w.left, w.kw, w.dilation_w, in.w * l.scale_w, l.scale_w) &&
                              any(y * w.stride_h - w.top, w.kh, w.dilation_h, in.h * l.scale_h, l.scale_h));
}

std::int64_t Trial::windowed_sum(std::int64_t x, std::int64_t y, std::int64_t channel) const {
  const Layer& l = layer();
  const MapShape& in = net_.layers[0].map;
  std::int64_t sum = work_ == Work::max_pool ? -128 : 0;
  std::int64_t count = 0;
  for (std::int64_t kx = 0; kx < l.window.kw; ++kx) {
    for (std::int64_t ky = 0; ky < l.window.kh; ++ky) {
      const std::int64_t seen_x = x * l.window.stride_w - l.window.left + kx * l.window.dilation_w;
      const std::int64_t seen_y = y * l.window.stride_h - l.window.top + ky * l.window.dilation_h;
      if (seen_x < 0 || seen_y < 0 || seen_x >= in.w * l.scale_w || seen_y >= in.h * l.scale_h) continue;
      if (l.zero_inserted && (seen_x % l.scale_w != 0 || seen_y % l.scale_h != 0)) continue;
      const std::int64_t at_x = seen_x / l.scale_w;
      const std::int64_t at_y = seen_y / l.scale_h;
      ++count;
      if (l.extended()) {
        const std::int64_t value = feature(at_x, at_y, channel);
        if (work_ == Work::max_pool) sum = std::max(sum, value);
        if (work_ == Work::average_pool) sum += value;
        if (work_ == Work::depthwise) sum += value * weight(0, kx, ky, channel);
        continue;
      }
      const std::int64_t per_group = l.own.c / l.groups;
      const std::int64_t depth = l.groups > 1 ? l.group_depth : in.c;
      const std::int64_t from = l.groups > 1 ? channel / per_group * depth : 0;
      for (std::int64_t c = from; c < from + depth; ++c) {
        sum += std::int64_t{feature(at_x, at_y, c)} * weight(channel, kx, ky, c);
      }
    }
  }
  if (work_ != Work::average_pool) return sum;
  const std::int64_t half = count / 2;
  return (sum >= 0 ? sum + half : sum - half) / count;
}

std::int64_t Trial::value(std::int64_t x, std::int64_t y, std::int64_t channel) const {
  const Layer& l = layer();
  const MapShape& in = net_.layers[0].map;
  std::int64_t sum = 0;
  if (work_ == Work::gemm) {
    for (std::int64_t c = 0; c < in.c; ++c) {
      sum += std::int64_t{feature(x * l.own.h + y, 0, c)} * weight(channel, 0, 0, c);
    }
  } else if (l.windowed()) {
    sum = windowed_sum(x, y, channel);
  } else {
    const std::int64_t a = feature(x, y, channel);
    const std::int64_t b = l.broadcast ? weight(0, 0, 0, channel) : weight(0, x, y, channel);
    sum = work_ == Work::sum ? a + b : a * b;
  }
  if (l.bias) sum += std::int64_t{bias(channel)} * (std::int64_t{1} << bias_shift_);
  if (shift_ > 0) sum = (sum + (std::int64_t{1} << (shift_ - 1))) >> shift_;
  sum = std::clamp<std::int64_t>(sum, -128, 127);
  return relu_ != 0 ? std::max<std::int64_t>(sum, 0) : sum;
}

std::string Trial::compare(program::Storage& storage) const {
  const Layer& l = layer();
  const auto bytes = storage.bytes(bank_space(kResultBank), 0, spec_.bank_bytes);
  for (std::int64_t x = 0; x < l.own.w; ++x) {
    for (std::int64_t y = 0; y < l.own.h; ++y) {
      if (!has_taps(x, y)) continue;
      for (std::int64_t c = 0; c < std::min(l.own.c, l.z_end - l.z_begin); ++c) {
        const std::int64_t plane = l.x_begin + (l.schedule.reverse_write ? l.own.w - 1 - x : x);
        const auto at = static_cast<std::size_t>((plane * l.map.h + y) * l.map.c + l.z_begin + c);
        const auto got = static_cast<std::int8_t>(bytes[at]);
        const std::int64_t want = value(x, y, c);
        if (got != want) return fmt::format("pixel {},{} channel {}: {} instead of {}", x, y, c, got, want);
      }
    }
  }
  return "";
}

// --- commands ---

/// Gives a trial's commands to the twin one by one.
class Runner {
 public:
  Runner(Trial& trial, Bench& bench, const program::Target& target, std::int64_t& commands,
         const Trial::Spoil& spoil)
      : t_(trial), bench_(bench), commands_(commands), spoil_(spoil), rng_(trial.seed_ + 5) {
    program_.target = &target;
  }

  std::string run() {
    t_.place_input(bench_.storage());
    command(kControl, {t_.spec_.control_cycles});
    const std::int64_t columns = t_.layer().own.w * (t_.work_ == Work::gemm ? t_.layer().own.h : 1);
    if (t_.split_ > 0) {
      segment(0, t_.split_ - 1);
      if (t_.control_between_) {
        command(kControl, {t_.spec_.control_cycles});
        loaded_ = {};
        pending_ = std::max<std::int64_t>(0, pending_ - t_.spec_.control_cycles);
      }
    }
    segment(t_.split_, columns - 1);
    drain();
    return !fault_.empty() ? fault_ : t_.compare(bench_.storage());
  }

 private:
  bool by_column() const { return t_.layer().kind == Kind::arithmetic; }

  void segment(std::int64_t first, std::int64_t last) {
    SegmentRows rows(t_.spec_, t_.net_, t_.layer(), t_.pieces_, first, last, loaded_);
    setting_ = segment_setting(t_.spec_, t_.net_, t_.layer(), t_.pieces_, first, last);
    setting_.shift = t_.shift_;
    setting_.bias_shift = t_.bias_shift_;
    setting_.relu = t_.relu_;
    if (spoil_) spoil_(setting_);
    const std::int64_t units = by_column() ? last - first + 1 : filter_groups(t_.spec_, t_.layer());
    for (std::int64_t unit = 0; unit < units && fault_.empty(); ++unit) {
      unit_group_ = by_column() ? 0 : unit;
      unit_first_ = by_column() ? first + unit : first;
      unit_last_ = by_column() ? unit_first_ : last;
      buffer_ = 1 - buffer_;
      // What streams through the weight memory is placed where the first rows of it are in sight only.
      if (by_column()) {
        t_.place_operand(bench_.storage(), unit_first_, buffer_);
      } else if (t_.layer().convolution()) {
        t_.place_weights(bench_.storage(), t_.layer().extended() ? 0 : unit, buffer_, 0);
      }
      run_unit(rows);
    }
    loaded_ = rows.loaded();
  }

  void run_unit(const SegmentRows& rows) {
    const auto row_of = [&](std::int64_t column) {
      return rows.before(column, unit_group_) - rows.before(unit_first_, unit_group_);
    };
    const std::int64_t total = row_of(unit_last_ + 1);
    std::int64_t from = 0;
    while (from < total && fault_.empty()) {
      std::int64_t to = total;
      if (rng_.uniform(0, 2) > 0) to = rng_.uniform(from + 1, total);
      std::int64_t column = unit_first_;
      while (column <= unit_last_ && row_of(column + 1) <= to) ++column;
      const std::int64_t base = rows.before(unit_first_, unit_group_);
      const std::int64_t stalls = rows.write_stalls(unit_group_, base + from, base + to, pending_);
      if (first_pixel_ < 0) first_pixel_ = rows.first_pixel(0);
      command(kCompute, {to - from, stalls, column, column > unit_last_ ? 0 : to - row_of(column)});
      layer_rows_ += to - from + stalls;
      from = to;
    }
  }

  void drain() {
    std::int64_t left = t_.spec_.drain_cycles + std::max<std::int64_t>(0, pending_ - 1);
    const std::int64_t until = first_pixel_ + t_.spec_.bias_stage - 1 - layer_rows_;
    if (t_.layer().bias && until > 0 && first_pixel_ > 0 && !t_.layer().zero_inserted &&
        !(t_.split_ > 0 && t_.control_between_)) {
      command(kDrain, {until, 1});
      left -= until;
    }
    command(kDrain, {left, 0});
  }

  void command(program::OpcodeId opcode, std::initializer_list<std::int64_t> args) {
    if (!fault_.empty()) return;
    program_.commands.assign(1, {});
    program_.regions.clear();
    program_.settings = {to_setting(setting_)};
    program::Command& command = program_.commands.front();
    command.queue = queue_id(Queue::pipeline);
    command.opcode = opcode;
    command.setting = 0;
    std::size_t i = 0;
    for (const std::int64_t arg : args) command.args.at(i++) = static_cast<std::int32_t>(arg);
    region(weight_space(t_.spec_, buffer_), t_.layer().filter_bytes);
    region(bias_space(t_.spec_, 0), t_.spec_.bias_entries);
    ++commands_;
    const std::int64_t want = duration(command).cycles;
    const std::int64_t got = bench_.run(program_, command, 4 * want + 1000);
    if (got == want) return;
    fault_ = fmt::format("command {} ({}): {} edges instead of {} cycles", commands_,
                         program_.target->opcodes[opcode].name, got, want);
  }

  void region(program::SpaceId space, std::int64_t bytes) {
    program::Region region;
    region.space = space;
    region.bytes = bytes;
    program_.regions.push_back(region);
    ++program_.commands.front().region_count;
  }

  Trial& t_;
  Bench& bench_;
  std::int64_t& commands_;
  const Trial::Spoil& spoil_;
  Rng rng_;
  program::Program program_;
  PipelineSetting setting_;
  LoadedRow loaded_;
  std::string fault_;
  std::int64_t unit_group_ = 0, unit_first_ = 0, unit_last_ = 0, buffer_ = 0;
  std::int64_t pending_ = 0, first_pixel_ = -1, layer_rows_ = 0;
};

std::string Trial::run(Bench& bench, const program::Target& target, std::int64_t& commands,
                       const Spoil& spoil) {
  return Runner(*this, bench, target, commands, spoil).run();
}

}  // namespace npusim::midap::test
