#include <fmt/format.h>

#include <vector>

#include "sim/base/hash.h"
#include "workloads/ir/describe.h"
#include "workloads/ir/graph.h"

namespace npusim::ir {

namespace {

/// The graph's meaning as text: tensors are numbered by first use, so neither names nor ids matter.
class Canonical {
 public:
  explicit Canonical(const Graph& graph) : graph_(graph), number_(graph.tensors.size(), -1) {}

  std::string text() {
    refer(graph_.inputs);
    for (const Op& op : graph_.ops) {
      text_ += describe(op);
      for (const FusedStep& step : op.fused) {
        text_ += '+' + describe(step.op);
        refer(step.operand);
      }
      text_ += '(';
      refer(op.inputs);
      text_ += ")->";
      refer(op.outputs);
      text_ += '\n';
    }
    refer(graph_.outputs);
    return std::move(text_);
  }

 private:
  /// Trailing absent inputs are as good as none.
  void refer(const std::vector<TensorId>& ids) {
    std::size_t count = ids.size();
    while (count > 0 && ids[count - 1] == kNoTensor) --count;
    for (std::size_t i = 0; i < count; ++i) refer(ids[i]);
  }
  void refer(TensorId id) {
    if (id == kNoTensor) {
      text_ += " -";
      return;
    }
    int& number = number_.at(static_cast<std::size_t>(id));
    if (number >= 0) {
      text_ += fmt::format(" {}", number);
      return;
    }
    number = next_++;
    const Tensor& tensor = graph_.tensor(id);
    text_ += fmt::format(" {}:{}:{}:{}", number, static_cast<int>(tensor.role), to_string(tensor.dtype),
                         to_string(tensor.shape));
    if (tensor.storage) text_ += fmt::format("/{}", to_string(tensor.storage->dtype));
  }

  const Graph& graph_;
  std::vector<int> number_;
  int next_ = 0;
  std::string text_;
};

}  // namespace

std::string content_hash(const Graph& graph) { return hex_hash(Canonical(graph).text()); }

}  // namespace npusim::ir
