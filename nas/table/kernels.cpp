#include "nas/table/kernels.h"

#include <fmt/format.h>

#include <set>

#include "nas/table/form.h"

namespace npusim::table {
namespace {

/// A convolution, and what follows it.
struct ConvKernel {
  zoo::Conv conv;
  bool norm = false;
  zoo::Act act = zoo::Act::none;
};

/// The operator that alone reads this tensor; nullptr when there is none or more than one.
const ir::Op* only_reader(const ir::Graph& graph, ir::TensorId tensor) {
  const ir::Op* reader = nullptr;
  for (const ir::Op& op : graph.ops) {
    for (const ir::TensorId input : op.inputs) {
      if (input != tensor) continue;
      if (reader != nullptr) return nullptr;
      reader = &op;
    }
  }
  return reader;
}

zoo::Act act_of(const ir::Op& op) {
  if (op.kind != ir::OpKind::elementwise || op.inputs.size() != 1) return zoo::Act::none;
  const auto& attrs = std::get<ir::ElementwiseAttrs>(op.attrs);
  switch (attrs.function) {
    case ir::Function::relu:
      return zoo::Act::relu;
    case ir::Function::clip:
      return attrs.alpha == 0 && attrs.beta == 6 ? zoo::Act::relu6 : zoo::Act::none;
    case ir::Function::hard_swish:
      return zoo::Act::hard_swish;
    case ir::Function::silu:
      return zoo::Act::silu;
    default:
      return zoo::Act::none;
  }
}

ConvKernel kernel_of(const ir::Graph& graph, const ir::Op& op) {
  const auto& attrs = std::get<ir::ConvAttrs>(op.attrs);
  const ir::Window& window = attrs.window;
  ConvKernel kernel;
  kernel.conv.out = graph.shape(op.outputs[0])[1];
  kernel.conv.kernel = zoo::Size(window.kernel.h, window.kernel.w);
  kernel.conv.stride = zoo::Size(window.stride.h, window.stride.w);
  kernel.conv.groups = attrs.groups;
  const bool half =
      window.kernel.h > 1 && window.pad.top == window.kernel.h / 2 && window.pad.bottom == window.pad.top;
  kernel.conv.pad = half ? zoo::Pad::kHalf : zoo::Pad::kLeading;
  const ir::Op* next = only_reader(graph, op.outputs[0]);
  if (next != nullptr && next->kind == ir::OpKind::norm) {
    kernel.norm = true;
    next = only_reader(graph, next->outputs[0]);
  }
  if (next != nullptr) kernel.act = act_of(*next);
  return kernel;
}

const char* act_name(zoo::Act act) {
  switch (act) {
    case zoo::Act::relu:
      return "_relu";
    case zoo::Act::relu6:
      return "_relu6";
    case zoo::Act::hard_swish:
      return "_hswish";
    case zoo::Act::silu:
      return "_swish";
    default:
      return "";
  }
}

space::Block block_of(const ir::Graph& graph, const ir::Op& op) {
  space::Block block;
  block.input = graph.shape(op.inputs[0]);
  block.output = graph.shape(op.outputs[0]);
  if (op.kind == ir::OpKind::matmul) {
    const std::int64_t out = block.output.at(1);
    block.name = fmt::format("fc:i{}_o{}", block.input.at(1), out);
    block.append = [out](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
      return b.linear(prefix + "fc", x, out);
    };
    return block;
  }
  if (op.kind == ir::OpKind::reduce) {
    block.name = fmt::format("pool:i{}@{}", block.input.at(1), block.input.at(2));
    block.append = [](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
      return b.global_average_pool(prefix + "pool", x);
    };
    return block;
  }
  const ConvKernel kernel = kernel_of(graph, op);
  block.name = fmt::format("conv:k{}_s{}_i{}_o{}_g{}{}{}{}@{}", kernel.conv.kernel.h, kernel.conv.stride.h,
                           block.input.at(1), kernel.conv.out, kernel.conv.groups, kernel.norm ? "_bn" : "",
                           act_name(kernel.act), kernel.conv.pad.rule == zoo::Pad::kHalf ? "_half" : "",
                           block.input.at(2));
  block.append = [kernel](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
    const std::string name = prefix + "conv";
    if (kernel.norm) return b.conv_bn_act(name, x, kernel.conv, kernel.act);
    return b.act(name + ".act", b.conv(name, x, kernel.conv), kernel.act);
  };
  return block;
}

bool is_kernel(const ir::Graph& graph, const ir::Op& op) {
  switch (op.kind) {
    case ir::OpKind::conv:
    case ir::OpKind::matmul:
      return true;
    case ir::OpKind::reduce:
      return graph.shape(op.inputs[0]).size() == 4;
    default:
      return false;
  }
}

}  // namespace

std::vector<space::Block> kernels_of(const std::vector<space::Block>& blocks) {
  std::vector<space::Block> kernels;
  std::set<std::string> seen;
  for (const space::Block& whole : blocks) {
    const ir::Graph graph = network_of(whole, 1);
    const bool squeezed = form_of(graph).squeeze > 0;
    for (const ir::Op& op : graph.ops) {
      const ir::Shape& input = op.inputs.empty() ? whole.input : graph.shape(op.inputs[0]);
      const bool cell = input.size() == 4 && input[2] == 1 && input[3] == 1;
      if (!is_kernel(graph, op) || (squeezed && (cell || op.kind == ir::OpKind::reduce))) continue;
      space::Block kernel = block_of(graph, op);
      if (seen.insert(kernel.name).second) kernels.push_back(std::move(kernel));
    }
  }
  return kernels;
}

}  // namespace npusim::table
