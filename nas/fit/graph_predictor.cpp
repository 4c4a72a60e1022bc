#include "nas/fit/graph_predictor.h"

#include <fmt/format.h>

#include "hw_models/api/npu.h"
#include "sim/base/error.h"

namespace npusim::fit {

ir::DType dtype_of(const Model& model, const Config& chip) {
  for (const ir::DType type : hw::make_npu(chip)->dtypes()) {
    if (ir::to_string(type) == model.dtype) return type;
  }
  throw UserError(
      fmt::format("the model is of type {}, which {} does not compute in", model.dtype, chip.text("chip")));
}

GraphPredictor::GraphPredictor(const Model& model, const Config& chip, const std::string& file)
    : model_((check_chip(model, chip, file), model)), extractor_(chip, dtype_of(model, chip)) {
  ensure(extractor_.names() == model.features, "a model of equal hardware has equal features");
}

NetworkPrediction GraphPredictor::predict(const ir::Graph& graph) {
  NetworkPrediction network;
  network.name = graph.name;
  std::vector<double> features(model_.features.size(), 0);
  Operators operators;
  for (const ir::Op& op : graph.ops) {
    operators.push_back(&extractor_.describe(graph, op));
    for (std::size_t i = 0; i < features.size(); ++i) features[i] += operators.back()->features[i];
  }
  const std::vector<Core::Layer> layers = model_.core->layers(operators);
  double sum = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::size_t binding = layers[i].binding;
    network.layers.push_back({graph.ops[i].name, operators[i]->kind, layers[i].cycles * model_.ns_per_cycle,
                              binding < features.size() ? model_.features[binding] : "launch"});
    sum += network.layers.back().ns;
  }
  network.ns = model_.predict_ns(channel_sums(*model_.core, operators));
  network.interval = model_.interval_ns(network.ns);
  network.outside = model_.domain.outside(features);
  network.rest_ns = network.ns - sum;
  return network;
}

}  // namespace npusim::fit
