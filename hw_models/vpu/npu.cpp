#include "hw_models/vpu/npu.h"

#include <fmt/format.h>

#include "hw_models/api/transfer.h"
#include "hw_models/vpu/emit.h"
#include "hw_models/vpu/fuse.h"
#include "hw_models/vpu/target.h"
#include "sim/base/error.h"

namespace npusim::embedded {
extern const std::string_view vpu_meteorlake_yaml;
extern const std::string_view vpu_keembay_yaml;
extern const std::string_view vpu_lunarlake_yaml;
}  // namespace npusim::embedded

namespace npusim::vpu {

namespace {

class Vpu : public hw::Npu, public hw::Transfers {
 public:
  explicit Vpu(const Config& config)
      : spec_(read_spec(config)), target_(make_target(spec_)), machine_(make_machine(spec_)) {}

  [[nodiscard]] const program::Target& target() const override { return target_; }
  [[nodiscard]] const kernel::MachineSpec& machine() const override { return machine_; }
  [[nodiscard]] std::vector<ir::DType> dtypes() const override { return {ir::DType::i8, ir::DType::f16}; }
  [[nodiscard]] double peak_macs_per_cycle(ir::DType dtype) const override {
    const std::int64_t slower = ir::size_of(dtype) > 1 ? spec_.fp16_slowdown : 1;
    return static_cast<double>(spec_.macs * spec_.dpus * spec_.tiles) / static_cast<double>(slower);
  }

  [[nodiscard]] std::vector<trace::TimeGroup> time_groups() const override {
    const auto on = [](const char* kind) {
      return [kind](std::string_view engine, std::string_view opcode) {
        return engine.find(kind) != std::string_view::npos && opcode != "start";
      };
    };
    return {{"DPU", on(".dpu")},
            {"SHAVE", on(".shave")},
            {"DMA", on("dma")},
            {"layer starts", [](std::string_view, std::string_view opcode) { return opcode == "start"; }}};
  }

  [[nodiscard]] hw::Compiled compile(const ir::Graph& graph,
                                     const hw::CompileOptions& options) const override {
    Network net = legalize(spec_, graph, options.dtype);
    Plan plan = make_plan(spec_, net);
    const std::int64_t striped = spec_.vertical_fusion ? fuse_vertically(spec_, net, plan) : 0;
    hw::Compiled compiled;
    compiled.program.target = &target_;
    compiled.program.network = graph.name;
    const std::int64_t barriers = emit(spec_, net, plan, compiled.program);
    compiled.views = net.views;
    for (const auto& layer : net.layers) compiled.views.push_back(layer.name);
    compiled.notes = net.notes;
    if (striped > 0)
      compiled.notes.push_back(fmt::format("{} layers run in stripes of rows, one after another", striped));
    compiled.notes.push_back(fmt::format("up to {} of {} barriers in use at once", barriers, spec_.barriers));
    compiled.notes.push_back(
        fmt::format("{} of {} maps go through DDR between layers", plan.spilled, between(net)));
    return compiled;
  }

  [[nodiscard]] std::vector<std::string> memories() const override { return {"ddr", "cmx"}; }

  [[nodiscard]] hw::Compiled transfer(const std::string& from, const std::string& to,
                                      std::int64_t bytes) const override {
    hw::Compiled compiled;
    compiled.program.target = &target_;
    compiled.program.network = fmt::format("dma {} to {}", from, to);
    emit_transfer(spec_, from == "ddr", to == "ddr", bytes, compiled.program);
    return compiled;
  }

 private:
  static std::int64_t between(const Network& net) {
    std::int64_t count = 0;
    for (const auto& map : net.maps) count += !map.input && !map.output ? 1 : 0;
    return count;
  }

  Spec spec_;
  program::Target target_;
  kernel::MachineSpec machine_;
};

}  // namespace

std::string_view meteorlake_description() { return embedded::vpu_meteorlake_yaml; }
std::string_view keembay_description() { return embedded::vpu_keembay_yaml; }
std::string_view lunarlake_description() { return embedded::vpu_lunarlake_yaml; }

std::unique_ptr<hw::Npu> make(const Config& config) { return std::make_unique<Vpu>(config); }

}  // namespace npusim::vpu
