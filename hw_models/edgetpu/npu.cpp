#include "hw_models/edgetpu/npu.h"

#include <fmt/format.h>

#include <algorithm>

#include "hw_models/edgetpu/emit.h"
#include "hw_models/edgetpu/functional/functional.h"
#include "hw_models/edgetpu/legalize.h"
#include "hw_models/edgetpu/target.h"

namespace npusim::embedded {
extern const std::string_view edgetpu_coral_usb_yaml;
extern const std::string_view edgetpu_coral_usb_250mhz_yaml;
extern const std::string_view edgetpu_coral_pcie_yaml;
extern const std::string_view edgetpu_pixel4_yaml;
extern const std::string_view edgetpu_v1_yaml;
extern const std::string_view edgetpu_v2_yaml;
extern const std::string_view edgetpu_v3_yaml;
}  // namespace npusim::embedded

namespace npusim::edgetpu {

namespace {

class EdgeTpu : public hw::Npu {
 public:
  explicit EdgeTpu(const Config& config)
      : spec_(read_spec(config)), target_(make_target(spec_)), machine_(make_machine(spec_)) {}

  [[nodiscard]] const program::Target& target() const override { return target_; }
  [[nodiscard]] const kernel::MachineSpec& machine() const override { return machine_; }
  [[nodiscard]] std::vector<ir::DType> dtypes() const override { return {ir::DType::i8}; }
  [[nodiscard]] double peak_macs_per_cycle(ir::DType) const override {
    return static_cast<double>(spec_.tiles() * spec_.row_bytes());
  }

  /// Spaces describe one tile.
  [[nodiscard]] std::int64_t on_chip_bytes() const override {
    return spec_.tiles() * (spec_.narrow_bytes + spec_.wide_bytes) + spec_.slot_bytes * spec_.slots;
  }

  [[nodiscard]] hw::Compiled compile(const ir::Graph& graph,
                                     const hw::CompileOptions& options) const override {
    Network net = compile_network(spec_, graph, options.quantization);
    hw::Compiled compiled;
    compiled.program.target = &target_;
    compiled.program.network = graph.name;
    emit(spec_, net, compiled.program);
    if (options.quantization != nullptr) {
      compiled.functional = make_functional(spec_, net, graph, compiled.program);
    }
    compiled.views = net.views;
    for (const Phase& phase : net.phases) compiled.views.push_back(phase.name);
    compiled.coverage.host = static_cast<std::int64_t>(net.host_names.size());
    compiled.notes = notes(net, graph);
    compiled.parameter_room = net.cache_bytes;
    return compiled;
  }

 private:
  [[nodiscard]] std::vector<std::string> notes(const Network& net, const ir::Graph& graph) const {
    std::vector<std::string> out;
    const bool floats = std::any_of(graph.inputs.begin(), graph.inputs.end(), [&](ir::TensorId id) {
      return graph.tensor(id).dtype == ir::DType::f32 || graph.tensor(id).dtype == ir::DType::f16;
    });
    if (floats && !ir::is_quantized(graph)) {
      out.push_back(fmt::format(
          "the graph computes in floating point: taken as int8, as after quantisation by tensor{}",
          spec_.assume_int8 ? "" : " (--assume-int8 says that this is meant)"));
    }
    out.push_back(
        fmt::format("parameters: {} bytes cached on the chip (of {} that its memories leave), {} streamed at "
                    "every inference{}",
                    net.cached_bytes, net.cache_bytes, net.streamed_bytes, streamed_layers(net)));
    out.emplace_back(
        "how many bytes a layer has cached or streamed, and the cycles of each of its parts: mapping in "
        "--format json");
    if (net.banded_phases > 0) {
      out.push_back(
          fmt::format("{} layers whose maps do not fit narrow memory run in bands of rows, up to {}; weights "
                      "pass the ring, "
                      "and instructions the link, once a band",
                      net.banded_phases, net.most_bands));
    }
    if (net.spilled_maps > 0) {
      out.push_back(fmt::format("{} maps spill to wide memory, up to {} bytes a tile; they shrink the cache",
                                net.spilled_maps, net.peak_wide_bytes));
    }
    if (!net.host_names.empty()) {
      out.push_back(fmt::format("{} operators run on the host, from {} on: {}", net.host_names.size(),
                                net.host_reason, listed(net.host_names)));
      if (!spec_.allow_return) {
        out.emplace_back(
            "behind the first operator that the chip lacks all is left to the host, as the vendor's compiler "
            "does; mapping.allow_return=true returns to the chip");
      }
    }
    return out;
  }

  /// ", by 2 layers: fc6, fc7"; "" where nothing is streamed.
  static std::string streamed_layers(const Network& net) {
    std::vector<std::string> names;
    for (const Phase& phase : net.phases) {
      if (phase.streamed) names.push_back(phase.name);
    }
    if (names.empty()) return "";
    return fmt::format(", by {} layer{}: {}", names.size(), names.size() == 1 ? "" : "s", listed(names));
  }

  static std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kMost = 12;
    const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(kMost, names.size()));
    std::string text = fmt::format("{}", fmt::join(names.begin(), end, ", "));
    if (names.size() > kMost) text += fmt::format(" and {} more", names.size() - kMost);
    return text;
  }

  Spec spec_;
  program::Target target_;
  kernel::MachineSpec machine_;
};

}  // namespace

std::string_view coral_usb() { return embedded::edgetpu_coral_usb_yaml; }
std::string_view coral_usb_250mhz() { return embedded::edgetpu_coral_usb_250mhz_yaml; }
std::string_view coral_pcie() { return embedded::edgetpu_coral_pcie_yaml; }
std::string_view pixel4() { return embedded::edgetpu_pixel4_yaml; }
std::string_view v1() { return embedded::edgetpu_v1_yaml; }
std::string_view v2() { return embedded::edgetpu_v2_yaml; }
std::string_view v3() { return embedded::edgetpu_v3_yaml; }

std::unique_ptr<hw::Npu> make(const Config& config) { return std::make_unique<EdgeTpu>(config); }

}  // namespace npusim::edgetpu
