#include "workloads/tflite/import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

#include "sim/base/error.h"
#include "workloads/importing/rebatch.h"
#include "workloads/reference/execute.h"
#include "workloads/tflite/ops.h"

namespace npusim::tflite {

namespace {

/// Indices of a vector that may be absent.
std::vector<std::int32_t> list(const flatbuffers::Vector<std::int32_t>* vector) {
  if (vector == nullptr) return {};
  return {vector->begin(), vector->end()};
}

class Importer {
 public:
  Importer(const std::string& path, const ImportOptions& options) : options_(options), state_(path) {}

  State run() {
    check_indices();
    check_options();
    find_images();
    for (const std::int32_t tensor : list(file().graph().inputs())) add_input(tensor);
    add_operators();
    add_outputs();
    if (old_batch_ && options_.batch) {
      importing::change_batch(state_.graph, *old_batch_, *options_.batch, file().path());
    }
    return std::move(state_);
  }

 private:
  [[nodiscard]] const ModelFile& file() const { return state_.file; }
  [[nodiscard]] const format::Operator& op(std::size_t i) const {
    return *file().graph().operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
  }
  static std::size_t index(std::int32_t tensor) { return static_cast<std::size_t>(tensor); }

  /// From here on every index names a tensor of the subgraph; of an operator's inputs some are -1.
  void check_indices() const {
    for (const std::int32_t tensor : list(file().graph().inputs())) {
      file().check_index(tensor, "an input of the network");
    }
    for (const std::int32_t tensor : list(file().graph().outputs())) {
      file().check_index(tensor, "an output of the network");
    }
    for (std::size_t i = 0; i < file().operators(); ++i) {
      const std::string where = fmt::format("operator {} ({})", i, file().name(op(i)));
      for (const std::int32_t tensor : list(op(i).inputs())) {
        if (tensor != -1) file().check_index(tensor, where);
      }
      for (const std::int32_t tensor : list(op(i).outputs())) file().check_index(tensor, where);
    }
  }

  static std::string dim_name(const TensorInfo& info, std::size_t axis) {
    return fmt::format("{}.{}", info.name, axis);
  }

  void check_options() const {
    if (options_.batch && (*options_.batch < 1 || *options_.batch >= importing::kMaxDim)) {
      file().fail(fmt::format("batch {}; expected at least 1", *options_.batch));
    }
    std::vector<std::string> names;
    for (const std::int32_t tensor : list(file().graph().inputs())) {
      const TensorInfo& info = state_.info(tensor);
      for (std::size_t i = 0; i < info.open.size(); ++i) {
        if (info.open[i]) names.push_back(dim_name(info, i));
      }
    }
    for (const auto& [name, value] : options_.dims) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        file().fail(
            fmt::format("--dim {}={}: the model has no open dimension of this name{}", name, value,
                        names.empty() ? "; all of its dimensions are fixed" : suggestion(name, names)));
      }
      if (value < 1) file().fail(fmt::format("--dim {}={}: expected a value of at least 1", name, value));
    }
  }

  /// Which tensors reach an operator on images through operators that do not care about the order of axes.
  void find_images() {
    for (std::size_t i = file().operators(); i-- > 0;) {
      const Handler* handler = find_handler(file().code(op(i)));
      if (handler == nullptr || handler->flow == Flow::file) continue;
      const std::vector<std::int32_t> inputs = list(op(i).inputs());
      const auto wanted = [&](std::int32_t tensor) { return state_.image[index(tensor)]; };
      const auto outputs = list(op(i).outputs());
      if (handler->flow == Flow::follows) {
        if (std::none_of(outputs.begin(), outputs.end(), wanted)) continue;
        for (const std::int32_t tensor : inputs) {
          if (tensor >= 0) state_.image[index(tensor)] = true;
        }
        continue;
      }
      const std::size_t place = handler->flow == Flow::image ? 0 : 2;
      if (place < inputs.size() && inputs[place] >= 0) state_.image[index(inputs[place])] = true;
    }
  }

  void add_input(std::int32_t tensor) {
    const TensorInfo& info = state_.info(tensor);
    const std::string where = fmt::format("input '{}'", info.name);
    if (!info.dtype) {
      file().fail(fmt::format("{}: type {} is not supported", where, type_name(file(), tensor)));
    }
    if (info.storage && info.storage->scales.size() > 1) {
      file().fail(fmt::format("{} is quantised by channel; expected one scale", where));
    }
    if (!state_.values[index(tensor)].empty()) file().fail(fmt::format("{} is listed twice", where));
    ir::Shape shape = info.shape;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (const auto given = options_.dims.find(dim_name(info, i)); given != options_.dims.end()) {
        shape[i] = given->second;
        state_.fixed_shapes = false;
      }
      if (shape[i] < 1) {
        file().fail(fmt::format("{}: dimension {} has no value; give it with --dim {}=VALUE", where, i,
                                dim_name(info, i)));
      }
    }
    const bool image = shape.size() == 4 && state_.image[index(tensor)];
    if (image) shape = permuted(shape, kChannelsFirst);
    importing::check_size(shape, fmt::format("{}: {}", file().path(), where));
    if (!old_batch_ && !shape.empty()) old_batch_ = shape[0];
    const ir::TensorId id = state_.graph.add_tensor({state_.unique_name(info.name),
                                                     *info.dtype,
                                                     std::move(shape),
                                                     ir::TensorRole::input,
                                                     {},
                                                     info.storage});
    const Layout layout = image ? Layout::channels_first : Layout::file;
    state_.values[index(tensor)][layout] = id;
    state_.native[index(tensor)] = layout;
    state_.graph.inputs.push_back(id);
  }

  void add_operators() {
    std::vector<std::string> problems;
    for (std::size_t i = 0; i < file().operators(); ++i) {
      const auto inputs = list(op(i).inputs());
      const bool known = std::none_of(inputs.begin(), inputs.end(), [&](std::int32_t tensor) {
        return tensor >= 0 && state_.unknown[index(tensor)];
      });
      Operator one(state_, op(i), i);
      const Handler* handler = find_handler(one.code());
      try {
        if (handler == nullptr) one.unsupported(why_unknown(one.code(), file().name(op(i))));
        if (known) {
          handler->run(one);
          continue;
        }
      } catch (const Unsupported& problem) {
        problems.emplace_back(problem.what());
      }
      for (const std::int32_t tensor : list(op(i).outputs())) state_.unknown[index(tensor)] = true;
    }
    if (problems.empty()) return;
    const auto* name = file().graph().name();
    file().fail(fmt::format(
        "{} unsupported operator{} in subgraph 0{}:\n  {}", problems.size(), problems.size() == 1 ? "" : "s",
        name == nullptr ? "" : fmt::format(" ('{}')", name->str()), fmt::join(problems, "\n  ")));
  }

  void add_outputs() {
    const auto outputs = list(file().graph().outputs());
    if (outputs.empty()) file().fail("the network has no outputs");
    for (const std::int32_t tensor : outputs) {
      const auto& made = state_.values[index(tensor)];
      if (made.empty()) {
        file().fail(fmt::format("output '{}' is made by no operator", state_.info(tensor).name));
      }
      state_.graph.outputs.push_back(made.at(state_.native[index(tensor)]));
    }
  }

  const ImportOptions& options_;
  std::optional<std::int64_t> old_batch_;
  State state_;
};

}  // namespace

bool is_tflite(std::span<const std::uint8_t> first_bytes) { return has_identifier(first_bytes); }

ir::Graph import_tflite(const std::string& path, const ImportOptions& options) {
  return std::move(Importer(path, options).run().graph);
}

reference::Values load_weights(const std::string& path, const ir::Graph& graph) {
  const State state = Importer(path, {}).run();
  std::unordered_map<std::string, const WeightSource*> sources;
  for (const auto& [id, source] : state.sources) sources.emplace(state.graph.tensor(id).name, &source);
  reference::Values values(graph.tensors.size());
  for (const ir::TensorId id : reference::free_weights(graph)) {
    const ir::Tensor& tensor = graph.tensor(id);
    const auto found = sources.find(tensor.name);
    if (found == sources.end()) {
      throw UserError(fmt::format("{}: tensor '{}': the file has no such constant", path, tensor.name));
    }
    const WeightSource& source = *found->second;
    const auto own = values_of(state.file, source.tensor, state.info(source.tensor));
    reference::set(values, id,
                   reference::make_value(tensor.dtype, tensor.shape,
                                         permuted_elements(own, source.shape, source.permutation)));
  }
  return values;
}

std::set<std::string> images(const std::string& path) {
  const State state = Importer(path, {}).run();
  std::set<std::string> names;
  for (std::size_t i = 0; i < state.values.size(); ++i) {
    const auto found = state.values[i].find(Layout::channels_first);
    const bool image = found != state.values[i].end() && state.native[i] == Layout::channels_first;
    if (image) names.insert(state.graph.tensor(found->second).name);
  }
  return names;
}

}  // namespace npusim::tflite
