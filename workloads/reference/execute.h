// The plain executor of a network on real tensors: what every chip's functional execution is compared with.
//
// How a chip's program is proven
//
//   graph   = onnx::import_onnx(file)                         or zoo::build(name)
//   given   = onnx::load_weights(file, graph)                 or reference::seeded_values(graph, seed)
//             plus values for graph.inputs (seeded_values makes those, too)
//   truth   = execute(graph, given)                           the ORIGINAL graph in fp32
//   passed  = passes::run_pipeline(graph)                     what chips compile
//   carried = carry(graph, given, passed)                     the same numbers for what is left of the
//   weights
//
// Then (a) execute(passed, carried) in fp32 must equal `truth` up to rounding: this proves the passes. And
// (b) the chip, whose program was compiled from `passed`, must give what execute(passed, carried) gives with
// the chip's arithmetic: fp16 within rounding, int8 bit for bit.
//
// Weights that passes changed (a convolution's with the batch norm folded in) have no number in any file. A
// pass that changes weights appends operators to Graph::prepared that compute the new ones from the old ones;
// execute() runs them first, always in fp32, so that its result holds the values of all weights of `passed`.
#pragma once

#include <optional>
#include <vector>

#include "workloads/ir/graph.h"
#include "workloads/reference/quantize.h"
#include "workloads/reference/value.h"

namespace npusim::reference {

enum class Arithmetic : std::uint8_t {
  fp32,  ///< every tensor rounded to its own type in the graph, which in most networks is fp32, and where a
         ///< quantised network stores it as integers (ir::Tensor::storage) to what these can stand for
  fp16,  ///< every tensor of real type, weights included, rounded to fp16 after each operator and fused step
  int8   ///< quantize.h
};

struct Options {
  Arithmetic arithmetic = Arithmetic::fp32;
  const Quantization* quantization = nullptr;  ///< needed for, and only for, int8
};

struct Execution {
  /// Of every tensor of the graph. Real tensors have type fp32, fp16 or int8 as the arithmetic says, but with
  /// int8 weights are fp32 (quantized() makes them what a chip loads: a weight may be read in several ways).
  Values values;
  /// Largest finite magnitude of every real tensor and stage; in int8, of the real numbers they stand for.
  Peaks peaks;
};

/// Computes every tensor of `graph`. `given` holds the inputs and the weights; a weight that is not given
/// takes its ir::Tensor::constant; results of Graph::prepared are computed.
///
/// Inside an operator all arithmetic is in float64 (a convolution is im2col and Eigen's GEMM, with Eigen's
/// order of summation), and results are rounded once, to the storage type: each element is within about half
/// a unit of last place of the exact one, and int8 sums are exact. Fused steps are applied one after another,
/// each rounded. Functions are passes::exact_value's.
///
/// Throws UserError naming the tensor for one that is neither given nor constant, or has another shape, and
/// naming the operator for what has no value (an index outside its axis, an int8 sum beyond 32 bits, an
/// integer operator whose quantisation parameters the IR does not hold).
Execution execute(const ir::Graph& graph, const Values& given, const Options& options = {});

/// Computes one operator: sets its outputs in `values` and returns the peak of each of its stages. Operands
/// are taken from `values`, else from `sources`; both hold tensors as execute() with these options leaves
/// them.
std::vector<double> execute_operator(const ir::Graph& graph, const ir::Op& op, Values& values,
                                     const Values& sources, const Options& options = {});

/// Values of weights and inputs of `from` as values of the tensors of the same names of `to`, a graph that
/// passes made of it. Throws InternalError when two tensors that need a value have one name.
Values carry(const ir::Graph& from, const Values& values, const ir::Graph& to);

/// The weights of `graph` that execute() must be given: read by an operator, neither constant nor prepared.
std::vector<ir::TensorId> free_weights(const ir::Graph& graph);

}  // namespace npusim::reference
