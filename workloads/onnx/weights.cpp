#include "workloads/onnx/weights.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <unordered_map>

#include "sim/base/error.h"
#include "workloads/onnx/model_file.h"
#include "workloads/onnx/ops.h"
#include "workloads/onnx/tensor_values.h"
#include "workloads/reference/execute.h"

namespace npusim::onnx {

namespace {

/// Where a tensor's bytes are in another file.
struct External {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

/// The model's tensors by name: initializers and nodes without inputs.
class WeightFile {
 public:
  explicit WeightFile(const std::string& path) : path_(path), model_(read_whole_model(path)) {
    for (const auto& tensor : model_.graph().initializer()) tensors_.emplace(tensor.name(), &tensor);
    for (const auto& node : model_.graph().node()) {
      for (const auto& name : node.output()) producers_.emplace(name, &node);
    }
  }

  reference::Value read(const ir::Tensor& tensor) {
    if (const auto found = tensors_.find(tensor.name); found != tensors_.end()) {
      return value(*found->second, tensor);
    }
    const auto found = producers_.find(tensor.name);
    if (found == producers_.end()) fail(tensor, "the file has no such tensor");
    return computed(*found->second, tensor);
  }

 private:
  [[noreturn]] void fail(const ir::Tensor& tensor, const std::string& what) const {
    throw UserError(fmt::format("{}: tensor '{}': {}", path_, tensor.name, what));
  }

  reference::Value value(const ::onnx::TensorProto& proto, const ir::Tensor& tensor) const {
    const ir::Shape shape(proto.dims().begin(), proto.dims().end());
    if (shape != tensor.shape || dtype_of(proto.data_type()) != tensor.dtype) {
      fail(tensor, fmt::format("the file holds {} of type {}, the graph expects {} of {}",
                               ir::to_string(shape), type_name(proto.data_type()),
                               ir::to_string(tensor.shape), ir::to_string(tensor.dtype)));
    }
    const std::int64_t count = ir::elements(shape);
    try {
      if (proto.data_location() != ::onnx::TensorProto::EXTERNAL) {
        return reference::make_value(tensor.dtype, shape, all_values(proto, count));
      }
      ::onnx::TensorProto loaded;
      loaded.set_name(proto.name());
      loaded.set_data_type(proto.data_type());
      loaded.set_raw_data(external_bytes(proto, tensor));
      return reference::make_value(tensor.dtype, shape, all_values(loaded, count));
    } catch (const UserError& error) {
      const std::string text = error.what();
      if (text.rfind(path_, 0) == 0) throw;
      throw UserError(fmt::format("{}: {}", path_, text));
    }
  }

  External external(const ::onnx::TensorProto& proto, const ir::Tensor& tensor) const {
    External result;
    try {
      for (const auto& entry : proto.external_data()) {
        if (entry.key() == "location") result.location = entry.value();
        if (entry.key() == "offset") result.offset = std::stoull(entry.value());
        if (entry.key() == "length") result.length = std::stoull(entry.value());
      }
    } catch (const std::exception&) {
      fail(tensor, "offset and length of its external data must be numbers");
    }
    if (result.location.empty()) fail(tensor, "its external data has no location");
    return result;
  }

  std::string external_bytes(const ::onnx::TensorProto& proto, const ir::Tensor& tensor) const {
    const External where = external(proto, tensor);
    const std::filesystem::path file = std::filesystem::path(path_).parent_path() / where.location;
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in) {
      fail(tensor, fmt::format("its values are in '{}', which cannot be opened; put that file there, or use "
                               "seeded random weights",
                               file.string()));
    }
    const auto size = static_cast<std::uint64_t>(in.tellg());
    const auto wanted = where.length.value_or(size - std::min(size, where.offset));
    if (where.offset > size || wanted > size - where.offset) {
      fail(tensor, fmt::format("its values are bytes {} to {} of '{}', which has {}", where.offset,
                               where.offset + wanted, file.string(), size));
    }
    std::string bytes(wanted, '\0');
    in.seekg(static_cast<std::streamoff>(where.offset));
    if (!in.read(bytes.data(), static_cast<std::streamsize>(wanted))) {
      fail(tensor, fmt::format("'{}' cannot be read", file.string()));
    }
    return bytes;
  }

  static const ::onnx::AttributeProto* attribute(const ::onnx::NodeProto& node, std::string_view name) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.name() == name) return &attribute;
    }
    return nullptr;
  }

  /// The result of a node that import turned into a weight.
  reference::Value computed(const ::onnx::NodeProto& node, const ir::Tensor& tensor) const {
    const std::string& type = node.op_type();
    if (is_onnx_domain(node.domain())) {
      if (type == "Constant") return constant(node, tensor);
      const auto count = static_cast<std::size_t>(ir::elements(tensor.shape));
      if (type == "ConstantOfShape") {
        const auto* fill = attribute(node, "value");
        const double value = fill == nullptr ? 0 : all_values(fill->t(), 1).front();
        return reference::make_value(tensor.dtype, tensor.shape, std::vector<double>(count, value));
      }
    }
    fail(tensor,
         fmt::format("its values are computed by the operator {}, which npusim only knows by shape", type));
  }

  reference::Value constant(const ::onnx::NodeProto& node, const ir::Tensor& tensor) const {
    if (const auto* dense = attribute(node, "value")) return value(dense->t(), tensor);
    std::vector<double> numbers;
    if (const auto* floats = attribute(node, "value_floats")) {
      numbers.assign(floats->floats().begin(), floats->floats().end());
    } else if (const auto* ints = attribute(node, "value_ints")) {
      numbers.assign(ints->ints().begin(), ints->ints().end());
    }
    return reference::make_value(tensor.dtype, tensor.shape, numbers);
  }

  std::string path_;
  ::onnx::ModelProto model_;
  std::unordered_map<std::string_view, const ::onnx::TensorProto*> tensors_;
  std::unordered_map<std::string_view, const ::onnx::NodeProto*> producers_;
};

}  // namespace

reference::Values load_weights(const std::string& path, const ir::Graph& graph) {
  WeightFile file(path);
  reference::Values values(graph.tensors.size());
  for (const ir::TensorId id : reference::free_weights(graph)) {
    reference::set(values, id, file.read(graph.tensor(id)));
  }
  return values;
}

}  // namespace npusim::onnx
