// A fitted model's answer for any network: layer by layer, with what binds each.
#pragma once

#include <string>
#include <vector>

#include "nas/fit/features.h"
#include "nas/fit/model.h"
#include "nas/fit/predictor.h"
#include "sim/base/config.h"
#include "workloads/ir/graph.h"

namespace npusim::fit {

/// What a roofline says of one operator.
struct LayerPrediction {
  std::string name;
  std::string kind;
  double ns = 0;
  std::string binding;  ///< the feature whose ceiling takes the most time, or "launch"
};

struct NetworkPrediction {
  std::string name;
  double ns = 0;
  Interval interval;
  std::string outside;                  ///< Domain::outside()
  std::vector<LayerPrediction> layers;  ///< of models with ceilings
  double rest_ns = 0;  ///< what the network takes besides: host calls, transfers, corrections of the sum
};

/// Predicts networks on the model's chip. Operators seen before cost a look-up.
class GraphPredictor {
 public:
  /// Throws UserError when the model is of other hardware; `file` names it in messages. The model must
  /// outlive the predictor.
  GraphPredictor(const Model& model, const Config& chip, const std::string& file);
  /// `graph` after the passes.
  NetworkPrediction predict(const ir::Graph& graph);

 private:
  const Model& model_;
  Extractor extractor_;
};

/// The model's data type among the chip's. Throws UserError when it has none of that name.
ir::DType dtype_of(const Model& model, const Config& chip);

}  // namespace npusim::fit
