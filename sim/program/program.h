// What a chip executes: in-order queues of commands tied by flags. No layers' semantics, no time.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/units.h"

namespace npusim::program {

using QueueId = std::uint16_t;
using FlagId = std::uint16_t;
using SpaceId = std::uint16_t;
using OpcodeId = std::uint16_t;

/// The most integer arguments a command carries.
inline constexpr std::size_t kMaxArgs = 10;

/// One kind of command of a chip: its name and the names of its integer arguments, in order.
struct Opcode {
  std::string name;
  std::vector<std::string> args;
};

/// A queue: commands run in order on one engine.
struct Queue {
  std::string name;     ///< "core0.cube"
  bool memory = false;  ///< its commands move data through the memory system (a DMA engine)
};

/// A storage that commands read and write. Scratchpads are bounded and byte-addressed; the global space (DRAM
/// and what caches it) holds the network's tensors.
struct Space {
  std::string name;        ///< "core0.l1"
  std::int64_t bytes = 0;  ///< 0 for a global space: no limit
  bool global = false;
};

/// The machine a program is for, as far as programs must know it. Owned by the chip; programs point to it.
struct Target {
  std::string chip;
  std::vector<Queue> queues;
  std::vector<Space> spaces;       ///< the global space, if there is one, first
  std::vector<std::string> flags;  ///< names, "core0.mte2_mte1.0"
  std::vector<Opcode> opcodes;
  std::int64_t flag_capacity = 1;  ///< a flag holds at most this many sets not yet waited for
};

/// Bytes [offset, offset+bytes) repeated: outer x inner runs at the given strides. A plain region has
/// outer = inner = 1.
struct Region {
  SpaceId space = 0;
  bool write = false;
  std::int64_t offset = 0;
  std::int64_t bytes = 0;  ///< of one run
  std::int64_t inner = 1;
  std::int64_t inner_stride = 0;
  std::int64_t outer = 1;
  std::int64_t outer_stride = 0;
  [[nodiscard]] std::int64_t total_bytes() const { return bytes * inner * outer; }
};

/// How an engine was configured when it ran a command: the registers of a real chip that say which function
/// it computes (kernel, padding, activation). Named values as text; they mean nothing to the kernel and the
/// verifier, and do not change a command's timing, which depends on its opcode and arguments alone.
struct Setting {
  std::string name;  ///< "load3d", "copy_out"
  std::vector<std::pair<std::string, std::string>> values;
  bool operator==(const Setting&) const = default;
};
inline constexpr std::uint32_t kNoSetting = std::numeric_limits<std::uint32_t>::max();

/// One instruction of one queue. Regions and flags live in the program's pools.
struct Command {
  QueueId queue = 0;
  OpcodeId opcode = 0;
  std::uint32_t task = 0;
  std::uint32_t first_region = 0;
  std::uint16_t region_count = 0;
  std::uint16_t wait_count = 0;        ///< flags this command waits for (and consumes) before it starts
  std::uint16_t set_count = 0;         ///< flags it sets when it is complete
  std::uint32_t first_flag = 0;        ///< waits first, then sets
  std::uint32_t setting = kNoSetting;  ///< index in the program's settings
  std::array<std::int32_t, kMaxArgs> args{};
  std::int64_t macs = 0;  ///< unpadded multiply-accumulates done
};

/// One operator of the network as the chip runs it. Tasks run one after another: a task starts when every
/// command of the one before has completed, plus its launch cost. A `joined` task has no such barrier: its
/// commands run beside those of the tasks before as soon as queues and flags allow, and scratchpads keep
/// their contents. A task that is not joined, with the joined ones that follow it, is a segment.
struct Task {
  std::string name;                ///< the layer
  std::string op;                  ///< "conv", "pool", ...
  std::string engine;              ///< the queue whose busy and stall cycles describe the layer: "core0.cube"
  std::int64_t launch_cycles = 0;  ///< 0 for a joined task
  bool joined = false;             ///< no barrier before it; the first task of a program is not joined
  std::uint32_t first_command = 0;
  std::uint32_t command_count = 0;
  std::int64_t macs = 0;  ///< what its commands' MACs must add up to
  std::string mapping;    ///< the mapper's choice in words, for people; no part of the program's meaning
};

/// A tensor's home, in the global space unless `space` says otherwise (parameters that stay in a scratchpad,
/// loaded before the program starts). It is alive in tasks [first_task, last_task]; the default is the
/// whole program. An input is alive from the first task on, an output to the last. Buffers that overlap in
/// address must have disjoint lifetimes; within a segment, where tasks overlap, flags must moreover see to it
/// that the one is used only after the other. A command's region in the global space lies inside one buffer
/// that is alive in the command's task; one in a scratchpad lies inside one or outside of all. Every byte of
/// a buffer that is not an input is written at most once, and all of them exactly once when the buffer is an
/// output or is ever read. A buffer keeps its contents as long as it lives, in a scratchpad, too.
struct Buffer {
  std::string name;
  std::int64_t offset = 0;
  std::int64_t bytes = 0;
  bool input = false;   ///< written before the program starts (network input or weight)
  bool output = false;  ///< must be complete when the program ends
  std::uint32_t first_task = 0;
  std::uint32_t last_task = std::numeric_limits<std::uint32_t>::max();
  SpaceId space = 0;
};

/// A compiled network. Commands are in program order (the order in which the chip's dispatcher issues them);
/// a queue's order is the order of its commands here.
struct Program {
  const Target* target = nullptr;
  std::string network;
  std::vector<Task> tasks;
  std::vector<Command> commands;
  std::vector<Region> regions;
  std::vector<FlagId> flags;
  std::vector<Buffer> buffers;
  std::vector<Setting> settings;

  [[nodiscard]] std::span<const Region> regions_of(const Command& command) const {
    return std::span(regions).subspan(command.first_region, command.region_count);
  }
  [[nodiscard]] std::span<const FlagId> waits_of(const Command& command) const {
    return std::span(flags).subspan(command.first_flag, command.wait_count);
  }
  [[nodiscard]] std::span<const FlagId> sets_of(const Command& command) const {
    return std::span(flags).subspan(command.first_flag + command.wait_count, command.set_count);
  }
};

/// Appends tasks and commands to a program; keeps the pools consistent. Misuse (a command outside a task, an
/// id or an argument count that is not the target's, a wait after a set) throws InternalError.
class Builder {
 public:
  explicit Builder(Program& program) : program_(program) {}
  /// Opens a task; its first_command and command_count are filled in here and in end_task().
  void begin_task(Task task);
  /// Starts a command with exactly the opcode's arguments; add its regions, waits and sets before the next
  /// one. The reference (for `macs`, or to change an argument) is valid until the next command.
  Command& command(QueueId queue, OpcodeId opcode, std::span<const std::int64_t> args);
  Command& command(QueueId queue, OpcodeId opcode, std::initializer_list<std::int64_t> args = {}) {
    return command(queue, opcode, std::span(args.begin(), args.size()));
  }
  void region(const Region& region);
  /// The index of an equal setting of the program, or of this one appended: for Command::setting.
  std::uint32_t setting(const Setting& setting);
  /// Waits must be added before sets.
  void wait(FlagId flag);
  void set(FlagId flag);
  /// Closes the current task.
  void end_task();

 private:
  Command& current(std::string_view what);

  Program& program_;
  bool open_ = false;  ///< between begin_task and end_task
};

/// The program as text; parse(print(p)) equals p but for the tasks' mapping, which is a comment.
/// `npusim compile --dump program`. Names are bare words, or quoted where they hold anything but letters,
/// digits and _.:-#; `#` at the start of a line is a comment:
///
///     program resnet50 chip ascend310
///     buffer input [0 +150528] input
///     buffer fc [4096 +2000] output tasks 52..52
///     buffer conv1.bias core0.l1[0 +256] input tasks 0..0
///     task conv1 op conv engine cube launch 1200 macs 118013952
///     setting 0 load kernel=3x3 pad=1
///       core0.mte2 load rows=16 r ddr[0 +256 x4/1024 x2/8192] w core0.l1[0 +2048] set core0.mte2_mte1.0
///       setting 0 core0.cube mmad m=16 r core0.l0a[0 +512] w core0.l0c[0 +1024] wait core0.mte1_m.0 macs
///       4096
///     task conv2 op conv engine cube launch 0 macs 0 joined
///
/// A region is space[offset +bytes xinner/stride xouter/stride], r or w; a plain one leaves out the
/// repetitions. A buffer outside of the global space names its space. A setting's line stands before the
/// first command that says `setting` and its number; numbers are indices in Program::settings.
std::string print(const Program& program);
/// Parses print()'s output for `target`. Throws UserError with `file` and the line, and the nearest valid
/// name.
Program parse(std::string_view text, const Target& target, const std::string& file);

/// Proves that a program is sound, or throws InternalError naming the commands at fault:
/// MACs of every task's commands add up to the task's; scratchpads do not overflow; every byte is read after
/// its write and overwritten after its last read (happens-before over queues, flags and segments); every
/// flag is set at most `flag_capacity` times ahead of its waits, and is clear when a segment ends; no
/// deadlock; no byte of a buffer is written twice or, in an output, never. Outside of buffers a scratchpad's
/// contents do not survive a segment. Queue depths and their dispatchers are the machine's matter and not
/// looked at.
void verify(const Program& program);

}  // namespace npusim::program
