#include "workloads/onnx/import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "sim/base/error.h"
#include "workloads/importing/rebatch.h"
#include "workloads/onnx/model_file.h"
#include "workloads/onnx/node.h"
#include "workloads/onnx/ops.h"
#include "workloads/onnx/order.h"
#include "workloads/onnx/tensor_values.h"

namespace npusim::onnx {

namespace {

constexpr std::int64_t kOldestOpset = 7;  ///< before it, broadcasting worked differently

class Importer {
 public:
  /// `exported_batch`: the batch to import with before it is changed to the option's; by default the file's.
  Importer(const std::string& path, const ::onnx::ModelProto& model, const ImportOptions& options,
           std::optional<std::int64_t> exported_batch = std::nullopt)
      : model_(model), proto_(model.graph()), options_(options) {
    state_.file = path;
    state_.graph.name = std::filesystem::path(path).stem().string();
    for (const auto& tensor : proto_.initializer()) state_.initializers.emplace(tensor.name(), &tensor);
    find_old_batch();
    if (exported_batch) old_batch_ = exported_batch;
  }

  /// Whether the inputs' first dimension is open and the options fill it.
  [[nodiscard]] bool fills_batch() const { return options_.batch && *options_.batch != 1 && !old_batch_; }

  ir::Graph run() {
    opset_ = opset();
    check_dim_names();
    add_inputs();
    add_nodes();
    add_outputs();
    if (old_batch_ && options_.batch)
      importing::change_batch(state_.graph, *old_batch_, *options_.batch, state_.file);
    return std::move(state_.graph);
  }

 private:
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) const {
    throw UserError(fmt::format("{}: {}", state_.file, fmt::format(text, std::forward<Args>(args)...)));
  }

  std::int64_t opset() const {
    for (const auto& entry : model_.opset_import()) {
      if (!is_onnx_domain(entry.domain())) continue;
      if (entry.version() < kOldestOpset) {
        fail("opset {}; expected {} or newer (re-export the model)", entry.version(), kOldestOpset);
      }
      return entry.version();
    }
    fail("the model names no version of the ONNX operators (opset_import; truncated?)");
  }

  /// Inputs that are not given by an initializer (before IR version 4, initializers are listed too).
  bool is_fed(const ::onnx::ValueInfoProto& input) const {
    return !state_.initializers.contains(input.name());
  }

  /// The batch that the file fixes, when it is to be replaced: the first input's first dimension.
  void find_old_batch() {
    if (!options_.batch) return;
    if (*options_.batch < 1 || *options_.batch >= kMaxDim) {
      fail("batch {}; expected at least 1", *options_.batch);
    }
    for (const auto& input : proto_.input()) {
      const auto& shape = input.type().tensor_type().shape();
      if (!is_fed(input) || shape.dim_size() == 0 || !shape.dim(0).has_dim_value()) continue;
      if (shape.dim(0).dim_value() >= 1) old_batch_ = shape.dim(0).dim_value();
      return;
    }
  }

  static std::string dim_name(const ::onnx::ValueInfoProto& input, int axis) {
    const auto& dim = input.type().tensor_type().shape().dim(axis);
    return dim.has_dim_param() && !dim.dim_param().empty() ? dim.dim_param()
                                                           : fmt::format("{}.{}", input.name(), axis);
  }

  void check_dim_names() const {
    std::vector<std::string> names;
    for (const auto& input : proto_.input()) {
      const auto& shape = input.type().tensor_type().shape();
      for (int i = 0; i < shape.dim_size(); ++i) {
        if (!shape.dim(i).has_dim_value()) names.push_back(dim_name(input, i));
      }
    }
    for (const auto& [name, value] : options_.dims) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        fail("--dim {}={}: the model has no symbolic dimension of this name{}", name, value,
             names.empty() ? "; all of its dimensions are fixed" : suggestion(name, names));
      }
    }
  }

  std::int64_t dimension(const ::onnx::ValueInfoProto& input, int axis) const {
    const auto& dim = input.type().tensor_type().shape().dim(axis);
    if (dim.has_dim_value()) {
      if (dim.dim_value() < 1) {
        fail("input '{}': dimension {} is {}, expected at least 1", input.name(), axis, dim.dim_value());
      }
      return dim.dim_value();
    }
    const std::string name = dim_name(input, axis);
    if (const auto found = options_.dims.find(name); found != options_.dims.end()) {
      if (found->second < 1) fail("--dim {}={}: expected a value of at least 1", name, found->second);
      return found->second;
    }
    // Beside inputs of a fixed batch, a symbolic one takes part in the change from the old to the new one.
    if (axis == 0 && options_.batch) return old_batch_.value_or(*options_.batch);
    fail("input '{}': dimension {} ('{}') has no value; give it with {}--dim {}=VALUE", input.name(), axis,
         name, axis == 0 ? "--batch N or " : "", name);
  }

  void add_inputs() {
    for (const auto& input : proto_.input()) {
      if (!is_fed(input)) continue;
      if (!input.type().has_tensor_type()) fail("input '{}' is not a tensor", input.name());
      const auto& type = input.type().tensor_type();
      const auto dtype = dtype_of(type.elem_type());
      if (!dtype) {
        fail("input '{}': element type {} is not supported", input.name(), type_name(type.elem_type()));
      }
      if (!type.has_shape()) fail("input '{}' has no shape, not even its rank", input.name());
      ir::Tensor tensor{input.name(), *dtype, {}, ir::TensorRole::input, {}};
      for (int i = 0; i < type.shape().dim_size(); ++i) tensor.shape.push_back(dimension(input, i));
      const ir::TensorId id =
          state_.add(std::move(tensor), fmt::format("{}: input '{}'", state_.file, input.name()));
      if (!state_.values.emplace(input.name(), id).second) fail("input '{}' is listed twice", input.name());
      state_.graph.inputs.push_back(id);
    }
  }

  void add_nodes() {
    std::vector<std::string> problems;
    std::set<std::string> unknown;  // results of nodes that are not supported
    for (const std::size_t i : topological_order(proto_, state_.file)) {
      const auto& proto = proto_.node(static_cast<int>(i));
      Node node(state_, proto, i, opset_);
      const Handler* handler = find_handler(proto);
      try {
        if (handler == nullptr) node.unsupported(unsupported_operator(proto));
        bool known = true;
        for (const auto& name : proto.input()) known = known && !unknown.contains(name);
        if (known) {
          handler->run(node);
          continue;
        }
      } catch (const Unsupported& problem) {
        problems.emplace_back(problem.what());
      }
      for (const auto& name : proto.output()) {
        if (!name.empty()) unknown.insert(name);
      }
    }
    if (!problems.empty()) {
      fail("{} unsupported node{}:\n  {}", problems.size(), problems.size() == 1 ? "" : "s",
           fmt::join(problems, "\n  "));
    }
  }

  static std::string unsupported_operator(const ::onnx::NodeProto& proto) {
    if (is_onnx_domain(proto.domain())) return "an operator that npusim does not know";
    return fmt::format("an operator of domain '{}'; npusim knows ONNX's own", proto.domain());
  }

  void add_outputs() {
    if (proto_.output_size() == 0) fail("the graph has no outputs");
    for (const auto& output : proto_.output()) {
      const ir::TensorId id = state_.find(output.name());
      if (id == ir::kNoTensor) fail("output '{}' is produced by no node", output.name());
      state_.graph.outputs.push_back(id);
    }
  }

  const ::onnx::ModelProto& model_;
  const ::onnx::GraphProto& proto_;
  const ImportOptions& options_;
  std::int64_t opset_ = 0;
  std::optional<std::int64_t> old_batch_;
  ImportState state_;
};

}  // namespace

ir::Graph import_onnx(const std::string& path, const ImportOptions& options) {
  const ::onnx::ModelProto model = read_model(path);
  Importer importer(path, model, options);
  const bool fills_batch = importer.fills_batch();
  try {
    return importer.run();
  } catch (const UserError&) {
    if (!fills_batch) throw;
    // An open batch, but inside the graph the one that the exporter saw: nearly always 1.
    try {
      return Importer(path, model, options, 1).run();
    } catch (const UserError&) {
    }
    throw;
  }
}

}  // namespace npusim::onnx
