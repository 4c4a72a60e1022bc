// The compiler's first stage as a class: operators of a graph to phases.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hw_models/edgetpu/network.h"
#include "hw_models/edgetpu/spec.h"
#include "workloads/ir/graph.h"
#include "workloads/reference/quantize.h"

namespace npusim::edgetpu {

/// Makes phases of a graph's operators (legalize.h): legalize.cpp walks the graph, keeps maps and phases and
/// leaves to the host what is refused, legalize_operators.cpp has what each kind of operator becomes.
class Legalizer {
 public:
  Legalizer(const Spec& spec, const ir::Graph& graph, const std::map<std::string, std::string>& refused,
            const reference::Quantization* quantization)
      : spec_(spec), graph_(graph), refused_(refused), quantization_(quantization) {}
  Network run();

 private:
  // --- bookkeeping ---
  [[nodiscard]] const ir::Shape& shape(ir::TensorId id) const { return graph_.tensor(id).shape; }
  [[nodiscard]] bool is_weight(ir::TensorId id) const {
    return id != ir::kNoTensor && graph_.tensor(id).role == ir::TensorRole::weight;
  }
  [[nodiscard]] bool is_map(ir::TensorId id) const { return id != ir::kNoTensor && !is_weight(id); }
  [[nodiscard]] const Shape& map_shape(ir::TensorId id) { return net_.map(maps_.at(id)).shape; }
  void check_graph();
  void check_rank(ir::TensorId id) const;
  bool refused(const ir::Op& op);
  bool no(std::string why);
  MapId new_map(std::string name, const Shape& own);
  Phase phase_of(const ir::Op& op, Kind kind, std::string_view name, std::vector<MapId> inputs);
  [[nodiscard]] std::int64_t index_of(const ir::Op& op) const { return &op - graph_.ops.data(); }
  [[nodiscard]] int exponent(ir::TensorId id) const {
    return quantization_ == nullptr ? 0 : quantization_->tensors.at(static_cast<std::size_t>(id));
  }
  /// Of what stage `stage` of an operator makes: the operator itself, then its fused steps.
  [[nodiscard]] int exponent(const ir::Op& op, std::size_t stage) const;
  /// The phase that makes `map` clamps its result. Elsewhere a clamp costs nothing and has no numbers.
  void clamp(const ir::FusedStep& step, MapId map);
  /// Adds a phase with a map of its own as the result.
  MapId add(Phase phase, const Shape& own);
  [[nodiscard]] bool inputs_known(const ir::Op& op);
  /// Word by word with `steps` a word: its own phase behind `map`.
  MapId add_words(const ir::Op& op, const std::string& name, std::vector<MapId> inputs, const Shape& own,
                  std::int64_t steps);
  /// Steps of a function of one operand; 0: a clamp, which every operation has; nothing: not on the chip.
  [[nodiscard]] std::optional<std::int64_t> unary_steps(ir::Function function) const;
  [[nodiscard]] std::optional<std::int64_t> binary_steps(ir::Function function) const;
  /// The operator's result is `map` after its fused steps.
  bool finish(const ir::Op& op, MapId map);
  void add_input(ir::TensorId id);
  /// A view of another map, with a shape of its own.
  bool view(const ir::Op& op, const Shape& own);

  // --- operators ---
  bool add_op(const ir::Op& op);
  /// Moves whole channels, or requantises: a step a word. Everything else is the host's.
  bool add_copy(const ir::Op& op, const Shape& own);
  static Window window_of(const ir::Window& from);
  bool add_conv(const ir::Op& op, const Shape& own);
  void set_weights(const ir::Op& op, Phase& phase) const;
  bool add_transposed(const ir::Op& op, const Shape& own);
  bool add_matmul(const ir::Op& op, const Shape& own);
  bool add_pool(const ir::Op& op, const Shape& own);
  bool add_reduce(const ir::Op& op, const Shape& own);
  bool add_softmax(const ir::Op& op, const Shape& own);
  bool add_elementwise(const ir::Op& op, const Shape& own);
  bool add_norm(const ir::Op& op, const Shape& own);
  bool add_resize(const ir::Op& op, const Shape& own);
  /// On the chip channels lie innermost: moving them there or back is only another name.
  bool add_transpose(const ir::Op& op, const Shape&);
  bool add_reshape(const ir::Op& op, const Shape& own);
  /// A flattened map that only products read is gathered by them.
  [[nodiscard]] bool feeds_product(const ir::Op& op) const;
  bool add_concat(const ir::Op& op, const Shape& own);
  /// The part itself where it can lie inside the concatenation, else a copy.
  MapId in_place(const ir::Op& op, MapId part, std::size_t index);

  // --- the host ---
  void add_host(const ir::Op& op);
  const Spec& spec_;
  const ir::Graph& graph_;
  const std::map<std::string, std::string>& refused_;
  const reference::Quantization* quantization_;
  Network net_;
  std::map<ir::TensorId, MapId> maps_;
  std::string why_;
};

/// [N,C,H,W], [N,L,C] or [N,C] of one image; nothing for a scalar or more dimensions.
std::optional<Shape> shape_of(const ir::Shape& shape);

}  // namespace npusim::edgetpu
