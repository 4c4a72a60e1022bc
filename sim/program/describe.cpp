#include "sim/program/describe.h"

#include <fmt/format.h>

namespace npusim::program {

std::string describe(const Program& program, std::size_t command) {
  const Target& target = *program.target;
  const Command& c = program.commands.at(command);
  const std::string queue =
      c.queue < target.queues.size() ? target.queues[c.queue].name : fmt::format("queue {}", c.queue);
  const std::string opcode =
      c.opcode < target.opcodes.size() ? target.opcodes[c.opcode].name : fmt::format("opcode {}", c.opcode);
  if (c.task >= program.tasks.size()) {
    return fmt::format("command {} ({} {}) of task {}", command, queue, opcode, c.task);
  }
  const Task& task = program.tasks[c.task];
  return fmt::format("task '{}' command {} ({} {})", task.name,
                     static_cast<std::int64_t>(command) - std::int64_t{task.first_command}, queue, opcode);
}

std::string describe_bytes(const Program& program, SpaceId space, std::int64_t begin, std::int64_t end) {
  return fmt::format("{}[{} +{}]", program.target->spaces.at(space).name, begin, end - begin);
}

std::string describe_flag(const Program& program, FlagId flag) {
  return fmt::format("'{}'", program.target->flags.at(flag));
}

}  // namespace npusim::program
