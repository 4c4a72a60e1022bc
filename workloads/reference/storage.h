// Tensors that a quantised network stores as integers.
#pragma once

#include <vector>

#include "workloads/ir/graph.h"

namespace npusim::reference {

/// Moves every element of a tensor of `shape` to the nearest number that an integer of the storage stands
/// for: halves away from zero, as TFLite's QUANTIZE rounds; beyond the integer type's range to its ends. NaN
/// becomes the zero point's number, 0.
void snap(const ir::IntegerStorage& storage, const ir::Shape& shape, std::vector<double>& numbers);

}  // namespace npusim::reference
