// Einsum of one or two operands: transposes, a (batched) matrix product, transposes. What is only a view
// vanishes in the passes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "workloads/onnx/ops.h"

namespace npusim::onnx {

namespace {

using ir::OpKind;
using ir::Shape;
using ir::TensorId;

struct Equation {
  std::vector<std::string> operands;  ///< one letter an axis
  std::string result;
};

/// Splits "ij,jk->ik"; without an arrow the result has the letters that appear once, sorted.
Equation parse(const Node& node, std::string text) {
  std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
  const auto plain = [](unsigned char c) { return std::isalpha(c) != 0 || c == ',' || c == '-' || c == '>'; };
  if (!std::all_of(text.begin(), text.end(), plain)) node.unsupported(fmt::format("equation '{}'", text));
  Equation equation;
  const auto arrow = text.find("->");
  std::string left = text.substr(0, arrow);
  for (std::size_t comma = left.find(','); comma != std::string::npos; comma = left.find(',')) {
    equation.operands.push_back(left.substr(0, comma));
    left.erase(0, comma + 1);
  }
  equation.operands.push_back(left);
  if (arrow != std::string::npos) {
    equation.result = text.substr(arrow + 2);
  } else {
    std::map<char, int> count;
    for (const char c : text) count[c] += c == ',' ? 0 : 1;
    for (const auto& [letter, times] : count) {
      if (times == 1) equation.result += letter;
    }
  }
  for (std::string part : {equation.result, equation.operands.front(), equation.operands.back()}) {
    std::sort(part.begin(), part.end());
    if (std::adjacent_find(part.begin(), part.end()) != part.end()) {
      node.unsupported(fmt::format("equation '{}' (a repeated letter)", text));
    }
  }
  return equation;
}

bool has(const std::string& letters, char letter) { return letters.find(letter) != std::string::npos; }

class Einsum {
 public:
  Einsum(Node& node, Equation equation) : node_(node), equation_(std::move(equation)) {
    for (std::size_t i = 0; i < equation_.operands.size(); ++i) {
      const Shape shape = node_.shape(i);
      const std::string& letters = equation_.operands[i];
      if (letters.size() != shape.size()) {
        node_.fail(fmt::format("'{}' has {} letters for operand {} of {}", letters, letters.size(), i,
                               ir::to_string(shape)));
      }
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        const auto [known, added] = sizes_.emplace(letters[axis], shape[axis]);
        if (!added && known->second != shape[axis]) {
          node_.fail(fmt::format("'{}' is {} and {}", letters[axis], known->second, shape[axis]));
        }
      }
    }
    for (const char letter : equation_.result) {
      if (!sizes_.contains(letter)) node_.fail(fmt::format("'{}' is in no operand", letter));
    }
  }

  void run() {
    if (equation_.operands.size() == 1) return single();
    const std::string &a = equation_.operands[0], &b = equation_.operands[1], &out = equation_.result;
    std::string batch, rows, columns, sum;
    for (const char letter : a) {
      (has(b, letter) ? (has(out, letter) ? batch : sum) : rows) += letter;
      if (!has(b, letter) && !has(out, letter)) node_.unsupported("a sum over one operand of two");
    }
    for (const char letter : b) {
      if (has(a, letter)) continue;
      if (!has(out, letter)) node_.unsupported("a sum over one operand of two");
      columns += letter;
    }
    const TensorId left = arrange("a", node_.in(0), a, {batch, rows, sum});
    const TensorId right = arrange("b", node_.in(1), b, {batch, sum, columns});
    const TensorId product = node_.step("matmul", OpKind::matmul, ir::MatMulAttrs{}, {left, right});
    const std::string order = batch + rows + columns;
    if (order == out) return node_.result(OpKind::reshape, ir::ReshapeAttrs{}, {product}, {{}, shape(order)});
    const TensorId apart =
        node_.step("split", OpKind::reshape, ir::ReshapeAttrs{}, {product}, {{}, shape(order)});
    node_.result(OpKind::transpose, permutation(order, out), {apart});
  }

 private:
  void single() {
    const std::string letters = equation_.operands[0];
    std::vector<std::int64_t> axes;
    std::string kept;
    for (std::size_t i = 0; i < letters.size(); ++i) {
      if (has(equation_.result, letters[i])) {
        kept += letters[i];
      } else {
        axes.push_back(static_cast<std::int64_t>(i));
      }
    }
    TensorId value = node_.in(0);
    if (!axes.empty()) {
      value = node_.step("sum", OpKind::reduce, ir::ReduceAttrs{ir::ReduceKind::sum, axes, false}, {value});
    }
    node_.result(OpKind::transpose, permutation(kept, equation_.result), {value});
  }

  [[nodiscard]] Shape shape(const std::string& letters) const {
    Shape result;
    for (const char letter : letters) result.push_back(sizes_.at(letter));
    return result;
  }

  static ir::TransposeAttrs permutation(const std::string& from, const std::string& to) {
    ir::TransposeAttrs attrs;
    for (const char letter : to) attrs.permutation.push_back(static_cast<std::int64_t>(from.find(letter)));
    return attrs;
  }

  /// An operand as [batch..., first, second], each of the last two being all of its letters.
  TensorId arrange(const std::string& name, TensorId id, const std::string& letters,
                   const std::array<std::string, 3>& groups) {
    const std::string order = groups[0] + groups[1] + groups[2];
    TensorId value = id;
    if (order != letters) {
      value = node_.step(name + "_transpose", OpKind::transpose, permutation(letters, order), {value});
    }
    Shape matrix = shape(groups[0]);
    matrix.push_back(ir::elements(shape(groups[1])));
    matrix.push_back(ir::elements(shape(groups[2])));
    if (matrix == shape(order)) return value;
    return node_.step(name + "_matrix", OpKind::reshape, ir::ReshapeAttrs{}, {value}, {{}, matrix});
  }

  Node& node_;
  Equation equation_;
  std::map<char, std::int64_t> sizes_;
};

void einsum(Node& node) {
  Equation equation = parse(node, node.text("equation", ""));
  if (equation.operands.size() > 2) node.unsupported(fmt::format("{} operands", equation.operands.size()));
  node.expect_inputs(equation.operands.size(), equation.operands.size());
  Einsum(node, std::move(equation)).run();
}

}  // namespace

std::span<const Handler> einsum_handlers() {
  static constexpr Handler kHandlers[] = {{"Einsum", einsum}};
  return kHandlers;
}

}  // namespace npusim::onnx
