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

Bank::Bank(const Spec& spec, program::Storage& storage, std::int64_t tile) {
  const auto memory = [&](TileMemory which, std::int64_t bytes) {
    return storage.bytes(space_id(Space::tiles), tile_offset(spec, tile, which), bytes);
  };
  narrow_ = memory(TileMemory::narrow, spec.narrow_bytes);
  wide_ = memory(TileMemory::wide, spec.wide_bytes);
  staging_ = memory(TileMemory::staging, staging_bytes(spec));
  sync_ = memory(TileMemory::sync, kSyncBytes);
}

std::span<std::byte> Bank::part(std::span<std::byte> memory, std::int64_t at, std::int64_t bytes) {
  ensure(at >= 0 && at + bytes <= std::ssize(memory), "a tile stays in its memory");
  return memory.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(bytes));
}

std::int32_t Bank::word(std::span<const std::byte> bytes, std::int64_t i) {
  std::int32_t value = 0;
  std::memcpy(&value, bytes.subspan(static_cast<std::size_t>(i) * sizeof value, sizeof value).data(),
              sizeof value);
  return value;
}

void Bank::set_word(std::span<std::byte> bytes, std::int64_t i, std::int32_t value) {
  std::memcpy(bytes.subspan(static_cast<std::size_t>(i) * sizeof value, sizeof value).data(), &value,
              sizeof value);
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
