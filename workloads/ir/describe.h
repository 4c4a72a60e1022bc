// One line for an operator's kind and attributes, shared by print and the content hash.
#pragma once

#include <string>

#include "workloads/ir/graph.h"

namespace npusim::ir {

/// "conv 3x3 s2 p1 g32": the kind and every attribute that differs from its usual value, so that two
/// operators of equal shapes describe alike exactly when they compute alike.
std::string describe(const Op& op);

/// "clip[0,6]", "relu". Numbers in single precision, as files have them.
std::string describe(const ElementwiseAttrs& attrs);

}  // namespace npusim::ir
