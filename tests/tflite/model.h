// Small TFLite models, built in memory, written to a temporary file and imported.
#pragma once

#include <schema_generated.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "workloads/tflite/import.h"

namespace npusim::tflite::testing {

using Code = format::BuiltinOperator;
using Type = format::TensorType;
using format::ActivationFunctionType;
using format::Padding;
using Dims = std::vector<std::int32_t>;

/// A file that is removed with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& contents, const std::string& extension = ".tflite");
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// Scales and zero points of a tensor.
struct Scales {
  std::vector<float> scales;
  std::vector<std::int64_t> zero_points;
  std::int32_t axis = 0;
};

/// A model of one subgraph under construction. Tensors are named "t0", "t1", ... by index.
class Model {
 public:
  Model();

  /// Adds a tensor and returns its index.
  std::int32_t tensor(const Dims& shape, Type type = Type::FLOAT32, const Scales& scales = {});
  std::int32_t input(const Dims& shape, Type type = Type::FLOAT32, const Scales& scales = {});
  /// A constant from the bytes of `values`.
  template <class T>
  std::int32_t constant(const std::vector<T>& values, const Dims& shape, Type type,
                        const Scales& scales = {}) {
    const std::int32_t index = tensor(shape, type, scales);
    set_data(index, values.data(), values.size() * sizeof(T));
    return index;
  }
  std::int32_t ints(const std::vector<std::int32_t>& values);
  std::int32_t floats(const std::vector<float>& values, const Dims& shape);
  /// A constant of ones with `type`'s bytes.
  std::int32_t weights(const Dims& shape, Type type = Type::FLOAT32, const Scales& scales = {});

  /// Adds an operator.
  void op(Code code, const Dims& inputs, const Dims& outputs);
  template <class Options>
  void op(Code code, const Dims& inputs, const Dims& outputs, Options options) {
    op(code, inputs, outputs);
    model.subgraphs[0]->operators.back()->builtin_options.Set(std::move(options));
  }
  /// Adds an operator with a name that only its maker knows.
  void custom_op(const std::string& name, const Dims& inputs, const Dims& outputs);
  void output(std::int32_t tensor) { graph().outputs.push_back(tensor); }

  [[nodiscard]] format::SubGraphT& graph() { return *model.subgraphs[0]; }
  [[nodiscard]] format::TensorT& at(std::int32_t tensor) {
    return *graph().tensors.at(static_cast<std::size_t>(tensor));
  }
  [[nodiscard]] std::string bytes() const;
  /// Writes, imports and verifies.
  [[nodiscard]] ir::Graph import(const ImportOptions& options = {}) const;
  /// The error of an import that must fail, without the file's name; "" when it does not.
  [[nodiscard]] std::string error(const ImportOptions& options = {}) const;

  format::ModelT model;

 private:
  void set_data(std::int32_t index, const void* data, std::size_t size);
};

/// Of an import that must fail; "" when it does not.
std::string error_of(const std::string& path, const ImportOptions& options = {});
/// Whether all of `parts` are in `text`.
bool contains(const std::string& text, const std::vector<std::string>& parts);

format::Conv2DOptionsT conv_options(Padding padding, std::int32_t stride = 1, std::int32_t dilation = 1,
                                    ActivationFunctionType activation = ActivationFunctionType::NONE);
format::DepthwiseConv2DOptionsT depthwise_options(
    Padding padding, std::int32_t stride = 1,
    ActivationFunctionType activation = ActivationFunctionType::NONE);
format::Pool2DOptionsT pool_options(Padding padding, std::int32_t kernel, std::int32_t stride);

}  // namespace npusim::tflite::testing
