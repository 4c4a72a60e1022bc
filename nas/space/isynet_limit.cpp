#include "nas/space/isynet_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "nas/space/random.h"
#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::space {

using zoo::Edge;
using zoo::ISyNetStage;

namespace {

constexpr std::int64_t kBuckets = 2048, kBucketsOfTwo = 64;
constexpr std::size_t kTrials = 500;
constexpr std::int64_t kImageChannels = 3, kHead = 1280, kClasses = 1000;

/// A convolution, and behind a pair's second and behind all others a BatchNorm of two numbers a channel.
IsynetSize edge_size(Edge edge, std::int64_t in, std::int64_t out, std::int64_t side, std::int64_t stride) {
  const std::int64_t k = zoo::kernel_of(edge), after = ceil_div(side, stride);
  if (!zoo::is_pair(edge)) return {after * after * in * out * k * k, in * out * k * k + 2 * out};
  return {after * side * in * out * k + after * after * out * out * k, (in + out) * out * k + 2 * out};
}

std::size_t last_edge(const std::array<Edge, 4>& edges) {
  std::size_t last = edges.size() - 1;
  while (last > 0 && edges[last] == Edge::identity) --last;
  return last;
}

IsynetSize block_size(const ISyNetStage& stage, std::int64_t in, std::int64_t side, bool first) {
  IsynetSize sum;
  std::int64_t channels = in;
  const std::size_t last = last_edge(stage.edges);
  for (std::size_t i = 0; i <= last; ++i) {
    if (stage.edges[i] == Edge::identity) continue;
    const std::int64_t made = i == last ? stage.out : stage.out * stage.expansion;
    const std::int64_t stride = first && i == 0 ? 2 : 1;
    sum += edge_size(stage.edges[i], channels, made, side, stride);
    channels = made;
    side = ceil_div(side, stride);
  }
  return sum;
}

/// The linear layer, which all networks have.
constexpr IsynetSize kDense{kHead * kClasses, (kHead + 1) * kClasses};

IsynetSize head_size(std::int64_t channels, std::int64_t side) {
  return edge_size(Edge::conv1, channels, kHead, side, 1);
}

/// The image's side before a stage (or before the head).
std::int64_t side_before(std::int64_t side, std::size_t stage) {
  for (; stage > 0; --stage) side = ceil_div(side, 2);
  return side;
}

/// Channels before a stage, which for the first are the image's.
std::int64_t channels_before(std::size_t stage, std::size_t in) {
  return stage == 0 ? kImageChannels : isynet_width(stage - 1, in);
}

/// Networks that differ only in LA (of two edges or more) and SK (of two blocks or more).
double variants(std::size_t edges, std::int64_t blocks) {
  return (edges > 1 ? 2.0 : 1.0) * (blocks > 1 ? 2.0 : 1.0);
}

/// The narrowest networks of one 1x1 convolution a stage, by their stages: nothing is smaller.
std::vector<IsynetSize> least_sizes(std::int64_t side) {
  std::vector<IsynetSize> sizes;
  std::vector<ISyNetStage> stages;
  for (std::size_t s = 0; s < kIsynetStages; ++s) {
    stages.push_back({{Edge::conv1, Edge::identity, Edge::identity, Edge::identity}, isynet_width(s, 0)});
    sizes.push_back(isynet_size(stages, side));
  }
  return sizes;
}

/// How many blocks of a stage make `size` fall into [low, low + unit).
struct Range {
  std::int64_t from = 1, to = kIsynetMostBlocks;
  void narrow(std::int64_t first, std::int64_t later, std::int64_t low, std::int64_t unit) {
    const std::int64_t high = low + unit - 1;
    if (first > high) {
      to = 0;
      return;
    }
    from = std::max(from, 1 + ceil_div(std::max<std::int64_t>(0, low - first), later));
    to = std::min(to, 1 + (high - first) / later);
  }
};

}  // namespace

IsynetSize& IsynetSize::operator+=(const IsynetSize& other) {
  macs += other.macs;
  parameters += other.parameters;
  return *this;
}

std::int64_t isynet_width(std::size_t stage, std::size_t ci) { return std::int64_t{1} << (4 + stage + ci); }

IsynetSize isynet_size(const std::vector<ISyNetStage>& stages, std::int64_t side) {
  IsynetSize sum;
  std::int64_t channels = kImageChannels;
  for (const ISyNetStage& stage : stages) {
    sum += block_size(stage, channels, side, true);
    side = ceil_div(side, 2);
    channels = stage.out;
    sum += (stage.blocks - 1) * block_size(stage, channels, side, false);
  }
  sum += head_size(channels, side);
  return sum += kDense;
}

void IsynetLimit::expect_networks(const IsynetSize& limit, std::int64_t side) {
  const std::vector<IsynetSize> least = least_sizes(side);
  if (std::any_of(least.begin(), least.end(), [&](const IsynetSize& one) { return one.within(limit); }))
    return;
  std::string sizes;
  for (const IsynetSize& one : least) {
    sizes += fmt::format("{}{:.4g} G and {:.4g} M", sizes.empty() ? "" : ", ",
                         static_cast<double>(one.macs) * 1e-9, static_cast<double>(one.parameters) * 1e-6);
  }
  throw UserError(
      fmt::format("no network of isynet for an image of {}x{} is within the limit; MACs and parameters of "
                  "the smallest of 1 "
                  "to {} stages: {}",
                  side, side, kIsynetStages, sizes));
}

IsynetLimit::IsynetLimit(const IsynetSize& limit, std::int64_t side) : limit_(limit), side_(side) {
  expect_networks(limit_, side_);
  const bool two = limit_.parameters != kNoLimit;
  free_ = {limit_.macs - kDense.macs, two ? limit_.parameters - kDense.parameters : kNoLimit};
  unit_ = {ceil_div(free_.macs, two ? kBucketsOfTwo : kBuckets),
           two ? ceil_div(free_.parameters, kBucketsOfTwo) : kNoLimit};
  full_ = bucket({free_.macs, two ? free_.parameters : 0});
  cells_ = (full_.macs + 1) * (full_.parameters + 1);
  list_shapes();
  steps_.resize(kIsynetStages * kIsynetWidths * kIsynetWidths);
  ends_.resize((kIsynetStages + 1) * kIsynetWidths * cells_);
  for (std::size_t s = kIsynetStages + 1; s-- > 0;) {
    for (std::size_t in = 0; in < (s == 0 ? 1 : kIsynetWidths); ++in) {
      for (std::size_t out = 0; s < kIsynetStages && out < kIsynetWidths; ++out) add_step(s, in, out);
      count_ends(s, in);
    }
  }
  measure();
}

IsynetLimit::Budget IsynetLimit::bucket(const IsynetSize& size) const {
  return {static_cast<std::size_t>(size.macs / unit_.macs),
          static_cast<std::size_t>(size.parameters / unit_.parameters)};
}

void IsynetLimit::list_shapes() {
  for (std::size_t used = 1; used <= 4; ++used) {
    std::size_t all = 1;
    for (std::size_t i = 0; i < used; ++i) all *= kIsynetEdges;
    for (std::size_t number = 0; number < all; ++number) {
      Shape shape;
      shape.used = used;
      shape.edges.fill(Edge::identity);
      std::size_t left = number;
      for (std::size_t i = 0; i < used; ++i, left /= kIsynetEdges) {
        shape.edges[i] = static_cast<Edge>(left % kIsynetEdges);
      }
      // Behind one edge there is nothing to expand.
      for (shape.expansion = 1; shape.expansion <= (used == 1 ? 1 : kIsynetMostExpansion);
           ++shape.expansion) {
        shapes_.push_back(shape);
      }
    }
  }
}

void IsynetLimit::add_step(std::size_t stage, std::size_t in, std::size_t out) {
  Step& step = steps_[(stage * kIsynetWidths + in) * kIsynetWidths + out];
  step.networks.assign(cells_, 0);
  const std::int64_t before = channels_before(stage, in), width = isynet_width(stage, out);
  const std::int64_t side = side_before(side_, stage), after = ceil_div(side, 2);
  for (const Shape& shape : shapes_) {
    const ISyNetStage block{shape.edges, width, 1, shape.expansion};
    const Cost cost{block_size(block, before, side, true), block_size(block, width, after, false)};
    step.costs.push_back(cost);
    for (std::int64_t blocks = 1; blocks <= kIsynetMostBlocks; ++blocks) {
      IsynetSize size = cost.first;
      size += (blocks - 1) * cost.later;
      if (!size.within(free_)) break;
      step.networks[index(bucket(size))] += variants(shape.used, blocks);
    }
  }
}

bool IsynetLimit::may_stop(std::size_t stage, std::size_t in, const Budget& left) const {
  const Budget head = bucket(head_size(channels_before(stage, in), side_before(side_, stage)));
  return stage > 0 && head.macs <= left.macs && head.parameters <= left.parameters;
}

/// Networks whose next stage ends in the width `out`.
double IsynetLimit::through(std::size_t stage, std::size_t in, std::size_t out, const Budget& left) const {
  const std::vector<double>& networks = step(stage, in, out).networks;
  double sum = 0;
  for (Budget spent; spent.macs <= left.macs; ++spent.macs) {
    for (spent.parameters = 0; spent.parameters <= left.parameters; ++spent.parameters) {
      const Budget rest{left.macs - spent.macs, left.parameters - spent.parameters};
      sum += networks[index(spent)] * ends_[place(stage + 1, out, rest)];
    }
  }
  return sum;
}

void IsynetLimit::count_ends(std::size_t stage, std::size_t in) {
  for (Budget left; left.macs <= full_.macs; ++left.macs) {
    for (left.parameters = 0; left.parameters <= full_.parameters; ++left.parameters) {
      double sum = may_stop(stage, in, left) ? 1 : 0;
      for (std::size_t out = 0; stage < kIsynetStages && out < kIsynetWidths; ++out) {
        sum += through(stage, in, out, left);
      }
      ends_[place(stage, in, left)] = sum;
    }
  }
}

/// A stage of that step whose size lies in the bucket, each with the same probability.
ISyNetStage IsynetLimit::any_stage(Rng& rng, const Step& step, const Budget& spent) const {
  double left = uniform_unit(rng) * step.networks[index(spent)];
  ISyNetStage stage{};
  // The last candidate stands where rounding leaves nothing.
  for (std::size_t i = 0; i < shapes_.size() && left >= 0; ++i) {
    const auto& [first, later] = step.costs[i];
    Range blocks;
    blocks.narrow(first.macs, later.macs, static_cast<std::int64_t>(spent.macs) * unit_.macs, unit_.macs);
    blocks.narrow(first.parameters, later.parameters,
                  static_cast<std::int64_t>(spent.parameters) * unit_.parameters, unit_.parameters);
    for (std::int64_t n = blocks.from; n <= blocks.to && left >= 0; ++n) {
      left -= variants(shapes_[i].used, n);
      stage = {shapes_[i].edges, 0, n, shapes_[i].expansion};
    }
  }
  const std::size_t last = last_edge(stage.edges);
  stage.skip = stage.blocks > 1 && rng.uniform(0, 1) == 1;
  if (last > 0 && rng.uniform(0, 1) == 1) {
    std::swap(stage.edges[last], stage.edges[3]);
    stage.last_relu = false;
  }
  return stage;
}

IsynetLimit::Budget IsynetLimit::any_budget(Rng& rng, std::size_t stage, std::size_t in, std::size_t out,
                                            const Budget& left) const {
  const std::vector<double>& networks = step(stage, in, out).networks;
  std::vector<Budget> budgets;
  std::vector<double> weights;
  for (Budget spent; spent.macs <= left.macs; ++spent.macs) {
    for (spent.parameters = 0; spent.parameters <= left.parameters; ++spent.parameters) {
      if (networks[index(spent)] == 0) continue;
      const Budget rest{left.macs - spent.macs, left.parameters - spent.parameters};
      budgets.push_back(spent);
      weights.push_back(networks[index(spent)] * ends_[place(stage + 1, out, rest)]);
    }
  }
  return budgets[pick_weighted(rng, weights)];
}

std::vector<ISyNetStage> IsynetLimit::propose(Rng& rng) const {
  std::vector<ISyNetStage> stages;
  Budget left = full_;
  for (std::size_t s = 0, in = 0;; ++s) {
    std::vector<double> weights{may_stop(s, in, left) ? 1.0 : 0.0};
    for (std::size_t out = 0; s < kIsynetStages && out < kIsynetWidths; ++out) {
      weights.push_back(through(s, in, out, left));
    }
    const std::size_t drawn = pick_weighted(rng, weights);
    if (drawn == 0) return stages;
    const std::size_t out = drawn - 1;
    const Budget spent = any_budget(rng, s, in, out, left);
    stages.push_back(any_stage(rng, step(s, in, out), spent));
    stages.back().out = isynet_width(s, out);
    in = out;
    left = {left.macs - spent.macs, left.parameters - spent.parameters};
  }
}

std::vector<ISyNetStage> IsynetLimit::sample(Rng& rng) const {
  for (;;) {
    std::vector<ISyNetStage> stages = propose(rng);
    if (isynet_size(stages, side_).within(limit_)) return stages;
  }
}

void IsynetLimit::measure() {
  Rng rng(1);
  std::size_t within = 0;
  std::int64_t most = 0;
  for (std::size_t i = 0; i < kTrials; ++i) {
    std::vector<ISyNetStage> stages = propose(rng);
    const IsynetSize size = isynet_size(stages, side_);
    if (!size.within(limit_)) continue;
    ++within;
    if (size.macs > most) {
      most = size.macs;
      largest_ = std::move(stages);
    }
  }
  if (within == 0) largest_ = sample(rng);
  count_ = ends_[place(0, 0, full_)] * static_cast<double>(within) / static_cast<double>(kTrials);
}

}  // namespace npusim::space
