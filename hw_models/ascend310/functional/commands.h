// The commands' effects, one function an opcode.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "hw_models/ascend310/semantics.h"
#include "hw_models/ascend310/stream_setting.h"
#include "hw_models/ascend310/target.h"
#include "sim/program/storage.h"

namespace npusim::ascend310 {

/// A command with what it works on.
struct Execution {
  const program::Program& program;
  const program::Command& command;
  program::Storage& storage;

  [[nodiscard]] std::int64_t arg(std::size_t i) const { return command.args.at(i); }
  /// The bytes of region `index` of those the command reads (or writes), which must be one run.
  [[nodiscard]] std::span<std::byte> operand(bool write, std::size_t index) const;
  [[nodiscard]] std::size_t operands(bool write) const;
};

/// load, store: the bytes read, in the order of the regions, go to the bytes written.
void move_bytes(const Execution& e);
/// load2d of fractals as they lie, or from planes.
void load_fractals(const Execution& e);
void load_planes(const Execution& e, const Load2dSetting& setting, bool to_a);
void load_image(const Execution& e, const Load3dSetting& setting);
void multiply_add(const Execution& e, bool accumulate);
void copy_out(const Execution& e, const CopyOutSetting& setting);
void stream(const Execution& e, const StreamSetting& setting);

}  // namespace npusim::ascend310
