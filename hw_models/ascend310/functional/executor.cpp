#include "hw_models/ascend310/functional/executor.h"

#include <map>
#include <utility>
#include <variant>

#include "hw_models/ascend310/functional/commands.h"
#include "hw_models/ascend310/opcodes.h"
#include "sim/base/error.h"

namespace npusim::ascend310 {

std::span<std::byte> Execution::operand(bool write, std::size_t index) const {
  for (const auto& region : program.regions_of(command)) {
    if (region.write != write) continue;
    if (index-- > 0) continue;
    ensure(region.inner == 1 && region.outer == 1, "an operand in a scratchpad is one run");
    return storage.bytes(region.space, region.offset, region.bytes);
  }
  throw InternalError("a command lacks an operand");
}

std::size_t Execution::operands(bool write) const {
  std::size_t count = 0;
  for (const auto& region : program.regions_of(command)) count += region.write == write ? 1U : 0U;
  return count;
}

/// Settings are text; each is decoded once, and again when another program has another under its number.
struct Executor::Settings {
  using Typed =
      std::variant<std::monostate, Load2dSetting, Load3dSetting, MadSetting, CopyOutSetting, StreamSetting>;
  struct Entry {
    program::Setting text;
    Typed typed;
  };
  std::map<std::uint32_t, Entry> entries;

  static Typed decode(const program::Setting& setting, program::OpcodeId opcode) {
    switch (opcode) {
      case kLoad2dA:
      case kLoad2dB:
        return load2d_setting(setting);
      case kLoad3dA:
        return load3d_setting(setting);
      case kMad:
        return mad_setting(setting);
      case kVectorCopyOut:
        return copy_out_setting(setting);
      case kVector:
        return stream_setting(setting);
      default:
        return {};
    }
  }

  template <class T>
  const T* find(const program::Program& program, const program::Command& command) {
    if (command.setting == program::kNoSetting) return nullptr;
    const program::Setting& setting = program.settings.at(command.setting);
    const auto [entry, fresh] = entries.try_emplace(command.setting);
    if (fresh || !(entry->second.text == setting)) entry->second = {setting, decode(setting, command.opcode)};
    const T* typed = std::get_if<T>(&entry->second.typed);
    ensure(typed != nullptr, "a setting belongs to another opcode");
    return typed;
  }
};

Executor::Executor() : settings_(std::make_unique<Settings>()) {}
Executor::~Executor() = default;
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;

void Executor::execute(const program::Program& program, const program::Command& command,
                       program::Storage& storage) {
  const Execution e{program, command, storage};
  switch (command.opcode) {
    case kLoadGlobal:
    case kStoreGlobal:
      return move_bytes(e);
    case kLoad2dA:
    case kLoad2dB: {
      if (settings_->find<Load2dSetting>(program, command) == nullptr) return load_fractals(e);
      Load2dSetting setting = *settings_->find<Load2dSetting>(program, command);
      add_arguments(setting, command);
      return load_planes(e, setting, command.opcode == kLoad2dA);
    }
    case kLoad3dA: {
      const auto* shared = settings_->find<Load3dSetting>(program, command);
      ensure(shared != nullptr, "a load3d says what image it reads");
      Load3dSetting setting = *shared;
      add_arguments(setting, command);
      return load_image(e, setting);
    }
    case kMad: {
      const auto* setting = settings_->find<MadSetting>(program, command);
      return multiply_add(e, setting != nullptr && setting->accumulate != 0);
    }
    case kVectorCopyOut: {
      const auto* setting = settings_->find<CopyOutSetting>(program, command);
      ensure(setting != nullptr, "a copy_out says what it computes");
      return copy_out(e, *setting);
    }
    case kVector:
      // Instructions before a tile's last leave their results in registers and scratch that nothing names.
      if (const auto* setting = settings_->find<StreamSetting>(program, command)) stream(e, *setting);
      return;
    default:
      throw InternalError("an unknown opcode");
  }
}

}  // namespace npusim::ascend310
