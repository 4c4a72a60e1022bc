// Reads the text form of a program that print.cpp writes.
#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <map>
#include <unordered_map>

#include "sim/base/error.h"
#include "sim/program/program.h"
#include "sim/program/text.h"

namespace npusim::program {
namespace {

/// One line's text, cut into words, quoted names and punctuation on demand. Errors carry file and line.
class Line {
 public:
  Line(std::string_view text, const std::string& file, int number)
      : text_(text), file_(file), number_(number) {
    skip_blanks();
  }

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] bool comment() const { return !at_end() && text_[at_] == '#'; }

  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(fmt::format("{}:{}: {}", file_, number_, what));
  }

  /// A bare word or a quoted name; `what` says what was expected.
  std::string_view name(std::string_view what) {
    if (!at_end() && text_[at_] == '"') return quoted(what);
    const std::size_t from = at_;
    while (!at_end() && is_word_char(text_[at_])) ++at_;
    if (at_ == from) fail(fmt::format("expected {}{}", what, found()));
    const std::string_view word = text_.substr(from, at_ - from);
    skip_blanks();
    return word;
  }

  std::int64_t number(std::string_view what, std::int64_t low = std::numeric_limits<std::int64_t>::min(),
                      std::int64_t high = std::numeric_limits<std::int64_t>::max()) {
    const std::string_view word = name(what);
    return to_number(word, what, low, high);
  }

  /// The `word` just read, as a number.
  [[nodiscard]] std::int64_t to_number(std::string_view word, std::string_view what, std::int64_t low,
                                       std::int64_t high) const {
    std::int64_t value = 0;
    const auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (status != std::errc() || end != word.data() + word.size() || value < low || value > high) {
      fail(fmt::format("expected {} as an integer from {} to {}, found '{}'", what, low, high, word));
    }
    return value;
  }

  /// Consumes `c` when it is next.
  bool accept(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    skip_blanks();
    return true;
  }
  void expect(char c, std::string_view where) {
    if (!accept(c)) fail(fmt::format("expected '{}' {}{}", c, where, found()));
  }
  void keyword(std::string_view word) {
    const std::string_view got = name(fmt::format("'{}'", word));
    if (got != word) fail(fmt::format("expected '{}', found '{}'", word, got));
  }

 private:
  [[nodiscard]] std::string found() const {
    return at_end() ? ", found the end of the line" : fmt::format(", found '{}'", text_.substr(at_, 12));
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  std::string_view quoted(std::string_view what) {
    scratch_.clear();
    for (++at_; !at_end() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        scratch_ += text_[at_];
        continue;
      }
      ++at_;
      if (!at_end() && text_[at_] == 'x' && at_ + 2 < text_.size()) {
        unsigned code = 0;
        const auto [end, status] = std::from_chars(&text_[at_ + 1], &text_[at_ + 1] + 2, code, 16);
        if (status != std::errc() || end != &text_[at_ + 1] + 2) fail("expected two hex digits after \\x");
        scratch_ += static_cast<char>(code);
        at_ += 2;
      } else if (!at_end()) {
        scratch_ += text_[at_];
      }
    }
    if (at_end()) fail(fmt::format("expected {}, found a quoted name without its closing quote", what));
    ++at_;
    skip_blanks();
    return scratch_;
  }

  std::string_view text_;
  const std::string& file_;
  int number_;
  std::size_t at_ = 0;
  std::string scratch_;  ///< the latest quoted name, unescaped
};

/// Ids of one kind of a target's things by name.
class Ids {
 public:
  template <class List, class NameOf>
  Ids(std::string kind, const List& list, NameOf name_of) : kind_(std::move(kind)) {
    for (const auto& item : list) names_.push_back(name_of(item));
    for (std::size_t i = 0; i < names_.size(); ++i) ids_.emplace(names_[i], i);
  }
  [[nodiscard]] std::uint16_t find(std::string_view name, const Line& line, std::string_view chip) const {
    const auto found = ids_.find(name);
    if (found == ids_.end()) {
      line.fail(fmt::format("chip '{}' has no {} '{}'{}", chip, kind_, name, suggestion(name, names_)));
    }
    return static_cast<std::uint16_t>(found->second);
  }

 private:
  std::string kind_;
  std::vector<std::string> names_;
  std::unordered_map<std::string_view, std::size_t> ids_;
};

class Parser {
 public:
  Parser(const Target& target, const std::string& file)
      : target_(target),
        file_(file),
        queues_("queue", target.queues, [](const Queue& queue) { return queue.name; }),
        opcodes_("opcode", target.opcodes, [](const Opcode& opcode) { return opcode.name; }),
        spaces_("space", target.spaces, [](const Space& space) { return space.name; }),
        flags_("flag", target.flags, [](const std::string& flag) { return flag; }) {
    program_.target = &target;
    for (const Opcode& opcode : target.opcodes) {
      ensure(opcode.args.size() <= kMaxArgs,
             "an opcode of the target has more arguments than a command holds");
    }
  }

  Program parse(std::string_view text) {
    int number = 0;
    bool header = false;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      Line line(text.substr(0, end), file_, ++number);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.at_end() || line.comment()) continue;
      if (!header) {
        parse_header(line);
        header = true;
      } else {
        parse_line(line);
      }
      if (!line.at_end()) line.fail("expected the end of the line after this");
    }
    if (!header)
      throw UserError(fmt::format("{}: expected 'program NAME chip NAME', found no program", file_));
    take_settings();
    return std::move(program_);
  }

 private:
  void parse_header(Line& line) {
    line.keyword("program");
    program_.network = line.name("the network's name");
    line.keyword("chip");
    const std::string chip(line.name("the chip's name"));
    if (chip != target_.chip) {
      line.fail(fmt::format("the program is for chip '{}', expected chip '{}'", chip, target_.chip));
    }
  }

  void parse_line(Line& line) {
    const std::string_view first = line.name("'buffer', 'task', 'setting' or a queue's name");
    if (first == "buffer") {
      parse_buffer(line);
    } else if (first == "task") {
      parse_task(line);
    } else if (first == "setting") {
      parse_setting(line);
    } else {
      if (program_.tasks.empty()) {
        line.fail(fmt::format("expected 'buffer', 'setting' or 'task' before any command, found '{}'{}",
                              first, suggestion(first, {"buffer", "setting", "task"})));
      }
      parse_command(line, queues_.find(first, line, target_.chip));
    }
  }

  void parse_buffer(Line& line) {
    Buffer buffer;
    buffer.name = line.name("the buffer's name");
    if (!line.accept('[')) {
      buffer.space = spaces_.find(line.name("'[' or the buffer's space"), line, target_.chip);
      line.expect('[', "before the buffer's range");
    }
    buffer.offset = line.number("the buffer's offset");
    line.expect('+', "before the buffer's bytes");
    buffer.bytes = line.number("the buffer's bytes");
    line.expect(']', "after the buffer's range");
    while (!line.at_end()) {
      const std::string_view word = line.name("'input', 'output' or 'tasks'");
      if (word == "input") {
        buffer.input = true;
      } else if (word == "output") {
        buffer.output = true;
      } else if (word == "tasks") {
        const std::string_view range = line.name("a range of tasks, FIRST..LAST");
        const std::size_t dots = range.find("..");
        if (dots == std::string_view::npos) {
          line.fail(fmt::format("expected a range of tasks FIRST..LAST, found '{}'", range));
        }
        buffer.first_task = task_index(line, range.substr(0, dots));
        buffer.last_task = task_index(line, range.substr(dots + 2));
      } else {
        line.fail(fmt::format("expected 'input', 'output' or 'tasks', found '{}'{}", word,
                              suggestion(word, {"input", "output", "tasks"})));
      }
    }
    program_.buffers.push_back(std::move(buffer));
  }

  static std::uint32_t task_index(const Line& line, std::string_view word) {
    return static_cast<std::uint32_t>(
        line.to_number(word, "a task's index", 0, std::numeric_limits<std::uint32_t>::max()));
  }

  void parse_task(Line& line) {
    Task task;
    task.name = line.name("the task's name");
    line.keyword("op");
    task.op = line.name("the task's operator");
    line.keyword("engine");
    task.engine = line.name("the task's engine");
    line.keyword("launch");
    task.launch_cycles = line.number("the task's launch cycles");
    line.keyword("macs");
    task.macs = line.number("the task's MACs");
    if (!line.at_end()) {
      line.keyword("joined");
      task.joined = true;
    }
    task.first_command = static_cast<std::uint32_t>(program_.commands.size());
    program_.tasks.push_back(std::move(task));
  }

  void parse_setting(Line& line) {
    const auto index = static_cast<std::uint32_t>(line.number("the setting's number", 0, kNoSetting - 1));
    Setting setting;
    setting.name = line.name("the setting's name");
    while (!line.at_end()) {
      std::string key(line.name("a value NAME=VALUE"));
      line.expect('=', fmt::format("after '{}'", key));
      setting.values.emplace_back(std::move(key), line.name("the value"));
    }
    if (!settings_.emplace(index, std::move(setting)).second) {
      line.fail(fmt::format("setting {} is given twice", index));
    }
  }

  /// Moves the settings into the program. Their numbers must leave no gap.
  void take_settings() {
    for (auto& [index, setting] : settings_) {
      if (index != program_.settings.size()) {
        throw UserError(
            fmt::format("{}: expected settings numbered from 0 without gap, found setting {} but no "
                        "setting {}",
                        file_, index, program_.settings.size()));
      }
      program_.settings.push_back(std::move(setting));
    }
  }

  [[nodiscard]] std::uint32_t setting_index(Line& line) const {
    const auto index = static_cast<std::uint32_t>(line.number("the setting's number", 0, kNoSetting - 1));
    if (settings_.count(index) == 0) {
      line.fail(fmt::format("expected the number of a setting that is given above, found {}", index));
    }
    return index;
  }

  void parse_command(Line& line, QueueId queue) {
    Command command;
    command.queue = queue;
    command.opcode = opcodes_.find(line.name("an opcode"), line, target_.chip);
    command.task = static_cast<std::uint32_t>(program_.tasks.size() - 1);
    command.first_region = static_cast<std::uint32_t>(program_.regions.size());
    command.first_flag = static_cast<std::uint32_t>(program_.flags.size());
    parse_args(line, command);
    program_.commands.push_back(command);
    ++program_.tasks.back().command_count;
  }

  /// Everything after the opcode: name=value, then regions, waits, sets, MACs and the setting.
  void parse_args(Line& line, Command& command) {
    const Opcode& opcode = target_.opcodes[command.opcode];
    std::array<bool, kMaxArgs> given{};
    while (!line.at_end()) {
      const std::string word(line.name("an argument, 'r', 'w', 'wait', 'set', 'macs' or 'setting'"));
      if (line.accept('=')) {
        const std::size_t index = arg_index(line, opcode, word);
        if (given[index]) line.fail(fmt::format("argument '{}' of {} is given twice", word, opcode.name));
        given[index] = true;
        command.args[index] = static_cast<std::int32_t>(
            line.number(fmt::format("{}'s {}", opcode.name, word), std::numeric_limits<std::int32_t>::min(),
                        std::numeric_limits<std::int32_t>::max()));
      } else if (word == "r" || word == "w") {
        parse_region(line, command, word == "w");
      } else if (word == "wait" || word == "set") {
        if (word == "wait" && command.set_count != 0) line.fail("expected waits before sets");
        program_.flags.push_back(flags_.find(line.name("a flag"), line, target_.chip));
        ++(word == "wait" ? command.wait_count : command.set_count);
      } else if (word == "macs") {
        command.macs = line.number("the command's MACs");
      } else if (word == "setting") {
        command.setting = setting_index(line);
      } else {
        line.fail(fmt::format(
            "expected an argument NAME=VALUE, 'r', 'w', 'wait', 'set', 'macs' or 'setting', found '{}'{}",
            word, suggestion(word, {"wait", "set", "macs", "setting"})));
      }
    }
    for (std::size_t i = 0; i < opcode.args.size(); ++i) {
      if (!given[i]) line.fail(fmt::format("argument '{}' of {} is missing", opcode.args[i], opcode.name));
    }
  }

  static std::size_t arg_index(const Line& line, const Opcode& opcode, std::string_view name) {
    for (std::size_t i = 0; i < opcode.args.size(); ++i) {
      if (opcode.args[i] == name) return i;
    }
    line.fail(fmt::format("{} has no argument '{}'{}", opcode.name, name, suggestion(name, opcode.args)));
  }

  void parse_region(Line& line, Command& command, bool write) {
    Region region;
    region.space = spaces_.find(line.name("a space"), line, target_.chip);
    region.write = write;
    line.expect('[', "before the region's range");
    region.offset = line.number("the region's offset");
    line.expect('+', "before the region's bytes");
    region.bytes = line.number("the region's bytes");
    if (!line.accept(']')) {
      parse_repetition(line, region.inner, region.inner_stride);
      if (!line.accept(']')) {
        parse_repetition(line, region.outer, region.outer_stride);
        line.expect(']', "after the region's range");
      }
    }
    program_.regions.push_back(region);
    ++command.region_count;
  }

  /// "x4/1024": a count and a stride.
  static void parse_repetition(Line& line, std::int64_t& count, std::int64_t& stride) {
    const std::string_view word = line.name("a repetition xCOUNT/STRIDE or ']'");
    if (word.front() != 'x') line.fail(fmt::format("expected a repetition xCOUNT/STRIDE, found '{}'", word));
    count = line.to_number(word.substr(1), "the repetition's count", std::numeric_limits<std::int64_t>::min(),
                           std::numeric_limits<std::int64_t>::max());
    line.expect('/', "before the repetition's stride");
    stride = line.number("the repetition's stride");
  }

  const Target& target_;
  const std::string& file_;
  Ids queues_, opcodes_, spaces_, flags_;
  std::map<std::uint32_t, Setting> settings_;  ///< by number
  Program program_;
};

}  // namespace

Program parse(std::string_view text, const Target& target, const std::string& file) {
  return Parser(target, file).parse(text);
}

}  // namespace npusim::program
