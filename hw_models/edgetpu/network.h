// A network as the Edge TPU runs it: phases on maps that are split over the tiles, and what the compiler
// decided for each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw_models/edgetpu/spec.h"
#include "workloads/ir/graph.h"

namespace npusim::edgetpu {

/// Index of a map in Network::maps, and of a phase in Network::phases.
using MapId = std::int32_t;
using PhaseId = std::int32_t;
inline constexpr std::int32_t kNone = -1;

/// Rows, columns and channels; channels innermost.
struct Shape {
  std::int64_t h = 1, w = 1, c = 1;
  [[nodiscard]] std::int64_t elements() const { return h * w * c; }
};

/// What a phase does.
enum class Kind : std::uint8_t {
  input,      ///< the network's input comes over the link and is laid out in the tiles
  conv,       ///< dot products of words with rows of weights that the ring broadcasts
  depthwise,  ///< a word of channels a step
  fc,         ///< outputs split over the tiles, weights resident in each
  max_pool,
  average_pool,
  eltwise,  ///< word by word: sums, products, copies, functions
  host      ///< an operator that the chip lacks, or that stands behind one
};

/// Taps along both axes; the far borders follow from the shapes.
struct Window {
  std::int64_t kh = 1, kw = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t top = 0, left = 0;
  [[nodiscard]] std::int64_t taps() const { return kh * kw; }
};

/// A map: its tile block in one memory, in place inside a concatenation or on its own.
struct Map {
  std::string name;
  Shape shape;
  bool network_output = false;
  bool on_host = false;       ///< made by the host
  bool used_by_host = false;  ///< leaves the chip
  MapId home = kNone;         ///< the concatenation that holds it, or a map of which it is a view
  std::int64_t home_channel = 0;
  std::int64_t stored_channels = 0;     ///< (concatenations) with every part padded to words
  PhaseId first = kNone, last = kNone;  ///< (homes) phases in which it is alive
  std::int64_t band_rows = 0;           ///< (homes) rows kept at a time, where phases run in bands; 0: all
  bool wide = false;                    ///< (homes) spilled to wide memory
  std::int64_t address = 0;             ///< (homes) in its memory
  ir::TensorId tensor = ir::kNoTensor;  ///< of the graph, that it holds when its last phase is done
  int exponent = 0;                     ///< of its integers
};

/// How a convolution's weights pass the FIFO.
struct Fills {
  bool position_outer = false;  ///< all taps and inputs of a group of outputs at once, no partial sums
  std::int64_t rows = 0;        ///< of a fill
  std::int64_t per_group = 0;   ///< fills
  std::int64_t groups = 0;      ///< of outputs
  std::int64_t buffers = 1;     ///< 2 where fills alternate in a FIFO
};

/// Why a phase takes as long as it does: cycles of each part on its own.
struct Parts {
  std::int64_t compute = 0, ring = 0, halo = 0, spill = 0, link = 0;
};

struct Phase {
  std::string name, op;
  std::string operator_name;  ///< of the graph's operator; of the input's, empty
  Kind kind = Kind::eltwise;
  std::vector<MapId> inputs;
  MapId output = kNone;
  Window window;
  std::int64_t macs = 0;
  std::int64_t kernels = 1;        ///< (transposed convolutions) sub-kernels, each for its share of positions
  std::int64_t word_steps = 1;     ///< (eltwise) of an output word
  std::int64_t weight_bytes = 0;   ///< of parameters as stored on the chip
  bool streamed = false;           ///< its parameters come over the link at every inference
  std::int64_t param_address = 0;  ///< of its parameters in the cache
  std::int64_t host_bytes = 0, host_macs = 0;  ///< (host) of operands and results; done there
  std::vector<MapId> host_outputs;             ///< (host)
  std::int64_t halo_address = kNone;  ///< of received borders in narrow memory; kNone: none, or with bands
  std::int64_t bands = 1;             ///< runs of the phase, each on some rows of its result
  std::int64_t band_rows = 0;         ///< (bands > 1) rows of the result in a run, rows made twice included
  bool own_bands = false;  ///< bands are parts of every tile's own rows: operand and result stay whole
  Parts parts;
  std::int64_t source = kNone;           ///< index of the graph's operator
  ir::TensorId weights = ir::kNoTensor;  ///< of the graph
  ir::TensorId bias = ir::kNoTensor;
  int weights_exponent = 0;
  std::int64_t low = -128, high = 127;  ///< clamp of the result
  std::int64_t divisor = 0;             ///< of an average; 0: the taps that lie in the map
  bool plain = true;                    ///< false: numbers are not modelled (a sum over the map, odd padding)
};

struct Network {
  std::string name;
  std::vector<Map> maps;
  std::vector<Phase> phases;
  std::vector<MapId> inputs;
  std::vector<std::string> views;       ///< operators that cost nothing
  std::vector<std::string> host_names;  ///< operators on the host, with the reason of the first
  std::string host_reason;
  std::int64_t instruction_bytes = 0;
  std::int64_t cached_bytes = 0, streamed_bytes = 0, cache_bytes = 0;
  std::int64_t spilled_maps = 0, peak_wide_bytes = 0;
  std::int64_t banded_phases = 0, most_bands = 1;

  [[nodiscard]] Map& map(MapId id) { return maps[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const Map& map(MapId id) const { return maps[static_cast<std::size_t>(id)]; }
  [[nodiscard]] Phase& phase(PhaseId id) { return phases[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const Phase& phase(PhaseId id) const { return phases[static_cast<std::size_t>(id)]; }
  /// The map whose storage holds `id`, and the channel at which it begins there.
  [[nodiscard]] MapId home_of(MapId id, std::int64_t* channel = nullptr) const;
};

}  // namespace npusim::edgetpu
