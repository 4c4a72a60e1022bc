#include "hw_models/ascend310/recipes.h"

#include "sim/base/error.h"

namespace npusim::ascend310 {

using ir::Function;

std::vector<Pass> function_passes(Function function) {
  switch (function) {
    case Function::relu:
    case Function::add:
    case Function::sub:
    case Function::mul:
    case Function::min:
    case Function::max:
    case Function::abs:
    case Function::neg:
    case Function::reciprocal:
    case Function::logical_not:
    case Function::logical_and:
    case Function::logical_or:
      return {{kSimple, 1}};
    case Function::clip:
    case Function::leaky_relu:
    case Function::div:   // reciprocal, multiply
    case Function::sqrt:  // reciprocal root, multiply
    case Function::floor:
    case Function::round:
      return {{function == Function::floor || function == Function::round ? kConvert : kSimple, 2}};
    case Function::prelu:
      return {{kSimple, 3}};
    case Function::where:
    case Function::equal:
    case Function::less:
    case Function::greater:
      return {{kSimple, 2}};
    case Function::hard_sigmoid:
      return {{kSimple, 4}};
    case Function::hard_swish:
      return {{kSimple, 5}};
    case Function::exp:
    case Function::log:
      return {{kExp, 1}};
    case Function::sigmoid:  // 1 / (1 + exp(-x))
      return {{kSimple, 3}, {kExp, 1}};
    case Function::silu:
      return {{kSimple, 4}, {kExp, 1}};
    case Function::tanh:
      return {{kSimple, 5}, {kExp, 1}};
    case Function::gelu:  // tanh form
      return {{kSimple, 10}, {kExp, 1}};
    case Function::erf:  // rational approximation
      return {{kSimple, 14}, {kExp, 1}};
    case Function::pow:  // exp(y * log(x))
      return {{kSimple, 1}, {kExp, 2}};
    case Function::elu:
    case Function::softplus:
      return {{kSimple, 4}, {kExp, 2}};
  }
  throw InternalError("a function without recipe");
}

namespace {

std::vector<Pass> norm_passes(const ir::NormAttrs& norm) {
  if (norm.kind == ir::NormKind::batch) return {{kSimple, 2}};
  // Mean, centre, square, variance, reciprocal root, scale, gain, bias.
  return {{kReduce, 2}, {kSimple, 6}};
}

std::vector<Pass> resize_passes(const ir::ResizeAttrs& resize) {
  switch (resize.mode) {
    case ir::ResizeAttrs::Mode::nearest:
      return {{kSimple, 1}};
    case ir::ResizeAttrs::Mode::linear:
      return {{kSimple, 7}};  // four products, three sums
    case ir::ResizeAttrs::Mode::cubic:
      return {{kSimple, 31}};  // sixteen products, fifteen sums
  }
  return {{kSimple, 1}};
}

std::vector<Pass> pool_passes(const ir::PoolAttrs& pool) {
  const std::int64_t taps = pool.window.kernel.h * pool.window.kernel.w;
  return {{kSimple, taps + (pool.kind == ir::PoolKind::average ? 1 : 0)}};
}

std::vector<Pass> own_passes(const ir::Op& op) {
  using ir::OpKind;
  switch (op.kind) {
    case OpKind::elementwise: {
      const auto function = std::get<ir::ElementwiseAttrs>(op.attrs).function;
      auto passes = function_passes(function);
      // n-ary sums and maxima are chains.
      const bool chain = function == Function::add || function == Function::min || function == Function::max;
      if (chain && op.inputs.size() > 2) passes[0].count *= static_cast<std::int64_t>(op.inputs.size()) - 1;
      return passes;
    }
    case OpKind::pool:
      return pool_passes(std::get<ir::PoolAttrs>(op.attrs));
    case OpKind::reduce:
      return {{kSimple, std::get<ir::ReduceAttrs>(op.attrs).kind == ir::ReduceKind::mean ? 2 : 1},
              {kReduce, 1}};
    case OpKind::norm:
      return norm_passes(std::get<ir::NormAttrs>(op.attrs));
    case OpKind::softmax:
      return {{kReduce, 2}, {kSimple, 3}, {kExp, 1}};
    case OpKind::resize:
      return resize_passes(std::get<ir::ResizeAttrs>(op.attrs));
    case OpKind::transpose:
    case OpKind::depth_to_space:
    case OpKind::space_to_depth:
      return {{kTranspose, 2}};
    case OpKind::reshape:
      return {{kTranspose, 1}};
    case OpKind::cast:
      return {{kConvert, 1}};
    case OpKind::quantize:
    case OpKind::dequantize:
      return {{kSimple, 2}, {kConvert, 1}};
    default:
      return {{kSimple, 1}};
  }
}

}  // namespace

std::vector<Pass> op_passes(const ir::Graph& /*graph*/, const ir::Op& op) {
  auto passes = own_passes(op);
  for (const auto& step : op.fused) {
    const auto more = function_passes(step.op.function);
    passes.insert(passes.end(), more.begin(), more.end());
  }
  return passes;
}

void add_to(Epilogue& epilogue, const std::vector<Pass>& passes) {
  for (const auto& pass : passes) {
    switch (pass.kind) {
      case kExp:
        epilogue.exp += pass.count;
        break;
      case kConvert:
        epilogue.convert += pass.count;
        break;
      default:
        epilogue.simple += pass.count;
        break;
    }
  }
}

}  // namespace npusim::ascend310
