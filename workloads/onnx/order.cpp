#include "workloads/onnx/order.h"

#include <fmt/format.h>

#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "sim/base/error.h"

namespace npusim::onnx {

namespace {

class Sorter {
 public:
  Sorter(const ::onnx::GraphProto& graph, const std::string& file) : graph_(graph), file_(file) {
    for (const auto& input : graph.input()) given_.insert(input.name());
    for (const auto& tensor : graph.initializer()) given_.insert(tensor.name());
    for (const auto& tensor : graph.sparse_initializer()) given_.insert(tensor.values().name());
    for (int i = 0; i < graph.node_size(); ++i) register_outputs(static_cast<std::size_t>(i));
  }

  std::vector<std::size_t> run() {
    const auto count = static_cast<std::size_t>(graph_.node_size());
    std::vector<std::size_t> missing(count, 0);
    std::vector<std::vector<std::size_t>> readers(count);
    for (std::size_t i = 0; i < count; ++i) {
      for (const auto& name : node(i).input()) {
        if (name.empty() || given_.contains(name)) continue;
        readers[producer(i, name)].push_back(i);
        ++missing[i];
      }
    }
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < count; ++i) {
      if (missing[i] == 0) ready.push(i);
    }
    std::vector<std::size_t> order;
    while (!ready.empty()) {
      const std::size_t next = ready.top();
      ready.pop();
      order.push_back(next);
      for (const std::size_t reader : readers[next]) {
        if (--missing[reader] == 0) ready.push(reader);
      }
    }
    if (order.size() < count) fail_cycle(missing);
    return order;
  }

 private:
  [[nodiscard]] const ::onnx::NodeProto& node(std::size_t i) const {
    return graph_.node(static_cast<int>(i));
  }

  [[nodiscard]] std::string label(std::size_t i) const {
    const auto& name = node(i).name();
    return fmt::format("node '{}' ({})", name.empty() ? fmt::format("{}_{}", node(i).op_type(), i) : name,
                       node(i).op_type());
  }

  void register_outputs(std::size_t i) {
    for (const auto& name : node(i).output()) {
      if (name.empty()) continue;
      const auto [at, added] = producers_.emplace(name, i);
      if (given_.contains(name)) {
        throw UserError(fmt::format("{}: {}: output '{}' has the name of an input or initializer", file_,
                                    label(i), name));
      }
      if (!added) {
        throw UserError(fmt::format("{}: '{}' is the output of both {} and {}", file_, name,
                                    label(at->second), label(i)));
      }
    }
  }

  std::size_t producer(std::size_t reader, const std::string& name) const {
    if (const auto found = producers_.find(name); found != producers_.end()) return found->second;
    std::vector<std::string> names(given_.begin(), given_.end());
    for (const auto& entry : producers_) names.emplace_back(entry.first);
    throw UserError(fmt::format("{}: {}: input '{}' is produced by no node, input or initializer{}", file_,
                                label(reader), name, names.size() < 5000 ? suggestion(name, names) : ""));
  }

  [[noreturn]] void fail_cycle(const std::vector<std::size_t>& missing) const {
    std::string nodes;
    int listed = 0;
    for (std::size_t i = 0; i < missing.size(); ++i) {
      if (missing[i] == 0 || ++listed > 8) continue;
      nodes += fmt::format("{}{}", nodes.empty() ? "" : ", ", label(i));
    }
    throw UserError(fmt::format("{}: the graph has a cycle: none of these can come first: {}{}", file_, nodes,
                                listed > 8 ? fmt::format(" and {} more", listed - 8) : ""));
  }

  const ::onnx::GraphProto& graph_;
  const std::string& file_;
  std::unordered_set<std::string_view> given_;
  std::unordered_map<std::string_view, std::size_t> producers_;
};

}  // namespace

std::vector<std::size_t> topological_order(const ::onnx::GraphProto& graph, const std::string& file) {
  return Sorter(graph, file).run();
}

}  // namespace npusim::onnx
