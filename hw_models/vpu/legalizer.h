// The work of legalize(): operators of a graph, one after another, become layers on maps.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "hw_models/mapping/refusals.h"
#include "hw_models/vpu/network.h"

namespace npusim::vpu {

/// A map as an operator sees it through reshapes and concatenations.
struct Value {
  std::vector<MapId> maps;
  bool reshaped = false;
};

/// How an operator's output rows depend on its operands'.
enum class Reading : std::uint8_t { windowed, pointwise, whole };

/// [N,C,H,W] as a map; other shapes as rows of their last axis, in lines of up to 16.
MapShape map_of(const ir::Shape& shape);
/// Steps that a DPU's post-processing does on the way out.
bool post_processed(ir::Function function);

inline constexpr std::int64_t kWeightEntry = 16;  ///< bytes: weights' granule, and an output's bias and scale

class Legalizer {
 public:
  Legalizer(const Spec& spec, const ir::Graph& graph, ir::DType dtype);
  /// Throws UserError listing every operator that the chip cannot run.
  Network run();

 private:
  // What the operators have in common (legalize.cpp).
  [[nodiscard]] std::int64_t batch() const;
  /// The shape of one image.
  [[nodiscard]] ir::Shape shape(ir::TensorId id) const;
  /// The same as a map, by whatever axis its channels are.
  [[nodiscard]] MapShape map_shape(ir::TensorId id) const;
  [[nodiscard]] bool is_weight(ir::TensorId id) const;
  void refuse(const ir::Op& op);
  bool no(std::string why);
  [[nodiscard]] Map& map_at(MapId id) { return net_.maps[static_cast<std::size_t>(id)]; }
  MapId add_map(ir::TensorId id, const std::string& name) { return add_map(id, name, map_shape(id)); }
  MapId add_map(ir::TensorId id, const std::string& name, const MapShape& shape);
  /// The map that stands for a tensor; the stored one where an operator works element by element on it.
  MapShape own_map(const std::vector<ir::TensorId>& inputs, ir::TensorId out, Reading reading);
  /// A layer `name` that reads `inputs` and writes a new map for tensor `out`.
  Layer& add_layer(const std::string& name, std::string op, Kind kind,
                   const std::vector<ir::TensorId>& inputs, ir::TensorId out, Reading reading);
  bool add_base(const ir::Op& op);
  /// Steps behind an operator that its engine cannot do on the way out.
  bool add_fused(const ir::Op& op);
  void finish();
  void set_densities();
  void add_padding_notes();

  // What computes (legalize_compute.cpp).
  bool add_conv(const ir::Op& op);
  bool check_window(const ir::Window& w);
  /// A convolution reads an image of 4 channels: what a depthwise convolution made 16 of is sliced by DMA.
  void narrow_image(ir::TensorId id, const std::string& reader);
  /// Whether windows lie side by side without padding: a product of patches, whatever their size.
  [[nodiscard]] bool patches(const ir::Op& op) const;
  /// The patches of a map as channels, gathered by DMA, for tensor `id`.
  void add_patches(const ir::Op& op);
  static void set_window(Layer& layer, const ir::Window& w, const MapShape& in, bool transposed);
  bool add_matmul(const ir::Op& op);
  bool add_pool(const ir::Op& op);
  /// A mean over height and width: an average pool; windows beyond 11 in more than one pass, rows first.
  bool add_reduce(const ir::Op& op);
  bool add_function(const std::string& name, ir::Function function, const std::vector<ir::TensorId>& inputs,
                    ir::TensorId out);
  /// Constants a channel, multiplied or added: a depthwise convolution of one tap.
  bool add_scale(const std::string& name, const std::string& op, const std::vector<ir::TensorId>& inputs,
                 ir::TensorId out);

  // What moves or stays where it is (legalize_move.cpp).
  /// An image comes channel by channel, and DMA turns it so that a pixel's channels lie side by side; or
  /// pixel by pixel, and DMA pads each one.
  void add_input(ir::TensorId id);
  /// Marks an input [N,H,W,C] of few channels that is transposed to [N,C,H,W] before anything else than
  /// scaling is done to it.
  void find_channels_last(ir::TensorId id);
  bool add_concat(const ir::Op& op);
  /// A part of a map along channels is read where it is; other parts are copied.
  bool add_slice(const ir::Op& op);
  /// The operand under another name; `reshapes`: if shapes differ, what was a row may no longer be one.
  bool add_view(const ir::Op& op, bool reshapes = true);
  /// Everything else: by a SHAVE if it computes, by DMA if it only moves.
  bool add_movement(const ir::Op& op);
  /// Output rows for each input row, 0 where that is no whole number.
  [[nodiscard]] std::int64_t magnification(const ir::Op& op) const;
  /// Whether a DPU wrote the value: it can permute on the way out.
  bool behind_dpu(ir::TensorId id);
  [[nodiscard]] std::vector<const ir::Op*> readers(ir::TensorId id) const;

  const Spec& spec_;
  const ir::Graph& graph_;
  std::int64_t bytes_;
  Network net_;
  std::map<ir::TensorId, Value> values_;
  std::set<ir::TensorId> channels_last_;  ///< [N,H,W,C]
  std::set<ir::TensorId> images_;         ///< inputs, and what scaling makes of them
  std::set<ir::TensorId> scaled_;  ///< by a depthwise convolution of one tap, whose only reader is next
  mapping::Refusals refusals_;
  std::string why_;
};

}  // namespace npusim::vpu
