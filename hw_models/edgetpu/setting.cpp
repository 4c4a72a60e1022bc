#include "hw_models/edgetpu/setting.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/place.h"

namespace npusim::edgetpu {

namespace {

/// Inputs of a dot product for which numbers are modelled: a row of weights then has a row of biases' bytes.
constexpr std::int64_t kDot = 4;

struct Place {
  std::int64_t address = 0, width = 0;
};

Place place_of(const Spec& spec, const Network& net, MapId id) {
  std::int64_t channel = 0;
  const Map& home = net.map(net.home_of(id, &channel));
  return {home.address + channel, home_bytes(spec, home) / home_positions(spec, home)};
}

Work function_of(const Network& net, const Phase& phase) {
  constexpr std::pair<std::string_view, Work> kFunctions[] = {{"add", Work::add},
                                                              {"sub", Work::subtract},
                                                              {"mul", Work::multiply},
                                                              {"min", Work::minimum},
                                                              {"max", Work::maximum}};
  const Shape& out = net.map(phase.output).shape;
  const bool alike =
      phase.inputs.size() == 2 && std::all_of(phase.inputs.begin(), phase.inputs.end(), [&](MapId id) {
        const Shape& in = net.map(id).shape;
        return in.h == out.h && in.w == out.w && in.c == out.c;
      });
  for (const auto& [name, work] : kFunctions) {
    if (alike && phase.op == name) return work;
  }
  return Work::count;
}

Work work_of(const Spec& spec, const Network& net, const Phase& phase) {
  const auto wide = [&](MapId id) { return net.map(net.home_of(id)).wide; };
  const bool counted = phase.bands > 1 || phase.kernels > 1 || !phase.plain || spec.dot != kDot ||
                       wide(phase.output) || std::any_of(phase.inputs.begin(), phase.inputs.end(), wide);
  if (counted) return Work::count;
  switch (phase.kind) {
    case Kind::input:
      return Work::input;
    case Kind::conv:
      return Work::conv;
    case Kind::depthwise:
      return Work::depthwise;
    case Kind::fc:
      return phase.streamed ? Work::count : Work::product;
    case Kind::max_pool:
      return Work::max_pool;
    case Kind::average_pool:
      return Work::average_pool;
    case Kind::eltwise:
      return function_of(net, phase);
    case Kind::host:
      break;
  }
  return Work::count;
}

void set_maps(const Spec& spec, const Network& net, const Phase& phase, PhaseSetting& s) {
  const Shape& out = net.map(phase.output).shape;
  const Place result = place_of(spec, net, phase.output);
  s.out_h = phase.bands > 1 ? phase.band_rows : out.h;
  s.out_w = out.w;
  s.out_c = out.c;
  s.out_address = result.address;
  s.out_width = result.width;
  if (phase.inputs.empty()) return;
  const Shape& in = net.map(phase.inputs[0]).shape;
  const Place operand = place_of(spec, net, phase.inputs[0]);
  s.in_h = phase.bands > 1 ? std::min(in.h, rows_needed(phase, phase.band_rows)) : in.h;
  s.in_w = in.w;
  s.in_c = in.c;
  s.in_address = operand.address;
  s.in_width = operand.width;
  if (phase.inputs.size() < 2) return;
  const Place other = place_of(spec, net, phase.inputs[1]);
  s.other_address = other.address;
  s.other_width = other.width;
}

void set_window(const Phase& phase, PhaseSetting& s) {
  const Window& w = phase.window;
  s.kh = w.kh, s.kw = w.kw;
  s.stride_h = w.stride_h, s.stride_w = w.stride_w;
  s.dilation_h = w.dilation_h, s.dilation_w = w.dilation_w;
  s.top = w.top, s.left = w.left;
  s.kernels = phase.kernels;
  if (phase.kernels == 1) return;
  // A sub-kernel of a transposed convolution steps through the input once every few outputs.
  s.kh = ceil_div(w.kh, w.stride_h), s.kw = ceil_div(w.kw, w.stride_w);
  s.stride_h = s.stride_w = 1;
  s.top = s.left = 0;
  s.out_h = s.in_h, s.out_w = s.in_w;
}

void set_borders(const Spec& spec, const Network& net, const Phase& phase, PhaseSetting& s) {
  const Halo halo = halo_of(spec, net, phase);
  if (halo.positions == 0) return;
  if (phase.halo_address == kNone) s.work = Work::count;
  s.border_address = std::max<std::int64_t>(phase.halo_address, 0);
  s.above = halo.above, s.below = halo.below;
  s.before = halo.before, s.behind = halo.behind;
  s.border_rows = halo.rows;
}

void set_numbers(const Network& net, const Phase& phase, PhaseSetting& s) {
  const auto exponent = [&](std::size_t i) {
    return i < phase.inputs.size() ? net.map(phase.inputs[i]).exponent : 0;
  };
  s.in_exponent = exponent(0);
  s.other_exponent = exponent(1);
  s.out_exponent = net.map(phase.output).exponent;
  s.low = phase.low;
  s.high = phase.high;
  s.divisor = phase.divisor;
  const bool weighs = phase.kind == Kind::conv || phase.kind == Kind::depthwise || phase.kind == Kind::fc;
  if (weighs) s.shift = s.out_exponent - s.in_exponent - phase.weights_exponent;
}

}  // namespace

PhaseSetting map_setting(const Spec& spec, const Network& net, MapId map) {
  PhaseSetting s;
  const Place place = place_of(spec, net, map);
  const Shape& shape = net.map(map).shape;
  s.in_h = s.out_h = shape.h;
  s.in_w = s.out_w = shape.w;
  s.in_c = s.out_c = shape.c;
  s.in_address = s.out_address = place.address;
  s.in_width = s.out_width = place.width;
  return s;
}

PhaseSetting setting_of(const Spec& spec, const Network& net, const Phase& phase) {
  PhaseSetting s;
  s.work = work_of(spec, net, phase);
  set_maps(spec, net, phase, s);
  set_window(phase, s);
  set_borders(spec, net, phase, s);
  s.gathered = phase.kind == Kind::fc || gathers(net, phase) ? 1 : 0;
  s.word_steps = phase.word_steps;
  set_numbers(net, phase, s);
  if (phase.kind == Kind::conv) {
    const Fills fills = fills_of(spec, net, phase);
    s.fill_rows = fills.rows;
    s.fills = fills.per_group;
    s.buffers = fills.buffers;
    s.sums_address = spec.wide_bytes - fills.buffers * (fills.rows + 1) * spec.row_bytes() -
                     run_positions(spec, net, phase) * spec.row_bytes();
  } else if (phase.kind == Kind::depthwise) {
    s.fill_rows = phase.window.taps();
    s.buffers = 2;
  }
  if (phase.kind == Kind::conv || phase.kind == Kind::fc) s.outputs = stored_outputs(spec, net, phase);
  return s;
}

}  // namespace npusim::edgetpu
