// Which bytes of an operand a tile needs: the ranges found run by run against a walk over all elements.
#include <algorithm>
#include <set>

#include "hw_models/ascend310/spec.h"
#include "hw_models/ascend310/stream_setting.h"
#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::ascend310;

namespace {

std::int64_t product(const std::vector<std::int64_t>& values) {
  std::int64_t out = 1;
  for (const auto value : values) out *= value;
  return out;
}

AxisMap stepping(std::int64_t step) {
  AxisMap axis;
  axis.step = step;
  return axis;
}

/// A tensor of these four dimensions in a random order, of a random type.
Order random_order(Rng& rng, const std::vector<std::int64_t>& shape) {
  Order order;
  order.elements = product(shape);
  order.dtype = rng.uniform(0, 1) == 0 ? ir::DType::f16 : ir::DType::i8;
  order.kind = static_cast<Order::Kind>(rng.uniform(0, 2));
  if (order.kind == Order::Kind::plain) return order;
  const std::int64_t c0 = kBlock / order.element_bytes();
  if (order.kind == Order::Kind::image) {
    order.shape = block_shape(shape, c0);
  } else {
    order.shape = {shape[0] * shape[1], shape[3], 1, shape[2], (shape[3] + c0 - 1) / c0};
  }
  return order;
}

/// A random slice, transposition, broadcast, gather or resize of a tensor of shape `in`.
StreamInput random_input(Rng& rng, const std::vector<std::int64_t>& in, std::vector<std::int64_t>& axes) {
  StreamInput input;
  input.order = random_order(rng, in);
  std::vector<std::size_t> from = {0, 1, 2, 3};
  if (rng.uniform(0, 2) == 0) std::swap(from[1], from[static_cast<std::size_t>(rng.uniform(2, 3))]);
  for (const std::size_t d : from) {
    const std::int64_t stride = product({in.begin() + static_cast<std::ptrdiff_t>(d) + 1, in.end()});
    AxisMap axis;
    std::int64_t extent = in[d];
    switch (rng.uniform(0, 6)) {
      case 0: {  // a piece between other operands' (concatenation, padding)
        const std::int64_t before = rng.uniform(0, 5);
        extent += before + rng.uniform(0, 5);
        axis.step = stride;
        axis.lo = before;
        axis.hi = before + in[d];
        input.offset -= before * stride;
        break;
      }
      case 1:  // every second element, backwards
        extent = (in[d] + 1) / 2;
        axis.step = -2 * stride;
        input.offset += (in[d] - 1) * stride;
        break;
      case 2:  // a gather, with holes
        extent = rng.uniform(1, 9);
        for (std::int64_t i = 0; i < extent; ++i) {
          axis.table.push_back(rng.uniform(0, 4) == 0 ? -1 : rng.uniform(0, in[d] - 1) * stride);
        }
        break;
      case 3:  // two taps
        extent = rng.uniform(1, 9);
        axis.taps = 2;
        for (std::int64_t i = 0; i < 2 * extent; ++i) {
          axis.table.push_back(rng.uniform(0, in[d] - 1) * stride);
          axis.weights.push_back(0.5);
        }
        break;
      case 4:  // a broadcast
        extent = rng.uniform(1, 5);
        break;
      default:
        axis.step = stride;
    }
    axes.push_back(extent);
    input.axes.push_back(axis);
  }
  return input;
}

/// The ranges by definition: element by element of the tile.
std::vector<ByteRange> walked(const StreamSetting& setting, const StreamTile& tile) {
  const StreamInput& input = setting.inputs[0];
  std::set<std::int64_t> units;
  const bool reduces = setting.kind == StreamSetting::Kind::reduce;
  const ByteRange part = reduced_part(setting, tile);
  for (const auto& range : tile_ranges(setting.out, tile)) {
    for (std::int64_t at = range.from; at < range.to; at += setting.out.element_bytes()) {
      const std::int64_t flat = setting.out.element(at);
      if (flat < 0) continue;
      for_each_tap(setting, input, flat, [&](std::int64_t element, double) {
        for (std::int64_t r = part.from; r < part.to; ++r) {
          std::int64_t rest = r, from = element;
          for (std::size_t d = setting.reduced.size(); reduces && d-- > 0;) {
            from += rest % setting.reduced[d].first * setting.reduced[d].second;
            rest /= setting.reduced[d].first;
          }
          units.insert(input.order.position(from) / kBlock);
        }
      });
    }
  }
  std::vector<ByteRange> out;
  for (const auto unit : units) {
    const std::int64_t to = std::min((unit + 1) * kBlock, input.order.bytes());
    if (!out.empty() && out.back().to == unit * kBlock) {
      out.back().to = to;
    } else {
      out.push_back({unit * kBlock, to});
    }
  }
  return out;
}

StreamTile random_tile(Rng& rng, const Order& order) {
  const std::int64_t units = (order.bytes() + kBlock - 1) / kBlock;
  const std::int64_t first = rng.uniform(0, units - 1);
  return {first, 0, rng.uniform(1, units - first), 1, 0};
}

}  // namespace

TEST_CASE("3,000 random tiles of moved operands need the bytes that a walk over their elements finds") {
  Rng rng(11);
  for (int i = 0; i < 3000; ++i) {
    const std::vector<std::int64_t> in = {rng.uniform(1, 3), rng.uniform(1, 40), rng.uniform(1, 9),
                                          rng.uniform(1, 40)};
    StreamSetting setting;
    setting.inputs.push_back(random_input(rng, in, setting.axes));
    setting.out = random_order(rng, setting.axes);
    if (rng.uniform(0, 3) == 0) {  // a copy: elements keep their number
      setting.axes = {product(in)};
      setting.inputs[0].axes = {stepping(1)};
      setting.inputs[0].offset = 0;
      setting.out = random_order(rng, {in[0], in[2], in[1], in[3]});
    }
    const StreamTile tile = random_tile(rng, setting.out);
    INFO(i);
    REQUIRE(needed(setting, 0, tile) == walked(setting, tile));
  }
}

TEST_CASE("500 random parts of reductions need the bytes that a walk over their elements finds") {
  Rng rng(12);
  for (int i = 0; i < 500; ++i) {
    const std::vector<std::int64_t> in = {rng.uniform(1, 3), rng.uniform(1, 40), rng.uniform(1, 9),
                                          rng.uniform(1, 40)};
    StreamSetting setting;
    setting.kind = StreamSetting::Kind::reduce;
    StreamInput input;
    input.order = random_order(rng, in);
    for (std::size_t d = 0; d < 4; ++d) {
      const std::int64_t stride = product({in.begin() + static_cast<std::ptrdiff_t>(d) + 1, in.end()});
      const bool gone = rng.uniform(0, 1) == 0;
      setting.axes.push_back(gone ? 1 : in[d]);
      input.axes.push_back(stepping(gone ? 0 : stride));
      if (gone) setting.reduced.emplace_back(in[d], stride);
    }
    setting.inputs.push_back(input);
    setting.out = random_order(rng, setting.axes);
    StreamTile tile = random_tile(rng, setting.out);
    tile.width = rng.uniform(1, 3);
    tile.part = rng.uniform(0, tile.width - 1);
    INFO(i);
    REQUIRE(needed(setting, 0, tile) == walked(setting, tile));
  }
}
