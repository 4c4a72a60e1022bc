#include "sim/trace/program_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <string_view>

namespace npusim::trace {
namespace {

using program::Program;
using Range = std::pair<std::int64_t, std::int64_t>;

/// From a region's first byte to behind its last.
Range extent(const program::Region& region) {
  const std::int64_t last =
      (region.inner - 1) * region.inner_stride + (region.outer - 1) * region.outer_stride;
  return {region.offset, region.offset + last + region.bytes};
}

std::int64_t covered(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::int64_t bytes = 0;
  std::int64_t end = 0;
  for (const auto& [from, to] : ranges) {
    bytes += std::max<std::int64_t>(0, to - std::max(from, end));
    end = std::max(end, to);
  }
  return bytes;
}

std::vector<SpaceUse> space_use(const Program& program) {
  const auto& spaces = program.target->spaces;
  std::vector<SpaceUse> uses;
  for (const auto& space : spaces) uses.push_back({space.name, space.global, space.bytes, {}});
  for (std::uint32_t t = 0; t < program.tasks.size(); ++t) {
    std::vector<std::vector<Range>> ranges(spaces.size());
    for (const auto& buffer : program.buffers) {
      if (buffer.first_task <= t && t <= buffer.last_task)
        ranges[buffer.space].emplace_back(buffer.offset, buffer.offset + buffer.bytes);
    }
    const auto& task = program.tasks[t];
    for (std::uint32_t c = task.first_command; c < task.first_command + task.command_count; ++c) {
      for (const auto& region : program.regions_of(program.commands[c])) {
        if (!spaces[region.space].global) ranges[region.space].push_back(extent(region));
      }
    }
    for (std::size_t s = 0; s < spaces.size(); ++s) uses[s].used.push_back(covered(ranges[s]));
  }
  return uses;
}

/// The k-th wait for a flag consumes its k-th set.
std::vector<std::pair<std::uint32_t, std::uint32_t>> dependences(const Program& program) {
  std::vector<std::deque<std::uint32_t>> sets(program.target->flags.size());
  for (std::uint32_t c = 0; c < program.commands.size(); ++c) {
    for (const auto flag : program.sets_of(program.commands[c])) sets[flag].push_back(c);
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (std::uint32_t c = 0; c < program.commands.size(); ++c) {
    for (const auto flag : program.waits_of(program.commands[c])) {
      if (sets[flag].empty()) continue;
      pairs.emplace_back(sets[flag].front(), c);
      sets[flag].pop_front();
    }
  }
  return pairs;
}

/// print()'s lines by task.
std::vector<std::string> texts(const Program& program, std::size_t most_lines) {
  const std::string all = program::print(program);
  std::vector<std::string> by_task;
  std::size_t lines = 0;
  const auto close = [&] {
    if (!by_task.empty() && lines > most_lines)
      by_task.back() += fmt::format("# {} more lines: npusim compile --dump program\n", lines - most_lines);
    lines = 0;
  };
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size() - 1);
    const std::string_view line(all.data() + at, end - at + 1);
    at = end + 1;
    if (line.starts_with("task ")) {
      close();
      by_task.emplace_back();
    }
    if (by_task.empty()) continue;
    if (++lines <= most_lines) by_task.back() += line;
  }
  close();
  return by_task;
}

}  // namespace

ProgramView view_of(const Program& program, std::size_t most_lines) {
  ProgramView view;
  for (const auto& task : program.tasks) view.first_command.push_back(task.first_command);
  for (const auto& command : program.commands) {
    std::int64_t bytes = 0;
    for (const auto& region : program.regions_of(command)) {
      if (program.target->spaces[region.space].global) bytes += region.total_bytes();
    }
    view.moved.push_back(bytes);
  }
  view.dependences = dependences(program);
  view.spaces = space_use(program);
  view.text = texts(program, most_lines);
  return view;
}

}  // namespace npusim::trace
