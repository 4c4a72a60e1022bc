#include "hw_models/midap/timeline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "sim/base/error.h"

namespace npusim::midap {

namespace {

constexpr double kForever = std::numeric_limits<double>::max();

/// ceil(a / b), exact where a is a multiple of b.
double ceil_quotient(double a, double b) {
  const double rest = std::fmod(a, b);
  return std::round((a - rest) / b) + (rest != 0 ? 1 : 0);
}

/// Cycles lost to alignment for a tap column of a convolution whose rows cross pixels.
double alignment_loss(const Spec& spec, const Window& window, std::int64_t channels) {
  const auto lanes = spec.lanes;
  const auto quarter = spec.cims;
  if (window.stride_w % 4 == 0) return window.top % 4 == 0 ? 0 : 1;
  const std::int64_t rest = window.kh * channels % lanes;
  const bool odd_quarter = (0 < rest && rest <= quarter) || (rest > 2 * quarter && rest <= 3 * quarter);
  const bool half = rest > quarter && rest <= 2 * quarter;
  if (window.stride_w % 2 == 1) return odd_quarter ? 0.75 : half ? 0.5 : 0;
  if (odd_quarter) return window.top % 2 == 0 ? 0.5 : 1;
  return half && window.top % 2 != 0 ? 1 : 0;
}

std::int64_t channels_in(const Network& net, const Layer& layer) {
  std::int64_t channels = 0;
  for (const LayerId id : layer.inputs) channels += net.at(id).own.c;
  return channels;
}

/// Borders as lists of missing taps: pad, pad - stride, ... while positive.
std::vector<std::int64_t> steps(std::int64_t pad, std::int64_t stride) {
  std::vector<std::int64_t> missing;
  for (; pad > 0; pad -= stride) missing.push_back(pad);
  return missing;
}

/// Inner pixels with all taps, borders with fewer, corners with fewer still.
double conv_cycles(const Spec& spec, const Network& net, const Layer& layer) {
  const Window& window = layer.window;
  const std::int64_t channels = channels_in(net, layer);
  const double loss = window.kw != 1 ? alignment_loss(spec, window, channels) : 0;
  const auto groups = static_cast<double>(ceil_div(layer.own.c, spec.cims));
  const auto count = [&](std::int64_t less_x, std::int64_t less_y, std::int64_t area) {
    const auto rows =
        std::ceil(static_cast<double>((window.kh - less_y) * channels) / static_cast<double>(spec.lanes));
    return std::trunc(static_cast<double>(window.kw - less_x) * (rows + loss) * groups *
                      static_cast<double>(area));
  };
  auto across = steps(window.left, window.stride_w);
  const auto right = steps(window.right, window.stride_w);
  across.insert(across.end(), right.begin(), right.end());
  auto down = steps(window.top, window.stride_w);
  const auto bottom = steps(window.bottom, window.stride_w);
  down.insert(down.end(), bottom.begin(), bottom.end());
  const std::int64_t inner_w = layer.own.w - static_cast<std::int64_t>(across.size());
  const std::int64_t inner_h = layer.own.h - static_cast<std::int64_t>(down.size());
  double cycles = count(0, 0, inner_w * inner_h);
  for (const auto x : across) cycles += count(x, 0, inner_h);
  for (const auto y : down) cycles += count(0, y, inner_w);
  for (const auto x : across) {
    for (const auto y : down) cycles += count(x, y, 1);
  }
  return cycles;
}

/// Taps in the padding, by the borders' widths.
std::int64_t padding_taps(const Layer& layer) {
  const Window& window = layer.window;
  const std::int64_t stride = window.stride_w;
  const auto sum = [stride](std::int64_t pad) {
    std::int64_t total = 0;
    for (std::int64_t d = 0; d < pad; d += stride) total += d + 1;
    return total;
  };
  const std::int64_t down = sum(window.top) + sum(window.bottom);
  const std::int64_t across = sum(window.left) + sum(window.right);
  return down * window.kw * layer.own.h + across * window.kh * layer.own.w - across * down;
}

/// Bytes of a layer's whole input, of a full bank, and of the last one.
struct InputBytes {
  double all = 0, bank = 0, last = 0;
};

InputBytes input_bytes(const Spec& spec, const Network& net, const Layer& layer) {
  InputBytes bytes;
  if (layer.kind == Kind::gemm) {
    const std::int64_t row = spec.padded(layer.window.kw * layer.window.kh * layer.image.c);
    const std::int64_t pixels = layer.own.w * layer.own.h;
    const std::int64_t rows = spec.bank_bytes / row;
    bytes = {static_cast<double>(row * pixels), static_cast<double>(rows * row),
             static_cast<double>(row * (pixels % rows))};
    return bytes;
  }
  const Layer& input = net.at(layer.inputs[0]);
  for (const LayerId id : layer.inputs) bytes.all += static_cast<double>(net.at(id).own.elements());
  bytes.bank = static_cast<double>(input.own.plane() * input.planes_per_bank());
  bytes.last = static_cast<double>(input.own.plane() * (layer.own.w % input.planes_per_bank()));
  return bytes;
}

/// Cycles of a fragment and a filter group: of a full bank, and of the last.
struct Unit {
  double full = 0, last = 0;
  std::int64_t groups = 1;
};

double group_bytes(const Spec& spec, const Layer& layer) {
  const auto whole = static_cast<double>(layer.weight_bytes());
  if (layer.kind == Kind::depthwise) return whole;
  return whole / static_cast<double>(layer.own.c) * static_cast<double>(spec.cims);
}

Unit compute_unit(const Spec& spec, const Network& net, const Layer& layer) {
  Unit unit;
  if (layer.convolution() && layer.kind != Kind::depthwise) {
    const auto whole = static_cast<double>(layer.weight_bytes());
    unit.groups = static_cast<std::int64_t>(ceil_quotient(whole, group_bytes(spec, layer)));
  }
  const double cycles = estimated_cycles(spec, net, layer);
  const InputBytes bytes = input_bytes(spec, net, layer);
  unit.full = std::ceil(cycles * (bytes.bank / bytes.all));
  unit.last = bytes.last != 0 ? std::ceil(cycles * (bytes.last / bytes.all)) : unit.full;
  unit.full /= static_cast<double>(unit.groups);
  unit.last /= static_cast<double>(unit.groups);
  return unit;
}

/// Cycles of a layer's last segment.
double last_segment(const Spec& spec, const Network& net, const Layer& layer) {
  const Unit unit = compute_unit(spec, net, layer);
  const auto& actions = layer.schedule.actions;
  std::int64_t before = 0;
  for (auto action = actions.rbegin() + 1; action != actions.rend() && before == 0; ++action) {
    if (!action->load) before = action->upto;
  }
  return static_cast<double>(actions.back().upto - before - 1) * unit.full + unit.last;
}

}  // namespace

double estimated_cycles(const Spec& spec, const Network& net, const Layer& layer) {
  const auto pixels = layer.own.w * layer.own.h;
  switch (layer.kind) {
    case Kind::conv:
      return conv_cycles(spec, net, layer);
    case Kind::gemm:
      return static_cast<double>(ceil_div(layer.window.kw * layer.window.kh * layer.image.c, spec.lanes) *
                                 ceil_div(layer.own.c, spec.cims) * pixels);
    case Kind::depthwise:
    case Kind::max_pool:
    case Kind::average_pool: {
      const std::int64_t groups = ceil_div(layer.own.c, spec.lanes);
      return static_cast<double>(groups * (layer.window.kw * layer.window.kh * pixels - padding_taps(layer)));
    }
    default:
      return 0;
  }
}

TimeLine::TimeLine(const Spec& spec, const Network& net, const Layer& layer, const Layer* previous)
    : spec_(&spec), layer_(&layer) {
  if (!layer.windowed()) return;
  const auto rate = static_cast<double>(spec.dma_rate);
  const InputBytes bytes = input_bytes(spec, net, layer);
  fragment_cycles_ = ceil_quotient(bytes.bank, rate);
  last_fragment_cycles_ = bytes.last != 0 ? ceil_quotient(bytes.last, rate) : fragment_cycles_;
  const Unit unit = compute_unit(spec, net, layer);
  compute_ = unit.full;
  last_compute_ = unit.last;
  filter_groups_ = unit.groups;
  if (!layer.convolution()) return;
  filter_bytes_ = group_bytes(spec, layer);
  filter_cycles_ = ceil_quotient(filter_bytes_, rate);
  groups_in_all_ = layer.kind == Kind::depthwise ? 1 : layer.filters / spec.cims;
  request_filter(previous != nullptr ? -last_segment(spec, net, *previous) : 0);
  if (layer.kind != Kind::depthwise) request_filter(0);
  if (layer.kind == Kind::depthwise) bus_ = std::max(bus_, 0.0);
}

double TimeLine::latency(double bytes) const {
  const auto& model = spec_->latency;
  return model.cas + model.page_delay * std::floor(bytes / static_cast<double>(model.page_bytes)) +
         model.refresh_delay * std::ceil(bytes / static_cast<double>(model.refresh_period));
}

std::size_t TimeLine::next_request() const {
  const auto key = [](const Request& r) { return std::make_tuple(r.ready, r.feature, r.number); };
  return static_cast<std::size_t>(
      std::min_element(requests_.begin(), requests_.end(),
                       [&](const Request& a, const Request& b) { return key(a) < key(b); }) -
      requests_.begin());
}

std::size_t TimeLine::next_filter() const {
  std::size_t best = requests_.size();
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (!requests_[i].feature && (best == requests_.size() || requests_[i].number < requests_[best].number))
      best = i;
  }
  return best;
}

void TimeLine::request_filter(double now) {
  ++filters_asked_;
  if (layer_->weights_fetched_once() && filters_asked_ > groups_in_all_) return;
  bus_ = std::min(bus_, now);
  advance(now);
  Request request;
  request.ready = request.asked = std::trunc(now + latency(filter_bytes_));
  request.number = ++numbers_;
  request.filter = filters_asked_;
  request.cycles = filter_cycles_;
  requests_.push_back(request);
}

void TimeLine::load(const std::vector<Fragment>& fragments, bool last) {
  if (!layer_->windowed() || fragments.empty()) return;
  now_ += 1;
  advance(now_);
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    Request request;
    request.feature = true;
    request.cycles = last && i + 1 == fragments.size() ? last_fragment_cycles_ : fragment_cycles_;
    request.ready = std::trunc(now_ + latency(request.cycles * static_cast<double>(spec_->dma_rate)));
    for (const auto& other : requests_) {
      if (other.feature) request.ready = std::max(request.ready, other.ready);
    }
    request.number = ++numbers_;
    request.fragment = fragments[i];
    requests_.push_back(request);
  }
}

/// The bus up to `now`: requests by readiness, filters cutting into features.
void TimeLine::advance(double now) {
  double time = bus_;
  while (time < now && !requests_.empty()) {
    const std::size_t first = next_request();
    Request& request = requests_[first];
    const double start = std::max(time, request.ready);
    time = start + request.cycles;
    const std::size_t filter = next_filter();
    const bool waiting = filter != requests_.size();
    const bool unfinished = time > now;
    if (unfinished && (!request.feature || !waiting || requests_[filter].asked > now)) {
      request.cycles -= std::max(now - start, 0.0);
      time = now;
      break;
    }
    if (request.feature && waiting && time > requests_[filter].asked) {
      const double done = std::max(requests_[filter].asked - start, 0.0);
      request.cycles -= done;
      requests_[filter].ready = request.ready;
      time = start + done;
      continue;
    }
    if (request.feature) {
      valid_fragments_.push_back({request.fragment, time});
    } else {
      valid_filters_.emplace_back(request.filter, time);
    }
    requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(first));
  }
  bus_ = time;
}

double TimeLine::filter_delay(double now, std::int64_t filter) {
  if (!layer_->convolution()) return 0;
  advance(now);
  const auto asked = [filter](const Request& r) { return !r.feature && r.filter == filter; };
  if (std::none_of(requests_.begin(), requests_.end(), asked)) return 0;
  TimeLine copy = *this;
  copy.advance(kForever);
  for (const auto& valid : copy.valid_filters_) {
    if (valid.first == filter) return std::max(valid.second - now, 0.0);
  }
  throw InternalError("a filter is never loaded");
}

double TimeLine::fragment_delay(double now, const Fragment& fragment) {
  advance(now);
  const auto asked = [&](const Request& r) { return r.feature && r.fragment == fragment; };
  if (std::none_of(requests_.begin(), requests_.end(), asked)) return 0;
  TimeLine copy = *this;
  copy.advance(kForever);
  for (auto valid = copy.valid_fragments_.rbegin(); valid != copy.valid_fragments_.rend(); ++valid) {
    if (valid->fragment == fragment) return std::max(valid->at - now, 0.0);
  }
  throw InternalError("a fragment is never loaded");
}

double TimeLine::segment(double now, const std::vector<Fragment>& fragments, bool last) {
  const auto pass = [&](bool wait) {
    for (std::size_t i = 0; i < fragments.size(); ++i) {
      const double delay = wait ? fragment_delay(now, fragments[i]) : 0;
      now += delay;
      waited_ += delay;
      now += last && i + 1 == fragments.size() ? last_compute_ : compute_;
    }
  };
  const auto wait_filter = [&] {
    const double delay = filter_delay(now, ++filters_used_);
    now += delay;
    waited_ += delay;
  };
  wait_filter();
  pass(true);
  if (!layer_->convolution() || layer_->kind == Kind::depthwise) return now;
  request_filter(now);
  for (std::int64_t group = 1; group < filter_groups_; ++group) {
    wait_filter();
    pass(false);
    request_filter(now);
  }
  return now;
}

std::int64_t TimeLine::best_segment(const std::vector<Fragment>& fragments, std::int64_t most,
                                    bool last) const {
  most = std::min(most, static_cast<std::int64_t>(fragments.size()));
  if (!layer_->windowed() || (layer_->pool() && layer_->own.w * layer_->own.h == 1)) return most;
  if (layer_->pool()) return 1;
  if (layer_->kind == Kind::depthwise) most = 1;
  std::int64_t best = 0;
  double least = kForever;
  for (std::int64_t count = most; count >= 1; --count) {
    const auto size = std::min(static_cast<std::size_t>(count), fragments.size());
    const std::vector<Fragment> front(fragments.begin(),
                                      fragments.begin() + static_cast<std::ptrdiff_t>(size));
    TimeLine copy = *this;
    copy.waited_ = 0;
    if (last && count == most - 1) {
      const double then = copy.segment(now_, front, false);
      copy.segment(then, {fragments.back()}, true);
    } else {
      copy.segment(now_, front, last && count == most);
    }
    if (copy.waited_ < least) {
      best = count;
      least = copy.waited_;
    }
    if (least == 0) break;
  }
  return best;
}

void TimeLine::process(const std::vector<Fragment>& fragments, bool last) {
  if (!layer_->windowed()) return;
  now_ = segment(now_ + 1, fragments, last);
}

}  // namespace npusim::midap
