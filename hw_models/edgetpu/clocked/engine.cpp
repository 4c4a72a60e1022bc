#include "hw_models/edgetpu/clocked/engine.h"

#include "sim/base/error.h"

namespace npusim::edgetpu::clocked {

Engine::Engine(const sc_core::sc_module_name& name, const Spec& spec) : ClockedEngine(name), spec_(spec) {
  SC_HAS_PROCESS(Engine);
  SC_METHOD(on_edge);
  sensitive << clock.pos();
  dont_initialize();
}

void Engine::begin(const program::Program& program, const program::Command& command,
                   program::Storage& storage) {
  ensure(!busy_, "a twin takes a command only when idle");
  latch(program, command, storage);
  busy_ = true;
}

void Engine::on_edge() {
  if (busy_) busy_ = edge();
}

const program::Region* region_in(const program::Program& program, const program::Command& command,
                                 Space space, bool write) {
  for (const auto& region : program.regions_of(command)) {
    if (region.space == space_id(space) && region.write == write) return &region;
  }
  return nullptr;
}

PhaseSetting setting_of_command(const program::Program& program, const program::Command& command) {
  ensure(command.setting != program::kNoSetting, "a tile's command has its phase's setting");
  return from_setting(program.settings.at(command.setting));
}

}  // namespace npusim::edgetpu::clocked
