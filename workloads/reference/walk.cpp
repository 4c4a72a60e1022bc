#include <cstddef>

#include "workloads/reference/kernels.h"

namespace npusim::reference {

std::vector<std::int64_t> row_major(const ir::Shape& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

std::vector<std::int64_t> broadcast_strides(const ir::Shape& shape, const ir::Shape& out) {
  std::vector<std::int64_t> strides(out.size(), 0);
  const std::vector<std::int64_t> own = row_major(shape);
  const std::size_t lead = out.size() - shape.size();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1) strides[lead + i] = own[i];
  }
  return strides;
}

void Walk::next() {
  for (std::size_t axis = shape_.size(); axis-- > 0;) {
    const bool carry = ++at_[axis] == shape_[axis];
    for (std::size_t i = 0; i < strides_.size(); ++i) {
      offsets_[i] += carry ? -(shape_[axis] - 1) * strides_[i][axis] : strides_[i][axis];
    }
    if (!carry) return;
    at_[axis] = 0;
  }
}

}  // namespace npusim::reference
