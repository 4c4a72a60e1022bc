// Element-wise functions as ONNX nodes.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "workloads/onnx/export_attributes.h"
#include "workloads/onnx/export_nodes.h"

namespace npusim::onnx {

using ir::Function;

namespace {

/// The ONNX operator of a function that is one node without attributes; "" for the others.
std::string plain_operator(Function function) {
  static constexpr auto kOperators =
      std::to_array<std::pair<Function, const char*>>({{Function::add, "Add"},
                                                       {Function::sub, "Sub"},
                                                       {Function::mul, "Mul"},
                                                       {Function::div, "Div"},
                                                       {Function::pow, "Pow"},
                                                       {Function::min, "Min"},
                                                       {Function::max, "Max"},
                                                       {Function::where, "Where"},
                                                       {Function::prelu, "PRelu"},
                                                       {Function::relu, "Relu"},
                                                       {Function::sigmoid, "Sigmoid"},
                                                       {Function::tanh, "Tanh"},
                                                       {Function::erf, "Erf"},
                                                       {Function::sqrt, "Sqrt"},
                                                       {Function::exp, "Exp"},
                                                       {Function::log, "Log"},
                                                       {Function::reciprocal, "Reciprocal"},
                                                       {Function::abs, "Abs"},
                                                       {Function::neg, "Neg"},
                                                       {Function::floor, "Floor"},
                                                       {Function::round, "Round"},
                                                       {Function::logical_not, "Not"},
                                                       {Function::equal, "Equal"},
                                                       {Function::less, "Less"},
                                                       {Function::greater, "Greater"},
                                                       {Function::logical_and, "And"},
                                                       {Function::logical_or, "Or"},
                                                       {Function::softplus, "Softplus"}});
  for (const auto& [known, type] : kOperators) {
    if (known == function) return type;
  }
  return "";
}

}  // namespace

void NodeWriter::clip(const ir::ElementwiseAttrs& attrs, std::vector<std::string> operands,
                      const std::string& step, const std::string& result) {
  operands.resize(3);
  if (operands[1].empty() && std::isfinite(attrs.alpha)) operands[1] = scalar(step + "/min", attrs.alpha);
  if (operands[2].empty() && std::isfinite(attrs.beta)) operands[2] = scalar(step + "/max", attrs.beta);
  while (operands.back().empty()) operands.pop_back();
  node(step, "Clip", operands, result);
}

/// x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))), as PyTorch writes it.
void NodeWriter::gelu_tanh(const std::string& x, const std::string& step, const std::string& result) {
  const std::string cube = inner(step + "/Pow", "Pow", {x, scalar(step + "/three", 3)});
  const std::string small = inner(step + "/Mul", "Mul", {cube, scalar(step + "/factor", 0.044715)});
  const std::string sum = inner(step + "/Add", "Add", {x, small});
  const std::string scaled =
      inner(step + "/Mul_1", "Mul", {sum, scalar(step + "/root", std::sqrt(2 / M_PI))});
  const std::string tanh = inner(step + "/Tanh", "Tanh", {scaled});
  const std::string shifted = inner(step + "/Add_1", "Add", {tanh, scalar(step + "/one", 1)});
  const std::string half = inner(step + "/Mul_2", "Mul", {x, scalar(step + "/half", 0.5)});
  node(step + "/Mul_3", "Mul", {half, shifted}, result);
}

void NodeWriter::function(const ir::ElementwiseAttrs& attrs, const std::vector<std::string>& operands,
                          const std::string& step, const std::string& result) {
  if (const std::string type = plain_operator(attrs.function); !type.empty()) {
    node(step, type, operands, result);
    return;
  }
  const std::string& x = operands.at(0);
  switch (attrs.function) {
    case Function::clip:
      return clip(attrs, operands, step, result);
    case Function::leaky_relu:
      return set(node(step, "LeakyRelu", {x}, result), "alpha", attrs.alpha);
    case Function::elu:
      return set(node(step, "Elu", {x}, result), "alpha", attrs.alpha);
    case Function::hard_sigmoid: {
      auto& hard = node(step, "HardSigmoid", {x}, result);
      set(hard, "alpha", attrs.alpha);
      return set(hard, "beta", attrs.beta);
    }
    case Function::hard_swish: {
      const std::string gate = step + "/HardSigmoid";
      set(node(gate, "HardSigmoid", {x}, gate + "/out"), "alpha", 1.0 / 6);
      node(step + "/Mul", "Mul", {x, gate + "/out"}, result);
      return;
    }
    case Function::silu:
      node(step + "/Mul", "Mul", {x, inner(step + "/Sigmoid", "Sigmoid", {x})}, result);
      return;
    case Function::gelu: {
      if (attrs.alpha == 1) return gelu_tanh(x, step, result);
      const std::string scaled = inner(step + "/Div", "Div", {x, scalar(step + "/sqrt2", std::sqrt(2.0))});
      const std::string erf = inner(step + "/Erf", "Erf", {scaled});
      const std::string shifted = inner(step + "/Add", "Add", {erf, scalar(step + "/one", 1)});
      const std::string product = inner(step + "/Mul", "Mul", {x, shifted});
      node(step + "/Mul_1", "Mul", {product, scalar(step + "/half", 0.5)}, result);
      return;
    }
    default:
      fail(fmt::format("the function {} has no node", ir::to_string(attrs.function)));
  }
}

}  // namespace npusim::onnx
