#include "hw_models/ascend310/functional/functional.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hw_models/ascend310/functional/executor.h"
#include "hw_models/ascend310/functional/number.h"
#include "hw_models/ascend310/functional/pack.h"
#include "hw_models/ascend310/target.h"
#include "sim/base/error.h"

namespace npusim::ascend310 {

namespace {

class Functional final : public hw::Functional {
 public:
  Functional(std::shared_ptr<const Network> network, const ir::Graph& graph, std::vector<bool> computed,
             const reference::Quantization* quantization)
      : network_(std::move(network)), computed_(std::move(computed)) {
    shapes_.reserve(graph.tensors.size());
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
      shapes_.push_back(graph.tensors[i].shape);
      exponents_.push_back(quantization == nullptr ? 0 : quantization->tensors[i]);
    }
  }

  void fill(const reference::Values& values, program::Storage& storage) const override {
    for (std::size_t i = 0; i < network_->tensors.size(); ++i) {
      const DeviceTensor& tensor = network_->tensors[i];
      if (!network_->buffers[network_->tensor_buffer[i]].input || tensor.graph_tensor == ir::kNoTensor)
        continue;
      write({tensor.graph_tensor, i}, numbers(values, tensor.graph_tensor), storage);
    }
    for (const auto& layer : network_->layers) {
      if (const auto* cube = std::get_if<CubeLayer>(&layer)) fill_weights(*cube, values, storage);
    }
  }

  void execute(const program::Program& program, const program::Command& command,
               program::Storage& storage) const override {
    executor_.execute(program, command, storage);
  }

  [[nodiscard]] bool computes(std::uint32_t task) const override { return computed_.at(task); }

  [[nodiscard]] std::vector<hw::Holding> results(std::uint32_t task) const override {
    if (task == 0) return {};
    const DeviceTensor* out = std::visit([](const auto& layer) { return layer.out; }, layer(task));
    std::vector<hw::Holding> found;
    for (std::size_t i = 0; i < network_->tensors.size(); ++i) {
      if (&network_->tensors[i] == out && out->graph_tensor != ir::kNoTensor) {
        found.push_back({out->graph_tensor, i});
      }
    }
    return found;
  }

  [[nodiscard]] std::vector<double> read(const hw::Holding& holding,
                                         program::Storage& storage) const override {
    const DeviceTensor& tensor = network_->tensors.at(holding.copy);
    std::vector<double> out(static_cast<std::size_t>(tensor.order.elements));
    for_each_byte(tensor, storage, [&](std::int64_t element, std::byte* at) {
      out[static_cast<std::size_t>(element)] = get_number(at, tensor.order.dtype, exponent(holding.tensor));
    });
    return out;
  }

  void write(const hw::Holding& holding, const std::vector<double>& numbers,
             program::Storage& storage) const override {
    const DeviceTensor& tensor = network_->tensors.at(holding.copy);
    ensure(std::ssize(numbers) == tensor.order.elements, "a tensor is written with as many numbers");
    for_each_byte(tensor, storage, [&](std::int64_t element, std::byte* at) {
      put_number(at, tensor.order.dtype, exponent(holding.tensor),
                 numbers[static_cast<std::size_t>(element)]);
    });
  }

  [[nodiscard]] Address address(const hw::Holding& holding, std::int64_t element) const override {
    const DeviceTensor& tensor = network_->tensors.at(holding.copy);
    return {kGlobalSpace, tensor.offset_of(tensor.order.position(element))};
  }

  [[nodiscard]] std::int64_t accumulations(std::uint32_t task) const override {
    if (task == 0) return 0;
    const auto* cube = std::get_if<CubeLayer>(&layer(task));
    return cube == nullptr ? 0 : cube->k1() * cube->k_elements;
  }

 private:
  using Layer = std::variant<CubeLayer, StreamLayer>;
  [[nodiscard]] const Layer& layer(std::uint32_t task) const { return network_->layers.at(task - 1); }
  [[nodiscard]] std::int64_t exponent(ir::TensorId id) const {
    return exponents_.at(static_cast<std::size_t>(id));
  }

  /// Calls visit(element, its first byte).
  template <class Visit>
  static void for_each_byte(const DeviceTensor& tensor, program::Storage& storage, Visit&& visit) {
    for (std::int64_t i = 0; i < tensor.order.elements; ++i) {
      const std::int64_t offset = tensor.offset_of(tensor.order.position(i));
      visit(i, storage.bytes(kGlobalSpace, offset, tensor.order.element_bytes()).data());
    }
  }

  static const reference::Value& value_of(const reference::Values& values, ir::TensorId id) {
    const reference::Value* value = reference::find(values, id);
    ensure(value != nullptr, "every input and weight has a value");
    return *value;
  }

  /// A tensor's real numbers.
  [[nodiscard]] std::vector<double> numbers(const reference::Values& values, ir::TensorId id) const {
    const reference::Value& value = value_of(values, id);
    std::vector<double> out = value.doubles();
    if (value.dtype != ir::DType::i8) return out;
    for (double& number : out) number = std::ldexp(number, static_cast<int>(exponent(id)));
    return out;
  }

  void fill_weights(const CubeLayer& layer, const reference::Values& values,
                    program::Storage& storage) const {
    const auto bytes = [&](const DeviceTensor& tensor) {
      return storage.bytes(kGlobalSpace, tensor.offset_of(0), tensor.plain_bytes);
    };
    const WeightSource& source = layer.source;
    if (source.form != WeightSource::Form::none) {
      pack_weights(layer, value_of(values, source.weights),
                   shapes_.at(static_cast<std::size_t>(source.weights)), bytes(*layer.b));
    }
    if (layer.bias != nullptr) pack_bias(layer, value_of(values, source.bias), bytes(*layer.bias));
  }

  std::shared_ptr<const Network> network_;
  std::vector<ir::Shape> shapes_;  ///< by tensor id
  std::vector<std::int64_t> exponents_;
  std::vector<bool> computed_;  ///< by task
  mutable Executor executor_;   ///< keeps decoded settings
};

}  // namespace

std::unique_ptr<hw::Functional> make_functional(std::shared_ptr<const Network> network,
                                                const ir::Graph& graph, std::vector<bool> computed,
                                                const reference::Quantization* quantization) {
  return std::make_unique<Functional>(std::move(network), graph, std::move(computed), quantization);
}

}  // namespace npusim::ascend310
