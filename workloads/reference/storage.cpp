#include "workloads/reference/storage.h"

#include <algorithm>
#include <cmath>

#include "workloads/passes/evaluate.h"

namespace npusim::reference {

void snap(const ir::IntegerStorage& storage, const ir::Shape& shape, std::vector<double>& numbers) {
  const std::size_t channels = storage.scales.size();
  std::size_t inner = 1;  // elements from one index of the axis to the next
  for (auto i = static_cast<std::size_t>(storage.axis) + 1; channels > 1 && i < shape.size(); ++i) {
    inner *= static_cast<std::size_t>(shape[i]);
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::size_t channel = i / inner % channels;
    const auto zero = static_cast<double>(storage.zero_points[channel]);
    const double steps = std::isnan(numbers[i]) ? 0 : std::round(numbers[i] / storage.scales[channel]);
    numbers[i] = (passes::round_to(steps + zero, storage.dtype) - zero) * storage.scales[channel];
  }
}

}  // namespace npusim::reference
