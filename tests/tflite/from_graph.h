// Networks of the zoo as TFLite models: what a converter would make of them.
#pragma once

#include "tests/tflite/model.h"
#include "workloads/ir/graph.h"

namespace npusim::tflite::testing {

/// `graph`, after the passes, as an int8 model with weights by channel: convolutions, fully connected layers,
/// additions, means, reshapes. Padding that TensorFlow cannot say in one word becomes a PAD before the
/// convolution; a fused sum becomes an ADD behind it. Weights are all ones. Throws UserError for an operator
/// that it cannot write.
Model from_graph(const ir::Graph& graph);

}  // namespace npusim::tflite::testing
