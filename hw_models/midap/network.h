// A network as MIDAP runs it: layers on feature maps, their geometry, and what the compiler decided for each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw_models/midap/spec.h"

namespace npusim::midap {

/// Index of a layer in Network::layers.
using LayerId = std::int32_t;
inline constexpr LayerId kNoLayer = -1;

/// A feature map: x outermost, then y, channels innermost. All y and channels of one x are a plane.
struct MapShape {
  std::int64_t w = 1, h = 1, c = 1;
  [[nodiscard]] std::int64_t plane() const { return h * c; }
  [[nodiscard]] std::int64_t elements() const { return w * plane(); }
};

/// What a layer does with its operands.
enum class Kind : std::uint8_t {
  input,      ///< the network's input, in DRAM
  gemm,       ///< a convolution of an image that the host has unrolled: a product of rows
  conv,       ///< all CIMs, 16 filters at a time
  depthwise,  ///< CIM 0 alone, 64 channels at a time, as all that follow
  max_pool,
  average_pool,
  arithmetic,  ///< sum or product with a second map, or with one value a channel
  concat,      ///< nothing to do: its operands are written in place
  reduce       ///< done by its producer's reduction stage (global mean, softmax)
};

/// Taps and borders of a window along both axes. Right and bottom borders may be negative: input that no
/// output needs.
struct Window {
  std::int64_t kw = 1, kh = 1;
  std::int64_t stride_w = 1, stride_h = 1;
  std::int64_t dilation_w = 1, dilation_h = 1;
  std::int64_t left = 0, right = 0, top = 0, bottom = 0;
};

/// Planes [head, tail) of a map.
struct Fragment {
  std::int64_t head = 0, tail = 0;
  bool operator==(const Fragment&) const = default;
};

/// A fragment in a feature-map bank.
struct Mapping {
  std::int64_t bank = -1;
  Fragment planes;
  bool refilled = false;  ///< (inputs) the bank is loaded again once this fragment has been used
};

/// Loads or processes input fragments up to, not including, number `upto`.
struct Action {
  bool load = false;
  std::int64_t upto = 0;
};

/// What the compiler decided for a layer.
struct Schedule {
  std::int64_t input_stationary = -1;   ///< banks of the input that stay for another branch; -1: not asked
  std::int64_t output_stationary = -1;  ///< banks kept for a common result of several branches; -1: not asked
  bool reverse_write = false;           ///< the result is stored mirrored in x against the input
  bool flip = false;                    ///< the result is stored mirrored against the network's x
  bool input_flip = false;
  bool fixed_output = false;    ///< no more banks for the result
  std::vector<Mapping> inputs;  ///< in the order of use; the first `initial_inputs` are there at the start
  std::int64_t initial_inputs = 0;
  std::int64_t processed = 0;  ///< of `inputs`, while the schedule is made
  std::vector<Mapping> outputs;
  std::vector<Action> actions;
};

/// One layer. Positions in x are in stored order (mirrored where `flip` says so).
struct Layer {
  std::string name;  ///< the network's operator
  std::string op;    ///< its kind in the report
  Kind kind = Kind::conv;
  std::vector<LayerId> inputs;  ///< the map in the banks first, then a streamed operand
  std::vector<LayerId> next;    ///< readers; a reduction of its own first

  Window window;
  std::int64_t scale_w = 1, scale_h = 1;       ///< the input is read magnified (nearest upsampling)
  bool zero_inserted = false;                  ///< magnified with zeros instead (transposed convolution)
  bool virtual_input = false;                  ///< magnified or cropped
  std::int64_t crop_left = 0, crop_right = 0;  ///< input planes that are not used

  MapShape own;                  ///< the result alone, channels as in the network
  MapShape map;                  ///< the map it is stored in: channels padded; of a concatenation, the whole
  LayerId stored_as = kNoLayer;  ///< the layer that names the map: itself, or its concatenation
  std::int64_t z_begin = 0, z_end = 0;  ///< channels of `map` that this layer writes
  std::int64_t x_begin = 0;             ///< first plane of `map` that it writes
  MapShape image;                       ///< gemm: the image before the host unrolled it

  std::int64_t groups = 1;        ///< of a grouped convolution
  std::int64_t group_depth = 0;   ///< input channels of one group
  std::int64_t filters = 0;       ///< padded to what works at once; 0: no weights
  std::int64_t filter_bytes = 0;  ///< of one filter (depthwise: all of it; arithmetic: one plane)
  bool bias = false;
  bool load_filter_once = false;  ///< all weights stay in the weight memory during the layer
  bool broadcast = false;         ///< arithmetic with one value a channel
  bool streamed = false;          ///< arithmetic with a second operand from DRAM
  bool result = false;            ///< of the network
  bool write_on_dram = false;     ///< the whole result goes to DRAM, whatever fits in the banks
  LayerId reduction = kNoLayer;   ///< the reduction that its reduction stage computes
  std::int64_t dram_from = 0;     ///< first plane of the map that goes to DRAM; map.w: none
  std::int64_t macs = 0;

  std::int64_t planes = 0;        ///< of its map that a bank holds
  std::int64_t banks_needed = 0;  ///< by the whole map
  std::int64_t bank_fill = 0;     ///< bytes in a full bank
  std::int64_t last_fill = 0;     ///< bytes in the last bank; 0: it is full
  std::int64_t map_bytes = 0;     ///< of the result alone

  Schedule schedule;

  /// CIM 0 alone, 64 channels at a time.
  [[nodiscard]] bool extended() const {
    return kind == Kind::depthwise || kind == Kind::max_pool || kind == Kind::average_pool ||
           kind == Kind::arithmetic;
  }
  [[nodiscard]] bool windowed() const {
    return kind == Kind::conv || kind == Kind::gemm || kind == Kind::depthwise || kind == Kind::max_pool ||
           kind == Kind::average_pool;
  }
  [[nodiscard]] bool pool() const { return kind == Kind::max_pool || kind == Kind::average_pool; }
  [[nodiscard]] bool convolution() const {
    return kind == Kind::conv || kind == Kind::gemm || kind == Kind::depthwise;
  }
  /// Runs as commands of its own.
  [[nodiscard]] bool runs() const {
    return kind != Kind::input && kind != Kind::concat && kind != Kind::reduce;
  }
  /// Planes a bank holds, but for a map narrower than that: its width.
  [[nodiscard]] std::int64_t planes_per_bank() const {
    return kind == Kind::input || own.w >= planes ? planes : own.w;
  }
  /// All weights are fetched once, however many passes the input takes.
  [[nodiscard]] bool weights_fetched_once() const {
    return !convolution() || load_filter_once || kind == Kind::depthwise;
  }
  [[nodiscard]] std::int64_t weight_bytes() const {
    return kind == Kind::depthwise ? filter_bytes : filters * filter_bytes;
  }
};

struct Network {
  std::vector<Layer> layers;
  std::vector<LayerId> inputs;
  std::vector<LayerId> order;      ///< of execution: layers that run, and reductions behind their producers
  std::vector<std::string> views;  ///< operators that leave their data where it is
  std::int64_t batch = 1;          ///< images, one after another

  [[nodiscard]] Layer& at(LayerId id) { return layers.at(static_cast<std::size_t>(id)); }
  [[nodiscard]] const Layer& at(LayerId id) const { return layers.at(static_cast<std::size_t>(id)); }
};

/// Shape of the input as the layer's window sees it: magnified and cropped; of a gemm, the rows.
MapShape input_shape(const Network& net, const Layer& layer);

/// Up to `count` fragments of `producer`'s map from plane `head` on, a bank each, as its reader `consumer`
/// loads them; `overlap`: with the halo of what came before.
std::vector<Fragment> input_fragments(const Network& net, const Layer& consumer, std::int64_t count,
                                      std::int64_t head, bool overlap);

/// The fragments of a layer's own result, in the order in which they are written; `next` runs afterwards and
/// may read a crop of it.
std::vector<Fragment> output_fragments(const Network& net, const Layer& layer, std::int64_t count,
                                       const Layer* next);

/// The last output plane (in stored order) that is complete once input `fragment` has been processed;
/// `more`: the fragment behind it is in the banks, too.
std::int64_t output_x(const Network& net, const Layer& layer, const Fragment& fragment, bool more);

}  // namespace npusim::midap
