#include "workloads/tflite/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "sim/base/error.h"

namespace npusim::tflite {

State::State(const std::string& path) : file(path) {
  graph.name = std::filesystem::path(path).stem().string();
  for (std::int32_t i = 0; i < file.tensors(); ++i) infos.push_back(describe(file, i));
  values.resize(infos.size());
  native.resize(infos.size(), Layout::file);
  image.resize(infos.size(), false);
  dequantized.resize(infos.size(), -1);
  unknown.resize(infos.size(), false);
}

std::string State::unique_name(const std::string& base) {
  std::string name = base;
  for (int i = 2; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
  return name;
}

std::int32_t State::constant_of(std::int32_t tensor) const {
  const std::int32_t source = dequantized.at(static_cast<std::size_t>(tensor));
  if (source >= 0) return source;
  return values.at(static_cast<std::size_t>(tensor)).empty() && has_values(file, tensor) ? tensor : -1;
}

ir::TensorId State::weight(std::int32_t tensor, const std::vector<std::int64_t>& permutation) {
  const std::int32_t constant = constant_of(tensor);
  ensure(constant >= 0, "a constant of the file");
  const auto [found, added] = weights_.try_emplace({tensor, permutation}, ir::kNoTensor);
  if (!added) return found->second;
  const TensorInfo& info = this->info(constant);
  const bool real = tensor != constant || info.storage.has_value();
  ensure(info.dtype && permutation.size() >= info.shape.size(), "a weight of a known type");

  const std::size_t front = permutation.size() - info.shape.size();
  ir::Shape shape(front, 1);
  shape.insert(shape.end(), info.shape.begin(), info.shape.end());
  ir::Tensor made{unique_name(info.name),
                  real ? ir::DType::f32 : *info.dtype,
                  permuted(shape, permutation),
                  ir::TensorRole::weight,
                  {},
                  info.storage};
  if (made.storage && made.storage->scales.size() > 1) {
    const std::int64_t axis = made.storage->axis + static_cast<std::int64_t>(front);
    made.storage->axis = std::find(permutation.begin(), permutation.end(), axis) - permutation.begin();
  }
  if (ir::elements(shape) <= ir::kMaxConstant) {
    made.constant = permuted_elements(values_of(file, constant, info), shape, permutation);
  }
  found->second = graph.add_tensor(std::move(made));
  sources[found->second] = {constant, std::move(shape), permutation};
  return found->second;
}

std::vector<double> permuted_elements(const std::vector<double>& values, const ir::Shape& shape,
                                      const std::vector<std::int64_t>& permutation) {
  if (std::is_sorted(permutation.begin(), permutation.end())) return values;
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  const ir::Shape out = permuted(shape, permutation);
  const std::vector<std::int64_t> steps = permuted(strides, permutation);
  std::vector<double> result;
  result.reserve(values.size());
  ir::Shape at(out.size(), 0);
  std::int64_t from = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    result.push_back(values[static_cast<std::size_t>(from)]);
    // The next coordinates, the last axis fastest.
    for (std::size_t axis = out.size(); axis-- > 0;) {
      from += steps[axis];
      if (++at[axis] < out[axis]) break;
      from -= steps[axis] * out[axis];
      at[axis] = 0;
    }
  }
  return result;
}

}  // namespace npusim::tflite
