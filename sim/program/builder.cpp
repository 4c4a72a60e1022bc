// Builder: appends tasks and commands, and refuses at once what could only become a broken program.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sim/base/error.h"
#include "sim/program/program.h"

namespace npusim::program {

void Builder::begin_task(Task task) {
  if (open_) {
    throw InternalError(
        fmt::format("builder: task '{}' begins inside task '{}'", task.name, program_.tasks.back().name));
  }
  if (task.joined && (program_.tasks.empty() || task.launch_cycles != 0)) {
    throw InternalError(fmt::format(
        "builder: task '{}' is joined, so it has a task before it and no launch cycles", task.name));
  }
  open_ = true;
  task.first_command = static_cast<std::uint32_t>(program_.commands.size());
  task.command_count = 0;
  program_.tasks.push_back(std::move(task));
}

Command& Builder::command(QueueId queue, OpcodeId opcode, std::span<const std::int64_t> args) {
  if (!open_) throw InternalError("builder: a command outside of any task");
  const Target* target = program_.target;
  ensure(target != nullptr, "builder: the program has no target");
  if (queue >= target->queues.size() || opcode >= target->opcodes.size()) {
    throw InternalError(fmt::format("builder: task '{}': queue {} or opcode {} is not the target's",
                                    program_.tasks.back().name, queue, opcode));
  }
  const Opcode& kind = target->opcodes[opcode];
  if (args.size() != kind.args.size() || args.size() > kMaxArgs) {
    throw InternalError(fmt::format("builder: task '{}': {} takes {} arguments, {} given",
                                    program_.tasks.back().name, kind.name, kind.args.size(), args.size()));
  }
  Command command;
  command.queue = queue;
  command.opcode = opcode;
  command.task = static_cast<std::uint32_t>(program_.tasks.size() - 1);
  command.first_region = static_cast<std::uint32_t>(program_.regions.size());
  command.first_flag = static_cast<std::uint32_t>(program_.flags.size());
  std::size_t index = 0;
  for (const std::int64_t value : args) {
    if (value < std::numeric_limits<std::int32_t>::min() ||
        value > std::numeric_limits<std::int32_t>::max()) {
      throw InternalError(fmt::format("builder: task '{}': {} {}={} does not fit 32 bits",
                                      program_.tasks.back().name, kind.name, kind.args[index], value));
    }
    command.args[index++] = static_cast<std::int32_t>(value);
  }
  program_.commands.push_back(command);
  return program_.commands.back();
}

Command& Builder::current(std::string_view what) {
  if (!open_ || program_.commands.size() == program_.tasks.back().first_command) {
    throw InternalError(fmt::format("builder: a {} before any command of the task", what));
  }
  return program_.commands.back();
}

void Builder::region(const Region& region) {
  Command& command = current("region");
  ensure(command.region_count < std::numeric_limits<std::uint16_t>::max(),
         "builder: too many regions in a command");
  program_.regions.push_back(region);
  ++command.region_count;
}

std::uint32_t Builder::setting(const Setting& setting) {
  auto& settings = program_.settings;
  const auto found = std::find(settings.rbegin(), settings.rend(), setting);  // most likely a late one
  if (found != settings.rend()) return static_cast<std::uint32_t>(settings.rend() - found - 1);
  settings.push_back(setting);
  return static_cast<std::uint32_t>(settings.size() - 1);
}

void Builder::wait(FlagId flag) {
  Command& command = current("wait");
  ensure(command.set_count == 0, "builder: a command's waits must be added before its sets");
  ensure(command.wait_count < std::numeric_limits<std::uint16_t>::max(),
         "builder: too many waits in a command");
  program_.flags.push_back(flag);
  ++command.wait_count;
}

void Builder::set(FlagId flag) {
  Command& command = current("set");
  ensure(command.set_count < std::numeric_limits<std::uint16_t>::max(),
         "builder: too many sets in a command");
  program_.flags.push_back(flag);
  ++command.set_count;
}

void Builder::end_task() {
  ensure(open_, "builder: end_task without begin_task");
  open_ = false;
  Task& task = program_.tasks.back();
  task.command_count = static_cast<std::uint32_t>(program_.commands.size()) - task.first_command;
}

}  // namespace npusim::program
