#include "tests/tflite/model.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <memory>

#include "sim/base/error.h"

namespace npusim::tflite::testing {

TemporaryFile::TemporaryFile(const std::string& contents, const std::string& extension) {
  static std::atomic<int> count{0};
  path_ = std::filesystem::temp_directory_path() /
          fmt::format("npusim_tflite_{}_{}{}", ::getpid(), count++, extension);
  std::ofstream(path_, std::ios::binary) << contents;
}

TemporaryFile::~TemporaryFile() { std::filesystem::remove(path_); }

Model::Model() {
  model.version = 3;
  model.subgraphs.push_back(std::make_unique<format::SubGraphT>());
  graph().name = "main";
  // Buffer 0 is the empty one, by convention.
  model.buffers.push_back(std::make_unique<format::BufferT>());
}

std::int32_t Model::tensor(const Dims& shape, Type type, const Scales& scales) {
  auto made = std::make_unique<format::TensorT>();
  const auto index = static_cast<std::int32_t>(graph().tensors.size());
  made->shape = shape;
  made->type = type;
  made->name = fmt::format("t{}", index);
  if (!scales.scales.empty()) {
    made->quantization = std::make_unique<format::QuantizationParametersT>();
    made->quantization->scale = scales.scales;
    made->quantization->zero_point = scales.zero_points;
    made->quantization->quantized_dimension = scales.axis;
  }
  graph().tensors.push_back(std::move(made));
  return index;
}

std::int32_t Model::input(const Dims& shape, Type type, const Scales& scales) {
  graph().inputs.push_back(tensor(shape, type, scales));
  return graph().inputs.back();
}

void Model::set_data(std::int32_t index, const void* data, std::size_t size) {
  auto buffer = std::make_unique<format::BufferT>();
  const auto* first = static_cast<const std::uint8_t*>(data);
  buffer->data.assign(first, first + size);
  at(index).buffer = static_cast<std::uint32_t>(model.buffers.size());
  model.buffers.push_back(std::move(buffer));
}

std::int32_t Model::ints(const std::vector<std::int32_t>& values) {
  return constant(values, {static_cast<std::int32_t>(values.size())}, Type::INT32);
}

std::int32_t Model::floats(const std::vector<float>& values, const Dims& shape) {
  return constant(values, shape, Type::FLOAT32);
}

std::int32_t Model::weights(const Dims& shape, Type type, const Scales& scales) {
  std::size_t count = 1;
  for (const std::int32_t size : shape) count *= static_cast<std::size_t>(size);
  if (type == Type::FLOAT32) return constant(std::vector<float>(count, 1), shape, type, scales);
  if (type == Type::INT32) return constant(std::vector<std::int32_t>(count, 1), shape, type, scales);
  return constant(std::vector<std::int8_t>(count, 1), shape, type, scales);
}

void Model::op(Code code, const Dims& inputs, const Dims& outputs) {
  auto kind = std::make_unique<format::OperatorCodeT>();
  kind->builtin_code = code;
  // Readers from before code 127 look here.
  kind->deprecated_builtin_code =
      static_cast<std::int8_t>(std::min<std::int32_t>(static_cast<std::int32_t>(code), 127));
  auto made = std::make_unique<format::OperatorT>();
  made->opcode_index = static_cast<std::uint32_t>(model.operator_codes.size());
  made->inputs = inputs;
  made->outputs = outputs;
  model.operator_codes.push_back(std::move(kind));
  graph().operators.push_back(std::move(made));
}

void Model::custom_op(const std::string& name, const Dims& inputs, const Dims& outputs) {
  op(Code::CUSTOM, inputs, outputs);
  model.operator_codes.back()->custom_code = name;
}

std::string Model::bytes() const {
  flatbuffers::FlatBufferBuilder builder;
  format::FinishModelBuffer(builder, format::Model::Pack(builder, &model));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

ir::Graph Model::import(const ImportOptions& options) const {
  const TemporaryFile file(bytes());
  ir::Graph graph = import_tflite(file.path(), options);
  ir::verify(graph);
  return graph;
}

std::string Model::error(const ImportOptions& options) const {
  const TemporaryFile file(bytes());
  const std::string text = error_of(file.path(), options);
  return text.rfind(file.path() + ": ", 0) == 0 ? text.substr(file.path().size() + 2) : text;
}

std::string error_of(const std::string& path, const ImportOptions& options) {
  try {
    import_tflite(path, options);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (text.find(part) == std::string::npos) return false;
  }
  return true;
}

format::Conv2DOptionsT conv_options(Padding padding, std::int32_t stride, std::int32_t dilation,
                                    ActivationFunctionType activation) {
  format::Conv2DOptionsT options;
  options.padding = padding;
  options.stride_h = options.stride_w = stride;
  options.dilation_h_factor = options.dilation_w_factor = dilation;
  options.fused_activation_function = activation;
  return options;
}

format::DepthwiseConv2DOptionsT depthwise_options(Padding padding, std::int32_t stride,
                                                  ActivationFunctionType activation) {
  format::DepthwiseConv2DOptionsT options;
  options.padding = padding;
  options.stride_h = options.stride_w = stride;
  options.depth_multiplier = 1;
  options.fused_activation_function = activation;
  return options;
}

format::Pool2DOptionsT pool_options(Padding padding, std::int32_t kernel, std::int32_t stride) {
  format::Pool2DOptionsT options;
  options.padding = padding;
  options.filter_height = options.filter_width = kernel;
  options.stride_h = options.stride_w = stride;
  return options;
}

}  // namespace npusim::tflite::testing
