// A layer's control sequence from its schedule.
#include <fmt/format.h>

#include <algorithm>

#include "hw_models/midap/schedule.h"

namespace npusim::midap {

std::vector<Step> control_steps(const Network& net, const Layer& layer) {
  const Schedule& p = layer.schedule;
  const Window& window = layer.window;
  const bool windowed = layer.windowed() && layer.kind != Kind::gemm;
  const MapShape in = input_shape(net, layer);
  std::vector<Step> steps;
  std::int64_t loaded = p.initial_inputs;
  std::int64_t processed = 0;
  for (const auto& action : p.actions) {
    if (action.load) {
      for (; loaded < action.upto; ++loaded) steps.push_back({true, -1, loaded, 0, 0});
      continue;
    }
    Step step;
    step.fragment = action.upto;
    const auto& head = p.inputs[static_cast<std::size_t>(processed)].planes;
    const auto& tail = p.inputs[static_cast<std::size_t>(action.upto - 1)].planes;
    step.first_x = std::max<std::int64_t>(0, (head.head - layer.crop_left) * layer.scale_w);
    step.last_x = std::max<std::int64_t>(0, (tail.tail - layer.crop_left) * layer.scale_w - 1);
    if (windowed) {
      const std::int64_t span = (window.kw - 1) * window.dilation_w + 1;
      if (processed == 0) step.first_x -= window.left;
      if (action.upto == static_cast<std::int64_t>(p.inputs.size())) step.last_x += window.right;
      if (action.upto >= loaded) step.last_x -= span - 1;
      const std::int64_t rest = (step.first_x + window.left) % window.stride_w;
      if (rest > 0) step.first_x += window.stride_w - rest;
      step.last_x = std::min(step.last_x, in.w - span + window.right);
    }
    steps.push_back(step);
    for (std::int64_t i = processed; i < action.upto; ++i) {
      if (!p.inputs[static_cast<std::size_t>(i)].refilled) continue;
      std::int64_t x = p.inputs[static_cast<std::size_t>(i + 1)].planes.head;
      if (layer.kind == Kind::gemm) x = ceil_div(x, layer.map.h);
      if (windowed) x = ceil_div(x + window.left, window.stride_w);
      steps.push_back({true, x, loaded++, 0, 0});
    }
    processed = action.upto;
  }
  return steps;
}

std::string to_string(const std::vector<Step>& steps) {
  std::string text;
  for (const auto& step : steps) {
    if (!text.empty()) text += ", ";
    text += step.load ? fmt::format("LOAD {} {}", step.condition, step.fragment)
                      : fmt::format("PROCESS {} {}..{}", step.fragment, step.first_x, step.last_x);
  }
  return text;
}

}  // namespace npusim::midap
