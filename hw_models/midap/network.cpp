#include "hw_models/midap/network.h"

#include <algorithm>

namespace npusim::midap {

namespace {

/// floor(a / b) and ceil(a / b) for b > 0 and any a.
std::int64_t floor_of(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
std::int64_t ceil_of(std::int64_t a, std::int64_t b) { return -floor_of(-a, b); }

std::vector<Fragment> cut(const Layer& producer, std::int64_t count, std::int64_t head, std::int64_t end) {
  std::vector<Fragment> fragments;
  const std::int64_t planes = producer.planes_per_bank();
  for (std::int64_t i = 0; i < count && head < end; ++i) {
    const std::int64_t tail = std::min(head + planes, end);
    fragments.push_back({head, tail});
    head = tail;
  }
  return fragments;
}

}  // namespace

MapShape input_shape(const Network& net, const Layer& layer) {
  MapShape shape = net.at(layer.inputs.front()).map;
  shape.w = (shape.w - layer.crop_left - layer.crop_right) * layer.scale_w;
  shape.h *= layer.scale_h;
  return shape;
}

std::vector<Fragment> input_fragments(const Network& net, const Layer& consumer, std::int64_t count,
                                      std::int64_t head, bool overlap) {
  const Layer& producer = net.at(consumer.inputs.front());
  const Window& window = consumer.window;
  head += consumer.crop_left;
  if (overlap && consumer.windowed() && consumer.kind != Kind::gemm && window.kw > 1) {
    head = std::max<std::int64_t>(head * consumer.scale_w - (window.kw - 1) * window.dilation_w, 0);
    head = ceil_of(head - window.left, window.stride_w) * window.stride_w + window.left;
    head = head / consumer.scale_w;
  }
  return cut(producer, count, head, producer.map.w - consumer.crop_right);
}

std::vector<Fragment> output_fragments(const Network& net, const Layer& layer, std::int64_t count,
                                       const Layer* next) {
  const bool reads = next != nullptr && !next->inputs.empty() && &net.at(next->inputs.front()) == &layer;
  const std::int64_t from = reads ? next->crop_left : 0;
  const std::int64_t end = layer.map.w - (reads ? next->crop_right : 0);
  auto fragments = cut(layer, count, from, end);
  if (layer.schedule.reverse_write) std::reverse(fragments.begin(), fragments.end());
  return fragments;
}

std::int64_t output_x(const Network& net, const Layer& layer, const Fragment& fragment, bool more) {
  const bool reverse = layer.schedule.reverse_write;
  const std::int64_t width = layer.map.w;
  const std::int64_t last = input_shape(net, layer).w - 1;
  std::int64_t x = layer.scale_w * (fragment.tail - layer.crop_left) - 1;
  if (x >= last) return reverse ? 0 : width - 1;
  if (layer.pool() && layer.own.w == 1) return 0;
  if (layer.kind == Kind::gemm) {
    x = x / layer.map.h;
  } else if (layer.windowed()) {
    x += layer.window.left;
    if (!more) x -= layer.window.kw - 1;
    x = floor_of(x, layer.window.stride_w);
  }
  x = std::min(x, width - 1);
  return reverse ? width - 1 - x : x;
}

}  // namespace npusim::midap
