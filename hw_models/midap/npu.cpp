#include "hw_models/midap/npu.h"

#include <fmt/format.h>

#include "hw_models/midap/emit.h"
#include "hw_models/midap/legalize.h"
#include "hw_models/midap/order.h"
#include "hw_models/midap/schedule.h"
#include "hw_models/midap/target.h"

namespace npusim::embedded {
extern const std::string_view midap_yaml;
extern const std::string_view midap_lpddr4_yaml;
}  // namespace npusim::embedded

namespace npusim::midap {

namespace {

class Midap : public hw::Npu {
 public:
  explicit Midap(const Config& config)
      : spec_(read_spec(config)), target_(make_target(spec_)), machine_(make_machine(spec_)) {}

  [[nodiscard]] const program::Target& target() const override { return target_; }
  [[nodiscard]] const kernel::MachineSpec& machine() const override { return machine_; }
  [[nodiscard]] std::vector<ir::DType> dtypes() const override { return {ir::DType::i8}; }
  [[nodiscard]] double peak_macs_per_cycle(ir::DType) const override {
    return static_cast<double>(spec_.lanes * spec_.cims);
  }

  [[nodiscard]] hw::Compiled compile(const ir::Graph& graph, const hw::CompileOptions&) const override {
    Network net = legalize(spec_, graph);
    order_layers(spec_, net);
    schedule(spec_, net);
    hw::Compiled compiled;
    compiled.program.target = &target_;
    compiled.program.network = graph.name;
    emit(spec_, net, compiled.program);
    compiled.views = views(net);
    compiled.notes = notes(net);
    return compiled;
  }

 private:
  /// Besides what is a view of another map, layers whose data stays on the chip.
  static std::vector<std::string> views(const Network& net) {
    auto names = net.views;
    for (const auto& layer : net.layers) {
      if (layer.kind != Kind::input) names.push_back(layer.name);
    }
    return names;
  }

  [[nodiscard]] static std::vector<std::string> notes(const Network& net) {
    std::int64_t spilled = 0;
    std::int64_t maps = 0;
    std::int64_t padded = 0;
    std::int64_t real = 0;
    for (const auto& layer : net.layers) {
      if (!layer.runs() || layer.next.empty()) continue;
      ++maps;
      if (layer.dram_from < layer.map.w) ++spilled;
      if (net.at(layer.stored_as).kind == Kind::concat) continue;
      padded += layer.map.elements();
      real += layer.own.elements();
    }
    std::vector<std::string> out;
    if (maps > 0) {
      out.push_back(
          fmt::format("{} of {} intermediate maps are written to DRAM, in whole or in part", spilled, maps));
    }
    if (padded > real) {
      out.push_back(
          fmt::format("maps hold {:.2f} times their channels: padded to 16 for convolutions and to 64 "
                      "for depthwise convolutions, pools, sums and products",
                      static_cast<double>(padded) / static_cast<double>(real)));
    }
    return out;
  }

  Spec spec_;
  program::Target target_;
  kernel::MachineSpec machine_;
};

}  // namespace

std::string_view description() { return embedded::midap_yaml; }
std::string_view lpddr4_description() { return embedded::midap_lpddr4_yaml; }

std::unique_ptr<hw::Npu> make(const Config& config) { return std::make_unique<Midap>(config); }

}  // namespace npusim::midap
