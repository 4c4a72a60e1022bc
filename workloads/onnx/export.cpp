#include "workloads/onnx/export.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unordered_set>

#include "sim/base/error.h"
#include "workloads/onnx/export_nodes.h"
#include "workloads/onnx/export_values.h"

namespace npusim::onnx {

namespace {

constexpr std::int64_t kOpset = 13;
constexpr std::int64_t kIrVersion = 7;  // of ONNX 1.8, as opset 13 is
/// Protobuf refuses larger messages; what is not weights is far below the difference to 2 GiB.
constexpr std::int64_t kMaxEmbedded = 2'000'000'000;
constexpr std::int64_t kAlignment = 64;  ///< of weights in the external file

/// ONNX names by tensor id: the tensor's own, made unique.
std::vector<std::string> tensor_names(const ir::Graph& graph) {
  std::vector<std::string> names;
  std::unordered_set<std::string> taken;
  for (std::size_t id = 0; id < graph.tensors.size(); ++id) {
    std::string name = graph.tensors[id].name;
    if (name.empty() || taken.contains(name)) name += fmt::format("#{}", id);
    taken.insert(name);
    names.push_back(std::move(name));
  }
  return names;
}

/// Uniform weights' bounds that keep activations finite: for a filter, of He's variance for its inputs;
/// scales and variances of normalisation are positive.
std::pair<double, double> bounds(const ir::Graph& graph, const ir::Op& op, std::size_t input) {
  if (op.kind == ir::OpKind::norm && (input == 1 || input == 4)) return {0.5, 1.5};
  const ir::Shape& shape = graph.tensor(op.inputs[input]).shape;
  if (shape.size() < 2) return {-0.1, 0.1};
  const double fan_in = static_cast<double>(ir::elements(shape)) / static_cast<double>(shape[0]);
  const double bound = std::sqrt(6 / fan_in);
  return {-bound, bound};
}

class Exporter {
 public:
  Exporter(const ir::Graph& graph, const ExportOptions& options, std::string weights_file)
      : graph_(graph),
        options_(options),
        weights_file_(std::move(weights_file)),
        names_(tensor_names(graph)) {}

  ::onnx::ModelProto model() {
    ::onnx::ModelProto model;
    model.set_ir_version(kIrVersion);
    model.set_producer_name("npusim");
    model.add_opset_import()->set_version(kOpset);
    ::onnx::GraphProto& out = *model.mutable_graph();
    out.set_name(graph_.name);
    for (const ir::TensorId id : graph_.inputs) value_info(*out.add_input(), id);
    for (const ir::TensorId id : graph_.outputs) value_info(*out.add_output(), id);
    initializers(out);
    NodeWriter writer(graph_, names_, out);
    for (const ir::Op& op : graph_.prepared) writer.write(op);
    for (const ir::Op& op : graph_.ops) writer.write(op);
    return model;
  }

 private:
  [[nodiscard]] const std::string& name(ir::TensorId id) const {
    return names_[static_cast<std::size_t>(id)];
  }

  void value_info(::onnx::ValueInfoProto& out, ir::TensorId id) const {
    const ir::Tensor& tensor = graph_.tensor(id);
    out.set_name(name(id));
    auto& type = *out.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx_type(tensor.dtype));
    auto& shape = *type.mutable_shape();
    for (const std::int64_t size : tensor.shape) shape.add_dim()->set_dim_value(size);
  }

  /// Weights in the order of their first use.
  void initializers(::onnx::GraphProto& out) {
    std::vector<bool> written(graph_.tensors.size(), false);
    for (const ir::Op& op : graph_.prepared) {
      initializers(out, op, written);
      for (const ir::TensorId id : op.outputs) written[static_cast<std::size_t>(id)] = true;
    }
    for (const ir::Op& op : graph_.ops) initializers(out, op, written);
  }

  void initializers(::onnx::GraphProto& out, const ir::Op& op, std::vector<bool>& written) {
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      const ir::TensorId id = op.inputs[i];
      if (id == ir::kNoTensor || written[static_cast<std::size_t>(id)]) continue;
      if (graph_.tensor(id).role != ir::TensorRole::weight) continue;
      written[static_cast<std::size_t>(id)] = true;
      initializer(*out.add_initializer(), op, i);
    }
  }

  void initializer(::onnx::TensorProto& out, const ir::Op& op, std::size_t input) {
    const ir::TensorId id = op.inputs[input];
    const ir::Tensor& tensor = graph_.tensor(id);
    const std::int64_t count = ir::elements(tensor.shape);
    const std::int64_t bytes = count * ir::size_of(tensor.dtype);
    describe(out, name(id), tensor.dtype, tensor.shape);
    if (tensor.constant) {
      embed(out, tensor.dtype, *tensor.constant);
    } else if (options_.with_weights) {
      embedded_ += bytes;
      if (embedded_ > kMaxEmbedded) {
        throw UserError(
            fmt::format("graph '{}': its weights exceed the {} bytes that an ONNX file can hold; export "
                        "it without weights",
                        graph_.name, kMaxEmbedded));
      }
      const auto [low, high] = bounds(graph_, op, input);
      embed_random(out, tensor.dtype, count, low, high, rng_);
    } else {
      external(out, bytes);
    }
  }

  void external(::onnx::TensorProto& out, std::int64_t bytes) {
    out.set_data_location(::onnx::TensorProto_DataLocation_EXTERNAL);
    const auto entry = [&out](const char* key, const std::string& value) {
      auto& data = *out.add_external_data();
      data.set_key(key);
      data.set_value(value);
    };
    entry("location", weights_file_);
    entry("offset", std::to_string(offset_));
    entry("length", std::to_string(bytes));
    offset_ = (offset_ + bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  const ir::Graph& graph_;
  const ExportOptions& options_;
  std::string weights_file_;
  std::vector<std::string> names_;
  Rng rng_{options_.seed};
  std::int64_t embedded_ = 0;
  std::int64_t offset_ = 0;
};

}  // namespace

void export_onnx(const ir::Graph& graph, const std::string& path, const ExportOptions& options) {
  const std::filesystem::path file(path);
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw UserError(
        fmt::format("{}: cannot be written, because the folder '{}' does not exist", path, folder.string()));
  }
  const ::onnx::ModelProto model = Exporter(graph, options, file.stem().string() + ".weights").model();
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  const int error = errno;
  if (!out) throw UserError(fmt::format("{}: cannot be written: {}", path, std::strerror(error)));
  if (!model.SerializeToOstream(&out) || !out.flush()) {
    throw UserError(fmt::format("{}: writing failed (is the disk full?)", path));
  }
}

}  // namespace npusim::onnx
