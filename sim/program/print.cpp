// The text form of a program; parse.cpp reads it back.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "sim/program/program.h"
#include "sim/program/text.h"

namespace npusim::program {

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == ':' || c == '-' || c == '#';
}

std::string quoted_name(std::string_view name) {
  if (!name.empty() && name.front() != '#' && std::all_of(name.begin(), name.end(), is_word_char)) {
    return std::string(name);
  }
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      text += c;
    }
  }
  return text + "\"";
}

namespace {

/// Quoted names of a target's things by id; an id that is not the target's prints as "?12", which does not
/// parse.
class Names {
 public:
  template <class List, class NameOf>
  Names(const List& list, NameOf name_of) {
    for (const auto& item : list) {
      names_.push_back(quoted_name(name_of(item)));
      width_ = std::max(width_, names_.back().size());
    }
  }
  [[nodiscard]] std::string of(std::size_t id) const {
    return id < names_.size() ? names_[id] : fmt::format("?{}", id);
  }
  [[nodiscard]] std::size_t width() const { return width_; }

 private:
  std::vector<std::string> names_;
  std::size_t width_ = 0;
};

class Printer {
 public:
  explicit Printer(const Program& program)
      : program_(program),
        queues_(program.target->queues, [](const Queue& queue) { return queue.name; }),
        opcodes_(program.target->opcodes, [](const Opcode& opcode) { return opcode.name; }),
        spaces_(program.target->spaces, [](const Space& space) { return space.name; }),
        flags_(program.target->flags, [](const std::string& flag) { return flag; }),
        defined_(program.settings.size()) {}

  std::string text() {
    append("program {} chip {}\n", quoted_name(program_.network), quoted_name(program_.target->chip));
    for (const Buffer& buffer : program_.buffers) print(buffer);
    for (const Task& task : program_.tasks) {
      append("task {} op {} engine {} launch {} macs {}{}\n", quoted_name(task.name), quoted_name(task.op),
             quoted_name(task.engine), task.launch_cycles, task.macs, task.joined ? " joined" : "");
      if (!task.mapping.empty()) append("# {}\n", task.mapping);
      const std::size_t last = std::min<std::size_t>(std::size_t{task.first_command} + task.command_count,
                                                     program_.commands.size());
      for (std::size_t i = task.first_command; i < last; ++i) print(program_.commands[i]);
    }
    for (std::uint32_t i = 0; i < program_.settings.size(); ++i) define(i);
    return fmt::to_string(out_);
  }

 private:
  template <class... Args>
  void append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  void print(const Buffer& buffer) {
    const auto& spaces = program_.target->spaces;
    const bool global = buffer.space == 0 && !spaces.empty() && spaces[0].global;
    append("buffer {} {}[{} +{}]", quoted_name(buffer.name), global ? "" : spaces_.of(buffer.space),
           buffer.offset, buffer.bytes);
    if (buffer.input) append(" input");
    if (buffer.output) append(" output");
    const Buffer always;
    if (buffer.first_task != always.first_task || buffer.last_task != always.last_task) {
      append(" tasks {}..{}", buffer.first_task, buffer.last_task);
    }
    append("\n");
  }

  /// Prints a setting unless that has been done.
  void define(std::uint32_t index) {
    if (index >= defined_.size() || defined_[index]) return;
    defined_[index] = true;
    const Setting& setting = program_.settings[index];
    append("setting {} {}", index, quoted_name(setting.name));
    for (const auto& [key, value] : setting.values) append(" {}={}", quoted_name(key), quoted_name(value));
    append("\n");
  }

  void print(const Command& command) {
    define(command.setting);
    append("  {:<{}} {:<{}}", queues_.of(command.queue), queues_.width(), opcodes_.of(command.opcode),
           opcodes_.width());
    const std::vector<Opcode>& opcodes = program_.target->opcodes;
    if (command.opcode < opcodes.size()) {
      const std::vector<std::string>& names = opcodes[command.opcode].args;
      for (std::size_t i = 0; i < std::min(names.size(), kMaxArgs); ++i) {
        append(" {}={}", quoted_name(names[i]), command.args[i]);
      }
    }
    for (const Region& region : program_.regions_of(command)) print(region);
    for (const FlagId flag : program_.waits_of(command)) append(" wait {}", flags_.of(flag));
    for (const FlagId flag : program_.sets_of(command)) append(" set {}", flags_.of(flag));
    if (command.macs != 0) append(" macs {}", command.macs);
    if (command.setting != kNoSetting) append(" setting {}", command.setting);
    append("\n");
  }

  void print(const Region& region) {
    append(" {} {}[{} +{}", region.write ? 'w' : 'r', spaces_.of(region.space), region.offset, region.bytes);
    const bool outer = region.outer != 1 || region.outer_stride != 0;
    if (outer || region.inner != 1 || region.inner_stride != 0) {
      append(" x{}/{}", region.inner, region.inner_stride);
    }
    if (outer) append(" x{}/{}", region.outer, region.outer_stride);
    append("]");
  }

  const Program& program_;
  Names queues_, opcodes_, spaces_, flags_;
  std::vector<bool> defined_;  ///< by setting
  fmt::memory_buffer out_;
};

}  // namespace

std::string print(const Program& program) { return Printer(program).text(); }

}  // namespace npusim::program
