#include "workloads/onnx/ops.h"

#include <array>
#include <unordered_map>

namespace npusim::onnx {

namespace {

std::unordered_map<std::string_view, Handler> collect() {
  std::unordered_map<std::string_view, Handler> table;
  for (const auto handlers : {conv_handlers(), matmul_handlers(), einsum_handlers(), pool_handlers(),
                              elementwise_handlers(), norm_handlers(), shape_handlers(), join_handlers(),
                              resize_handlers(), constant_handlers(), quantize_handlers()}) {
    for (const Handler& handler : handlers) table.emplace(handler.op, handler);
  }
  return table;
}

}  // namespace

bool is_onnx_domain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

const Handler* find_handler(const ::onnx::NodeProto& node) {
  static const std::unordered_map<std::string_view, Handler> kTable = collect();
  if (!is_onnx_domain(node.domain())) return nullptr;
  const auto found = kTable.find(node.op_type());
  return found == kTable.end() ? nullptr : &found->second;
}

}  // namespace npusim::onnx
