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
  std::vector<double> channels(model_.core->channels(), 0);
  std::vector<double> features(model_.features.size(), 0);
  for (const ir::Op& op : graph.ops) {
    const std::vector<double>& counts = extractor_.features(graph, op);
    model_.core->add(kind_of(graph, op), counts, channels);
    for (std::size_t i = 0; i < counts.size(); ++i) features[i] += counts[i];
  }
  double layers = 0;
  for (const ir::Op& op : graph.ops) {
    const std::string kind = kind_of(graph, op);
    const std::vector<double>& counts = extractor_.features(graph, op);
    const auto layer = model_.core->layer(kind, counts, channels);
    if (!layer) break;
    network.layers.push_back({op.name, kind, layer->cycles * model_.ns_per_cycle,
                              layer->binding < counts.size() ? model_.features[layer->binding] : "launch"});
    layers += network.layers.back().ns;
  }
  network.ns = model_.predict_ns(channels);
  network.interval = {network.ns * (1 - model_.relative_interval),
                      network.ns * (1 + model_.relative_interval)};
  network.outside = model_.domain.outside(features);
  network.rest_ns = network.ns - layers;
  return network;
}

}  // namespace npusim::fit
