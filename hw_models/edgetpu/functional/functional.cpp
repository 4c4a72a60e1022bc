#include "hw_models/edgetpu/functional/functional.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "hw_models/edgetpu/bank.h"
#include "hw_models/edgetpu/functional/executor.h"
#include "hw_models/edgetpu/patch.h"
#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/setting.h"
#include "hw_models/edgetpu/target.h"
#include "sim/base/error.h"
#include "workloads/reference/quantize.h"

namespace npusim::edgetpu {

namespace {

using reference::Value;
using reference::Values;

/// A copy of a map: in the tiles, or in the host's memory. Holding::copy is 2 * map + this.
enum class Home : std::size_t { tiles, host };

class Functional final : public hw::Functional {
 public:
  Functional(const Spec& spec, const Network& network, const ir::Graph& graph,
             const program::Program& program)
      : spec_(spec), net_(network), graph_(graph), buffers_(program.buffers) {
    for (const Phase& phase : net_.phases) {
      computed_.push_back(phase.kind != Kind::host && setting_of(spec_, net_, phase).work != Work::count);
    }
    // Where one phase of an operator has no numbers, none of them computes.
    for (std::size_t i = 0; i < net_.phases.size(); ++i) {
      for (std::size_t j = 0; j < net_.phases.size(); ++j) {
        const bool one = net_.phases[i].source != kNone && net_.phases[i].source == net_.phases[j].source;
        if (one && !computed_[j]) computed_[i] = false;
      }
    }
  }

  void fill(const Values& values, program::Storage& storage) const override {
    for (const MapId id : net_.inputs) {
      const Map& map = net_.map(id);
      write({map.tensor, copy_of(id, Home::host)}, numbers(values, map.tensor, map.exponent), storage);
    }
    for (std::size_t i = 0; i < net_.phases.size(); ++i) {
      if (computed_[i] && net_.phases[i].weight_bytes > 0) pack(net_.phases[i], values, storage);
    }
  }

  void execute(const program::Program& program, const program::Command& command,
               program::Storage& storage) const override {
    edgetpu::execute(spec_, program, command, storage);
  }

  [[nodiscard]] bool computes(std::uint32_t task) const override {
    return task == 0 || task > net_.phases.size() || computed_[task - 1];
  }

  [[nodiscard]] std::vector<hw::Holding> results(std::uint32_t task) const override {
    std::vector<hw::Holding> out;
    if (task == 0) return out;
    if (task > net_.phases.size()) {
      for (std::size_t i = 0; i < net_.maps.size(); ++i) {
        const Map& map = net_.maps[i];
        const auto id = static_cast<MapId>(i);
        if (map.network_output && !map.on_host && in_tiles(id))
          out.push_back({map.tensor, copy_of(id, Home::host)});
      }
      return out;
    }
    const Phase& phase = net_.phases[task - 1];
    for (const MapId id : phase.host_outputs) out.push_back({net_.map(id).tensor, copy_of(id, Home::host)});
    if (phase.kind == Kind::host || !in_tiles(phase.output)) return out;
    if (net_.map(phase.output).tensor != ir::kNoTensor) {
      out.push_back({net_.map(phase.output).tensor, copy_of(phase.output, Home::tiles)});
    }
    return out;
  }

  [[nodiscard]] std::vector<double> read(const hw::Holding& holding,
                                         program::Storage& storage) const override {
    std::vector<double> out(static_cast<std::size_t>(map_of(holding).shape.elements()));
    each(holding, storage, [&](std::int64_t element, std::byte& at) {
      out[static_cast<std::size_t>(element)] =
          reference::dequantize(static_cast<std::int8_t>(at), map_of(holding).exponent);
    });
    return out;
  }

  void write(const hw::Holding& holding, const std::vector<double>& numbers,
             program::Storage& storage) const override {
    ensure(std::ssize(numbers) == map_of(holding).shape.elements(), "a map is written with as many numbers");
    each(holding, storage, [&](std::int64_t element, std::byte& at) {
      at = static_cast<std::byte>(
          reference::quantize(numbers[static_cast<std::size_t>(element)], map_of(holding).exponent));
    });
  }

  [[nodiscard]] Address address(const hw::Holding& holding, std::int64_t element) const override {
    const MapId id = static_cast<MapId>(holding.copy / 2);
    if (static_cast<Home>(holding.copy % 2) == Home::host)
      return {space_id(Space::host), host_offset(id) + position(id, element)};
    const Patch patch(spec_, map_setting(spec_, net_, id), 0);  // as regions name them: the largest tile's
    const std::int64_t at = position(id, element);
    const Shape& shape = net_.map(id).shape;
    const std::int64_t pixel = at / shape.c;
    const std::int64_t y = pixel / shape.w % patch.in_rows().size;
    const std::int64_t x = pixel % shape.w % patch.in_columns().size;
    return {space_id(Space::narrow), *patch.input(y, x) + at % shape.c};
  }

  [[nodiscard]] std::int64_t accumulations(std::uint32_t) const override { return 0; }  // int8 sums are exact

 private:
  static std::size_t copy_of(MapId id, Home home) {
    return static_cast<std::size_t>(id) * 2 + static_cast<std::size_t>(home);
  }
  [[nodiscard]] const Map& map_of(const hw::Holding& holding) const {
    return net_.map(static_cast<MapId>(holding.copy / 2));
  }
  [[nodiscard]] bool in_tiles(MapId id) const {
    const Map& home = net_.map(net_.home_of(id));
    return !home.wide && home.band_rows == 0;
  }

  /// Index in rows of pixels of an element of a tensor: [1,C,H,W], [1,L,C] or [1,C].
  [[nodiscard]] std::int64_t position(MapId id, std::int64_t element) const {
    const Map& map = net_.map(id);
    if (map.tensor != ir::kNoTensor && graph_.tensor(map.tensor).shape.size() == 3) return element;
    const std::int64_t plane = map.shape.h * map.shape.w;
    return element % plane * map.shape.c + element / plane;
  }

  [[nodiscard]] const program::Buffer& buffer(const std::string& name) const {
    const auto found =
        std::find_if(buffers_.begin(), buffers_.end(), [&](const auto& it) { return it.name == name; });
    ensure(found != buffers_.end(), "a buffer that the program has");
    return *found;
  }
  [[nodiscard]] std::int64_t host_offset(MapId id) const {
    const bool input = std::find(net_.inputs.begin(), net_.inputs.end(), id) != net_.inputs.end();
    return buffer(net_.map(id).name + (input ? "" : "@host")).offset;
  }

  /// Calls visit(element of the tensor, its byte).
  template <class Visit>
  void each(const hw::Holding& holding, program::Storage& storage, Visit&& visit) const {
    const auto id = static_cast<MapId>(holding.copy / 2);
    const Shape& shape = net_.map(id).shape;
    std::vector<std::byte*> homes(static_cast<std::size_t>(shape.elements()));
    if (static_cast<Home>(holding.copy % 2) == Home::host) {
      const auto bytes = storage.bytes(space_id(Space::host), host_offset(id), shape.elements());
      for (std::size_t i = 0; i < homes.size(); ++i) homes[i] = &bytes[i];
    } else {
      const PhaseSetting s = map_setting(spec_, net_, id);
      for (std::int64_t tile = 0; tile < spec_.tiles(); ++tile) {
        const Patch patch(spec_, s, tile);
        const Bank bank(spec_, storage, tile);
        for (std::int64_t i = 0; i < patch.positions(); ++i) {
          const std::int64_t at = (patch.row(i) * shape.w + patch.column(i)) * shape.c;
          const auto bytes = bank.narrow(patch.output(i), shape.c);
          for (std::int64_t c = 0; c < shape.c; ++c) {
            homes[static_cast<std::size_t>(at + c)] = &bytes[static_cast<std::size_t>(c)];
          }
        }
      }
    }
    for (std::int64_t element = 0; element < shape.elements(); ++element) {
      visit(element, *homes[static_cast<std::size_t>(position(id, element))]);
    }
  }

  static const Value& value_of(const Values& values, ir::TensorId id) {
    const Value* value = reference::find(values, id);
    ensure(value != nullptr, "every input and weight has a value");
    return *value;
  }
  static std::vector<double> numbers(const Values& values, ir::TensorId id, int exponent) {
    const Value& value = value_of(values, id);
    std::vector<double> out = value.doubles();
    if (value.dtype != ir::DType::i8) return out;
    for (double& number : out) number = std::ldexp(number, exponent);
    return out;
  }

  /// Parameters as phases.h's stored_bytes() counts them.
  void pack(const Phase& phase, const Values& values, program::Storage& storage) const {
    const program::Buffer& home = buffer(phase.name + ".parameters");
    const auto to = storage.bytes(home.space, home.offset, home.bytes);
    const Shape& in = net_.map(phase.inputs[0]).shape;
    const Shape& out = net_.map(phase.output).shape;
    std::vector<std::int64_t> biases;
    if (phase.bias != ir::kNoTensor) {
      biases = reference::quantized_bias(value_of(values, phase.bias),
                                         net_.map(phase.inputs[0]).exponent + phase.weights_exponent);
    }
    const Value& weights = value_of(values, phase.weights);
    const bool whole = phase.kind == Kind::fc;
    const std::int64_t outputs = whole ? out.elements() : out.c;
    const auto put_bias = [&](std::int64_t o, std::int64_t at) {
      const std::size_t index = biases.size() == 1 ? 0 : static_cast<std::size_t>(o);
      if (!biases.empty()) Bank::set_word(to, at / kBiasBytes, static_cast<std::int32_t>(biases.at(index)));
    };
    const auto put = [&](std::int64_t at, std::int64_t index) {
      const double weight = weights.at(static_cast<std::size_t>(index));
      const bool whole_number = weights.dtype == ir::DType::i8;
      to[static_cast<std::size_t>(at)] =
          static_cast<std::byte>(reference::quantize(weight, whole_number ? 0 : phase.weights_exponent));
    };
    const std::int64_t taps = phase.window.taps();
    if (phase.kind == Kind::depthwise) {
      for (std::int64_t o = 0; o < outputs; ++o) {
        const std::int64_t word = o / spec_.dot * spec_.dot * (taps + kBiasBytes);
        put_bias(o, word + o % spec_.dot * kBiasBytes);
        for (std::int64_t tap = 0; tap < taps; ++tap) {
          put(word + spec_.dot * (kBiasBytes + tap) + o % spec_.dot, o * taps + tap);
        }
      }
      return;
    }
    const std::int64_t stored = stored_outputs(spec_, net_, phase) * spec_.dot;
    const std::int64_t inputs = whole ? in.elements() : in.c;
    const std::int64_t rows = spec_.words(inputs) * (whole ? 1 : taps);
    const Fills fills = whole ? Fills{} : fills_of(spec_, net_, phase);
    const bool across = whole && by_input(phase);
    for (std::int64_t o = 0; o < outputs; ++o) {
      const std::int64_t group = o / spec_.group() * (rows + 1) * stored + o % spec_.group() * spec_.dot;
      put_bias(o, group);
      for (std::int64_t k = 0; k < inputs * (whole ? 1 : taps); ++k) {
        if (whole) {  // words come in rows of pixels, the tensor's channels outermost
          const std::int64_t plane = in.h * in.w;
          const std::int64_t index = k % in.c * plane + k / in.c;
          put(group + (1 + k / spec_.dot) * stored + k % spec_.dot,
              across ? index * outputs + o : o * inputs + index);
          continue;
        }
        const std::int64_t c = k / taps;
        const std::int64_t tap = k % taps;
        const std::int64_t words = fills.rows / taps;  // of a fill
        const std::int64_t row = c / spec_.dot / words * fills.rows + tap * words + c / spec_.dot % words;
        put(group + (1 + row) * stored + c % spec_.dot, o * inputs * taps + k);
      }
    }
  }

  /// The weights of a product are [inputs, outputs].
  [[nodiscard]] bool by_input(const Phase& phase) const {
    const ir::Op& op = graph_.ops.at(static_cast<std::size_t>(phase.source));
    return !std::get<ir::MatMulAttrs>(op.attrs).transpose_b;
  }

  const Spec& spec_;
  Network net_;
  ir::Graph graph_;
  std::vector<program::Buffer> buffers_;
  std::vector<bool> computed_;  ///< by phase
};

}  // namespace

std::shared_ptr<const hw::Functional> make_functional(const Spec& spec, const Network& network,
                                                      const ir::Graph& graph,
                                                      const program::Program& program) {
  return std::make_shared<Functional>(spec, network, graph, program);
}

}  // namespace npusim::edgetpu
