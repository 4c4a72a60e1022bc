// What mappers share: commands whose flags can still change, and multi-buffered slots that tie producers to
// consumers with ready and free flags.
#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "sim/program/program.h"

namespace npusim::mapping {

/// Index of a command within the task being emitted.
using LocalId = std::int64_t;
inline constexpr LocalId kNone = -1;

/// Collects one task's commands; flags and regions may be added to any of them until `flush`.
class Emitter {
 public:
  struct Draft {
    program::QueueId queue = 0;
    program::OpcodeId opcode = 0;
    std::array<std::int64_t, program::kMaxArgs> args{};
    std::uint8_t arg_count = 0;
    std::int64_t macs = 0;
    std::uint32_t setting = program::kNoSetting;  ///< number in this task
    boost::container::small_vector<program::FlagId, 4> waits;
    boost::container::small_vector<program::FlagId, 4> sets;
    boost::container::small_vector<program::Region, 2> regions;
  };

  LocalId add(program::QueueId queue, program::OpcodeId opcode, std::initializer_list<std::int64_t> args);
  Draft& at(LocalId id) { return drafts_[static_cast<std::size_t>(id)]; }
  void region(LocalId id, const program::Region& region) { at(id).regions.push_back(region); }
  void wait(LocalId id, program::FlagId flag) { at(id).waits.push_back(flag); }
  void set(LocalId id, program::FlagId flag) { at(id).sets.push_back(flag); }
  /// The number of a setting in this task, for Draft::setting; equal settings have one number.
  std::uint32_t setting(const program::Setting& setting);
  [[nodiscard]] std::size_t size() const { return drafts_.size(); }

  /// Appends `task` with all commands to `program` and starts afresh.
  void flush(program::Program& program, program::Task task);

 private:
  std::vector<Draft> drafts_;
  std::vector<program::Setting> settings_;
};

/// A buffer of one or more slots between a producing and a consuming queue.
///
/// Flags: ready[i] is set by the command that completes slot i and waited for by its first consumer; free[i]
/// is set by the slot's last consumer and waited for by the command that starts to overwrite it. The first
/// filling of a slot waits for nothing and the last consumers set nothing, so that every flag is clear at the
/// end of the task.
class Slots {
 public:
  struct Flags {
    program::FlagId ready;
    program::FlagId free;
  };
  static constexpr std::int64_t kNoKey = -1;

  /// `flags` has one entry a slot; slot i lies at base + i*bytes of `space`.
  Slots(Emitter& emitter, std::vector<Flags> flags, program::SpaceId space, std::int64_t base,
        std::int64_t bytes);

  /// The slot that holds `key`, or -1. Marks it recently used.
  int find(std::int64_t key);
  /// Takes the least recently used slot for `key`. The next producer of the slot must be passed to
  /// `fill_first`.
  int take(std::int64_t key);
  /// `producer` is the first command that overwrites the slot: it waits until the slot's old consumers are
  /// done.
  void fill_first(int slot, LocalId producer);
  /// `producer` is the last command that fills the slot: it sets ready.
  void fill_last(int slot, LocalId producer);
  /// `consumer` reads the slot: it waits for ready if it is the first to do so.
  void consume(int slot, LocalId consumer);
  /// Bytes [offset, offset+bytes) of a slot as a region.
  [[nodiscard]] program::Region region(int slot, std::int64_t offset, std::int64_t bytes, bool write) const;
  [[nodiscard]] std::size_t count() const { return slots_.size(); }

 private:
  struct Slot {
    std::int64_t key = kNoKey;
    LocalId last_consumer = kNone;
    bool ready_pending = false;
    std::int64_t used = 0;
  };
  Emitter& emitter_;
  std::vector<Flags> flags_;
  program::SpaceId space_;
  std::int64_t base_;
  std::int64_t bytes_;
  std::vector<Slot> slots_;
  std::int64_t clock_ = 0;
};

}  // namespace npusim::mapping
