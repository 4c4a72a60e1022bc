// What the Edge TPU's clocked twins have in common: one process on the rising clock edge, and tiles'
// memories.
#pragma once

#include <cstring>
#include <span>

#include "hw_models/edgetpu/opcodes.h"
#include "hw_models/edgetpu/spec.h"
#include "hw_models/edgetpu/target.h"
#include "hw_models/edgetpu/tiles.h"
#include "sim/kernel/clocked.h"

namespace npusim::edgetpu::clocked {

/// A twin whose whole state changes in edge(), once a rising edge while a command runs. A command takes at
/// least one edge.
class Engine : public kernel::ClockedEngine {
 public:
  Engine(const sc_core::sc_module_name& name, const Spec& spec);
  void begin(const program::Program& program, const program::Command& command,
             program::Storage& storage) final;
  [[nodiscard]] bool busy() const final { return busy_; }

 protected:
  /// Decodes a command into registers.
  virtual void latch(const program::Program& program, const program::Command& command,
                     program::Storage& storage) = 0;
  /// One rising edge. Returns whether the command still runs after it.
  virtual bool edge() = 0;
  [[nodiscard]] const Spec& spec() const { return spec_; }

 private:
  void on_edge();

  Spec spec_;
  bool busy_ = false;
};

/// The memories of one tile.
class Bank {
 public:
  Bank() = default;
  Bank(const Spec& spec, program::Storage& storage, std::int64_t tile);
  [[nodiscard]] std::span<std::byte> narrow(std::int64_t at, std::int64_t bytes) const {
    return part(narrow_, at, bytes);
  }
  [[nodiscard]] std::span<std::byte> wide(std::int64_t at, std::int64_t bytes) const {
    return part(wide_, at, bytes);
  }
  [[nodiscard]] std::span<std::byte> staging(std::int64_t at, std::int64_t bytes) const {
    return part(staging_, at, bytes);
  }
  [[nodiscard]] std::int32_t counter(SyncCounter which) const { return word(sync_, which); }
  void set_counter(SyncCounter which, std::int32_t value) const { set_word(sync_, which, value); }
  /// Word `i` of four bytes.
  static std::int32_t word(std::span<const std::byte> bytes, std::int64_t i);
  static void set_word(std::span<std::byte> bytes, std::int64_t i, std::int32_t value);

 private:
  static std::span<std::byte> part(std::span<std::byte> memory, std::int64_t at, std::int64_t bytes);
  std::span<std::byte> narrow_, wide_, staging_, sync_;
};

/// The first region of a command in a space that is read (or written); null where there is none.
const program::Region* region_in(const program::Program& program, const program::Command& command,
                                 Space space, bool write);
/// The phase's setting. Throws InternalError when the command has none.
PhaseSetting setting_of_command(const program::Program& program, const program::Command& command);

}  // namespace npusim::edgetpu::clocked
