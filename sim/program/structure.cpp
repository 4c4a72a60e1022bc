#include "sim/program/structure.h"

#include <fmt/format.h>

#include <limits>

#include "sim/base/error.h"
#include "sim/program/describe.h"
#include "sim/program/runs.h"

namespace npusim::program {
namespace {

constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max() / 4;

/// The bytes a region may reach: the space's size, or practically no limit for a global space of size 0.
std::int64_t limit_of(const Space& space) {
  return space.global && space.bytes == 0 ? kUnbounded : space.bytes;
}

/// Whether count repetitions at `stride` after the first stay within `room` bytes. No overflow.
bool repetition_fits(std::int64_t count, std::int64_t stride, std::int64_t room) {
  return count == 1 || stride == 0 || stride <= room / (count - 1);
}

bool region_fits(const Region& region, std::int64_t limit) {
  if (region.offset < 0 || region.offset > limit || region.bytes > limit - region.offset) return false;
  std::int64_t room = limit - region.offset - region.bytes;
  if (!repetition_fits(region.inner, region.inner_stride, room)) return false;
  room -= (region.inner - 1) * region.inner_stride;
  return repetition_fits(region.outer, region.outer_stride, room);
}

void check_target(const Program& program) {
  if (program.target == nullptr) throw InternalError("the program has no target");
  const Target& target = *program.target;
  if (target.flag_capacity < 1) {
    throw InternalError(fmt::format("chip '{}': a flag must hold at least one set, not {}", target.chip,
                                    target.flag_capacity));
  }
  int globals = 0;
  for (const Space& space : target.spaces) globals += space.global ? 1 : 0;
  if (globals > 1) throw InternalError(fmt::format("chip '{}' has {} global spaces", target.chip, globals));
  if (globals == 1 && !target.spaces[0].global) {
    throw InternalError(fmt::format("chip '{}': its global space must be the first", target.chip));
  }
}

void check_buffer(const Program& program, const Buffer& buffer) {
  const auto& spaces = program.target->spaces;
  if (buffer.space >= spaces.size()) {
    throw InternalError(
        fmt::format("buffer '{}' is in space {}, which is not the target's", buffer.name, buffer.space));
  }
  const Space& space = spaces[buffer.space];
  const std::int64_t limit = limit_of(space);
  if (buffer.offset < 0 || buffer.bytes < 1 || buffer.offset > limit ||
      buffer.bytes > limit - buffer.offset) {
    throw InternalError(fmt::format(
        "buffer '{}' [{} +{}] does not lie inside {} of {} bytes", buffer.name, buffer.offset, buffer.bytes,
        space.global ? "the global space" : fmt::format("'{}'", space.name), limit));
  }
  const std::size_t tasks = program.tasks.size();
  if (buffer.first_task > buffer.last_task || (buffer.first_task > 0 && buffer.first_task >= tasks)) {
    throw InternalError(fmt::format("buffer '{}' is alive in tasks {}..{}, the program has {} tasks",
                                    buffer.name, buffer.first_task, buffer.last_task, tasks));
  }
  if (buffer.input && buffer.first_task > 0) {
    throw InternalError(fmt::format("buffer '{}' is an input, but alive only from task {} on", buffer.name,
                                    buffer.first_task));
  }
  if (buffer.output && std::size_t{buffer.last_task} + 1 < tasks) {
    throw InternalError(fmt::format("buffer '{}' is an output, but alive only to task {} of {}", buffer.name,
                                    buffer.last_task, tasks));
  }
}

void check_region(const Program& program, std::size_t command, const Region& region) {
  const Target& target = *program.target;
  const auto fail = [&](const std::string& what) {
    throw InternalError(fmt::format("{}: {}", describe(program, command), what));
  };
  if (region.space >= target.spaces.size()) fail(fmt::format("space {} is not the target's", region.space));
  const Space& space = target.spaces[region.space];
  const auto text = [&] {
    return fmt::format("{}[{} +{} x{}/{} x{}/{}]", space.name, region.offset, region.bytes, region.inner,
                       region.inner_stride, region.outer, region.outer_stride);
  };
  if (region.bytes < 1 || region.inner < 1 || region.outer < 1 || region.inner_stride < 0 ||
      region.outer_stride < 0) {
    fail(fmt::format("region {} must have positive bytes and counts and no negative stride", text()));
  }
  if (!region_fits(region, limit_of(space))) {
    fail(fmt::format("region {} does not lie inside the space of {} bytes", text(), space.bytes));
  }
  if (region.write && overlaps_itself(region)) fail(fmt::format("region {} writes a byte twice", text()));
}

void check_command(const Program& program, std::size_t index) {
  const Target& target = *program.target;
  const Command& command = program.commands[index];
  const auto fail = [&](const std::string& what) {
    throw InternalError(fmt::format("{}: {}", describe(program, index), what));
  };
  if (command.queue >= target.queues.size()) fail("the queue is not the target's");
  if (command.opcode >= target.opcodes.size()) fail("the opcode is not the target's");
  if (command.setting != kNoSetting && command.setting >= program.settings.size()) {
    fail(fmt::format("setting {} of {}", command.setting, program.settings.size()));
  }
  if (command.macs < 0) fail(fmt::format("{} MACs", command.macs));
  for (std::size_t i = target.opcodes[command.opcode].args.size(); i < kMaxArgs; ++i) {
    if (command.args[i] != 0) {
      fail(fmt::format("argument {} is {}, but the opcode has only {}", i, command.args[i],
                       target.opcodes[command.opcode].args.size()));
    }
  }
  if (std::uint64_t{command.first_region} + command.region_count > program.regions.size()) {
    fail("its regions are not in the program's pool");
  }
  if (std::uint64_t{command.first_flag} + command.wait_count + command.set_count > program.flags.size()) {
    fail("its flags are not in the program's pool");
  }
  for (const FlagId flag : program.waits_of(command)) {
    if (flag >= target.flags.size()) fail(fmt::format("waits for flag {}, which is not the target's", flag));
  }
  for (const FlagId flag : program.sets_of(command)) {
    if (flag >= target.flags.size()) fail(fmt::format("sets flag {}, which is not the target's", flag));
  }
  for (const Region& region : program.regions_of(command)) check_region(program, index, region);
}

void check_task(const Program& program, std::size_t index, std::uint64_t first) {
  const Task& task = program.tasks[index];
  if (task.first_command != first || first + task.command_count > program.commands.size()) {
    throw InternalError(
        fmt::format("task '{}' has commands [{} +{}], expected the program's commands from {} to at most {}",
                    task.name, task.first_command, task.command_count, first, program.commands.size()));
  }
  if (task.launch_cycles < 0) {
    throw InternalError(fmt::format("task '{}' has {} launch cycles", task.name, task.launch_cycles));
  }
  if (task.joined && (index == 0 || task.launch_cycles != 0)) {
    throw InternalError(
        fmt::format("task '{}' is joined, so it has a task before it and no launch cycles", task.name));
  }
  std::int64_t macs = 0;
  for (std::uint64_t c = first; c < first + task.command_count; ++c) {
    if (program.commands[c].task != index) {
      throw InternalError(
          fmt::format("{} is among the commands of task '{}'", describe(program, c), task.name));
    }
    check_command(program, c);
    macs += program.commands[c].macs;
  }
  if (macs != task.macs) {
    throw InternalError(fmt::format("task '{}': its commands do {} MACs, expected {} (difference {})",
                                    task.name, macs, task.macs, macs - task.macs));
  }
}

}  // namespace

void verify_structure(const Program& program) {
  check_target(program);
  for (const Buffer& buffer : program.buffers) check_buffer(program, buffer);
  std::uint64_t next = 0;
  for (std::size_t i = 0; i < program.tasks.size(); ++i) {
    check_task(program, i, next);
    next += program.tasks[i].command_count;
  }
  if (next != program.commands.size()) {
    throw InternalError(
        fmt::format("{} belongs to no task", describe(program, static_cast<std::size_t>(next))));
  }
}

}  // namespace npusim::program
