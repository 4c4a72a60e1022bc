// What a model knows of an operator: counts of its work, as arithmetic says and as the chip's own compiler
// does.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hw_models/api/npu.h"
#include "sim/base/config.h"
#include "workloads/ir/graph.h"

namespace npusim::fit {

/// ISyNet's three counts (arXiv 2109.01932, section 3.1; rules deduced from its Table 1).
struct Counts {
  double m = 0;  ///< matrix operations: 2 * MACs, unpadded
  double v = 0;  ///< vector operations: see vector_operations()
  double d = 0;  ///< elements moved: inputs, outputs and weights
  Counts& operator+=(const Counts& other);
};

/// Of one operator and the steps fused behind it. A fused step works on every element of the result and moves
/// only its second operand. Vector operations an element: ReLU 1, ReLU6 2, Swish 2, BatchNorm 8, Add 1 (all
/// published), a pool its window a result, concatenation and views 0; functions that the paper does not list:
/// h-swish 2, hard sigmoid 2, sigmoid, tanh, GELU and exp 4, other arithmetic 1, softmax 3, other
/// normalisations 8, a reduction 1 an input.
Counts counts_of(const ir::Graph& graph, const ir::Op& op);
Counts counts_of(const ir::Graph& graph);

/// The kind that a model tells apart: "conv 3x3", "depthwise 5x5", "grouped_conv 1x1", or ir::to_string of
/// the operator; element-wise operators by function ("add").
std::string kind_of(const ir::Graph& graph, const ir::Op& op);

/// Equal for operators that are the same work: kind, attributes, shapes, types and fused steps, no names.
std::string signature_of(const ir::Graph& graph, const ir::Op& op);

/// The operator of a report's layer: the layer's name without what a mapper appended after ':'.
std::string_view operator_of(std::string_view layer);

/// One operator at one shape, on one chip.
struct Operator {
  std::string signature;  ///< signature_of()
  std::string kind;       ///< kind_of()
  std::vector<double> features;
  /// hw::Compiled::parameter_room beside this operator: a network has what its operators leave at least.
  double room = 0;
};

/// Counts of an operator on one chip, in the order of names():
///   m v d                    counts_of()
///   in out weights           elements
///   parameters               bytes of constants as the chip stores them, where it tells; else 0
///   launch commands          of the operator compiled between two small layers (behind an image, if that is
///                            its input), nothing simulated: cycles of launching its tasks, commands
///   busy.ENGINE              cycles that its commands hold an engine (padding, tiles and modes included); of
///                            engines that differ by a number only, the longest
///   read.ENGINE write.ENGINE bytes that a DMA engine moves from and to memory outside of the engines' own
class Extractor {
 public:
  /// Throws UserError as hw::make_npu().
  Extractor(const Config& chip, ir::DType dtype);
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// Kept by signature. An operator that the chip cannot run on its own has zeros behind `weights`.
  const Operator& describe(const ir::Graph& graph, const ir::Op& op);
  [[nodiscard]] const hw::Npu& npu() const { return *npu_; }

 private:
  void compile(const ir::Graph& network, const ir::Op& op, Operator& described) const;

  std::unique_ptr<hw::Npu> npu_;
  ir::DType dtype_;
  std::vector<std::string> names_;
  /// By queue, the feature of its busy cycles or bytes read; bytes written follow.
  std::vector<std::size_t> feature_;
  std::map<std::string, Operator> known_;
};

/// Of names(): those that every extractor has in front, which need no compiler.
inline constexpr std::size_t kStaticFeatures = 6;
inline constexpr std::size_t kParameters = kStaticFeatures;

}  // namespace npusim::fit
