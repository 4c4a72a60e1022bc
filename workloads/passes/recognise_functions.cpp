// Exporters spell activations in many ways (x*relu6(x+3)/6, 0.5*x*(1+erf(x/1.414))...). Instead of a pattern
// for each, a group of element-wise operators between one tensor and one result is evaluated at a few points
// and replaced by the function of the IR that is nearest there.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "workloads/passes/editor.h"
#include "workloads/passes/evaluate.h"
#include "workloads/passes/passes.h"

namespace npusim::passes {

namespace {

using ir::ElementwiseAttrs;
using ir::Function;

constexpr std::size_t kMostOps = 12;  ///< of a group: the tanh form of GELU has 8
constexpr double kTolerance = 1e-3;   ///< fp16 constants; the functions differ by more than 1e-2 somewhere
constexpr std::array kPoints{-7.0, -3.4, -2.9, -1.6, -0.7, -0.1, 0.0, 0.2, 0.9, 1.5, 2.8, 3.3, 6.5};

double at(const ElementwiseAttrs& attrs, double x) { return evaluate(attrs, std::array{x}, ir::DType::f32); }

constexpr std::array kCandidates{
    ElementwiseAttrs{Function::gelu, 0, 0}, ElementwiseAttrs{Function::gelu, 1, 0},
    ElementwiseAttrs{Function::silu, 0, 0}, ElementwiseAttrs{Function::hard_swish, 0, 0},
    ElementwiseAttrs{Function::hard_sigmoid, 1.0 / 6, 0.5}};

/// A group of operators that grows from its result towards the inputs.
class Group {
 public:
  Group(const Editor& editor, ir::OpId root) : editor_(editor) { add(root); }

  /// The function of one tensor that the group computes, growing it until there is one.
  std::optional<ElementwiseAttrs> match() {
    while (true) {
      if (frontier_.size() == 1 && ops_.size() > 1) {
        if (const auto attrs = compare()) return attrs;
      }
      if (ops_.size() >= kMostOps || !grow()) return std::nullopt;
    }
  }
  [[nodiscard]] ir::TensorId source() const { return *frontier_.begin(); }
  [[nodiscard]] const std::set<ir::OpId>& ops() const { return ops_; }

 private:
  void add(ir::OpId id) {
    ops_.insert(id);
    for (const ir::TensorId input : editor_.op(id).inputs) {
      if (!editor_.scalar(input)) frontier_.insert(input);
    }
  }

  /// Takes in the latest producer of the frontier; false when it cannot be part of the group.
  bool grow() {
    const auto latest = std::max_element(
        frontier_.begin(), frontier_.end(),
        [&](ir::TensorId a, ir::TensorId b) { return editor_.producer(a) < editor_.producer(b); });
    if (latest == frontier_.end()) return false;
    const ir::TensorId tensor = *latest;
    const ir::OpId id = editor_.producer(tensor);
    if (id == Editor::kNoOp || editor_.is_output(tensor)) return false;
    const ir::Op& op = editor_.op(id);
    const auto& readers = editor_.readers(tensor);
    const bool inside =
        std::all_of(readers.begin(), readers.end(), [&](ir::OpId reader) { return ops_.contains(reader); });
    if (op.kind != ir::OpKind::elementwise || !op.fused.empty() || !inside) return false;
    frontier_.erase(latest);
    add(id);
    return true;
  }

  [[nodiscard]] double compute(double x) const {
    std::map<ir::TensorId, double> values{{source(), x}};
    double result = 0;
    for (const ir::OpId id : ops_) {  // in order of the graph
      const ir::Op& op = editor_.op(id);
      std::vector<double> operands;
      for (const ir::TensorId input : op.inputs) {
        const auto constant = editor_.scalar(input);
        operands.push_back(constant ? *constant : values.at(input));
      }
      result = evaluate(std::get<ElementwiseAttrs>(op.attrs), operands, ir::DType::f32);
      values[op.outputs[0]] = result;
    }
    return result;
  }

  [[nodiscard]] std::optional<ElementwiseAttrs> compare() const {
    std::array<double, kPoints.size()> values{};
    for (std::size_t i = 0; i < kPoints.size(); ++i) values[i] = compute(kPoints[i]);
    std::optional<ElementwiseAttrs> best;
    double least = kTolerance;  // the two forms of GELU are nearer to each other than that
    for (const ElementwiseAttrs& candidate : kCandidates) {
      double error = 0;
      for (std::size_t i = 0; i < kPoints.size(); ++i) {
        error = std::max(error, std::abs(values[i] - at(candidate, kPoints[i])));
      }
      if (error > least || std::isnan(error)) continue;
      least = error;
      best = candidate;
    }
    return best;
  }

  const Editor& editor_;
  std::set<ir::OpId> ops_;
  std::set<ir::TensorId> frontier_;
};

/// Floating point, or 8 bits that stand for it; wider integers are indices and divide otherwise.
bool is_real(ir::DType type) {
  return type == ir::DType::f32 || type == ir::DType::f16 || type == ir::DType::bf16 ||
         type == ir::DType::i8 || type == ir::DType::u8;
}

}  // namespace

Removed recognise_functions(ir::Graph& graph) {
  Editor editor(graph);
  for (ir::OpId root = editor.ops(); root-- > 0;) {
    if (editor.erased(root)) continue;
    ir::Op& op = editor.op(root);
    if (op.kind != ir::OpKind::elementwise || !op.fused.empty()) continue;
    if (!is_real(graph.tensor(op.outputs[0]).dtype)) continue;
    Group group(editor, root);
    const auto attrs = group.match();
    if (!attrs || graph.shape(group.source()) != graph.shape(op.outputs[0])) continue;
    const ir::TensorId source = group.source();
    std::string sources;
    for (const ir::OpId id : group.ops()) {
      sources = join_sources(sources, editor.op(id).source_op);
      if (id != root) editor.erase(id);
    }
    op.attrs = *attrs;
    op.source_op = std::move(sources);
    editor.set_inputs(root, {source});
  }
  return {0, editor.finish()};
}

}  // namespace npusim::passes
