#include "tests/tflite/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "sim/base/error.h"
#include "workloads/passes/passes.h"
#include "workloads/reference/execute.h"
#include "workloads/tflite/import.h"

namespace npusim::tflite::testing {

namespace {

using reference::Value;
using reference::Values;
using Tensors = std::map<std::string, std::vector<float>>;

Tensors read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  Tensors tensors;
  for (std::string line; std::getline(in, line);) {
    const std::size_t space = line.rfind(' ');
    if (space == std::string::npos) throw UserError(fmt::format("{}: expected a line NAME COUNT", path));
    std::vector<float>& numbers = tensors[line.substr(0, space)];
    numbers.resize(std::stoul(line.substr(space + 1)));
    in.read(reinterpret_cast<char*>(numbers.data()),
            static_cast<std::streamsize>(numbers.size() * sizeof(float)));
    if (!in) throw UserError(fmt::format("{}: too short", path));
  }
  if (tensors.empty()) throw UserError(fmt::format("{}: no tensors", path));
  return tensors;
}

/// One model with the interpreter's tensors in the graph's order of axes.
class Judge {
 public:
  Judge(const std::string& model, const std::string& tensors)
      : graph_(import_tflite(model)), weights_(load_weights(model, graph_)) {
    ir::verify(graph_);
    const Tensors theirs = read(tensors);
    const std::set<std::string> moved = images(model);
    theirs_.resize(graph_.tensors.size());
    for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
      const ir::Tensor& tensor = graph_.tensors[i];
      if (tensor.role == ir::TensorRole::weight && tensor.constant) {
        reference::set(weights_, static_cast<ir::TensorId>(i),
                       reference::make_value(tensor.dtype, tensor.shape, *tensor.constant));
      }
      const auto found = theirs.find(tensor.name);
      if (tensor.role == ir::TensorRole::weight || found == theirs.end()) continue;
      if (static_cast<std::int64_t>(found->second.size()) != ir::elements(tensor.shape)) continue;
      theirs_[i] = value_of(tensor, found->second, moved.contains(tensor.name));
    }
    for (const ir::TensorId id : graph_.inputs) {
      const Value* input = find(theirs_, id);
      if (input == nullptr) {
        throw UserError(fmt::format("{}: input '{}' is missing", tensors, graph_.tensor(id).name));
      }
      reference::set(weights_, id, *input);
    }
  }

  std::vector<Judgement> own() const {
    const Values computed = reference::execute(graph_, weights_).values;
    std::vector<Judgement> list;
    for (const ir::Op& op : graph_.ops) {
      for (const ir::TensorId id : op.outputs) add(op, id, *find(computed, id), list);
    }
    return list;
  }

  std::vector<Judgement> local() const {
    Values values(graph_.tensors.size());
    std::vector<Judgement> list;
    for (const ir::Op& op : graph_.ops) {
      reference::execute_operator(graph_, op, values, weights_);
      for (const ir::TensorId id : op.outputs) {
        add(op, id, *find(values, id), list);
        if (const Value* their = find(theirs_, id)) reference::set(values, id, *their);
      }
    }
    return list;
  }

  std::vector<Judgement> passed() const {
    const ir::Graph passed = passes::run_pipeline(graph_);
    const Values computed = reference::execute(passed, reference::carry(graph_, weights_, passed)).values;
    std::vector<Judgement> list;
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      add({}, graph_.outputs[i], *find(computed, passed.outputs[i]), list);
    }
    return list;
  }

 private:
  static Value value_of(const ir::Tensor& tensor, const std::vector<float>& numbers, bool moves) {
    std::vector<double> own(numbers.begin(), numbers.end());
    if (moves) {
      const auto batch = static_cast<std::size_t>(tensor.shape[0]);
      const auto channels = static_cast<std::size_t>(tensor.shape[1]);
      const std::size_t plane = own.size() / (batch * channels);
      for (std::size_t i = 0; i < own.size(); ++i) {
        const std::size_t n = i / (plane * channels), c = i / plane % channels;
        own[i] = static_cast<double>(numbers[(n * plane + i % plane) * channels + c]);
      }
    }
    return reference::make_value(tensor.dtype, tensor.shape, own);
  }

  void add(const ir::Op& op, ir::TensorId id, const Value& actual, std::vector<Judgement>& list) const {
    const Value* expected = find(theirs_, id);
    if (expected == nullptr) return;
    const ir::Tensor& tensor = graph_.tensor(id);
    const auto difference = reference::compare(*expected, actual);
    Judgement one{tensor.name, op.source_op, tensor.storage.has_value(), difference.relative(), 0, false};
    if (one.quantized) {
      const double step = tensor.storage->scales.at(0);
      std::int64_t differing = 0;
      for (std::size_t i = 0; i < actual.size(); ++i) {
        if (std::abs(actual.at(i) - expected->at(i)) > step / 2) ++differing;
      }
      one.most = std::round(difference.max_abs / step);
      one.share = static_cast<double>(differing) / static_cast<double>(actual.size());
    }
    one.result = std::find(graph_.outputs.begin(), graph_.outputs.end(), id) != graph_.outputs.end();
    list.push_back(std::move(one));
  }

  ir::Graph graph_;
  Values weights_;  ///< and inputs
  Values theirs_;
};

}  // namespace

std::vector<Judgement> judge(const std::string& model, const std::string& tensors, Operands operands) {
  const Judge one(model, tensors);
  return operands == Operands::own ? one.own() : one.local();
}

std::vector<Judgement> judge_passed(const std::string& model, const std::string& tensors) {
  return Judge(model, tensors).passed();
}

}  // namespace npusim::tflite::testing
