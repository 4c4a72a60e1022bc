#include "workloads/tflite/ops.h"

#include <fmt/format.h>

#include <vector>

#include "sim/base/error.h"

namespace npusim::tflite {

namespace {

const std::vector<Handler>& handlers() {
  static const std::vector<Handler> all = [] {
    std::vector<Handler> list;
    for (const auto part :
         {conv_handlers(), pool_handlers(), elementwise_handlers(), matmul_handlers(), norm_handlers(),
          join_handlers(), slice_handlers(), shape_handlers(), resize_handlers()}) {
      list.insert(list.end(), part.begin(), part.end());
    }
    return list;
  }();
  return all;
}

bool is_control_flow(format::BuiltinOperator code) {
  using Code = format::BuiltinOperator;
  return code == Code::IF || code == Code::WHILE || code == Code::CALL || code == Code::CALL_ONCE;
}

}  // namespace

const Handler* find_handler(format::BuiltinOperator code) {
  for (const Handler& handler : handlers()) {
    if (handler.code == code) return &handler;
  }
  return nullptr;
}

std::string why_unknown(format::BuiltinOperator code, const std::string& name) {
  if (code == format::BuiltinOperator::CUSTOM && name == "edgetpu-custom-op") {
    return "this model is already compiled for the Edge TPU, and only the vendor's runtime can read what is "
           "inside; give npusim the model that the compiler was given (without '_edgetpu' in its name)";
  }
  if (code == format::BuiltinOperator::CUSTOM) {
    return "a custom operator, whose work npusim cannot know; export the model without it (a detector's "
           "post-processing runs on the host)";
  }
  if (is_control_flow(code)) return "control flow over other subgraphs; npusim takes networks without it";
  std::vector<std::string> names;
  for (const Handler& handler : handlers()) names.emplace_back(format::EnumNameBuiltinOperator(handler.code));
  return fmt::format("an operator that npusim does not know{}", suggestion(name, names));
}

}  // namespace npusim::tflite
