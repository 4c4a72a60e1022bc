#include "sim/program/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"
#include "sim/program/describe.h"

namespace npusim::program {

Tensors::Tensors(const Program& program) : program_(program) {
  const auto& spaces = program.target->spaces;
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    if (spaces[i].global) space_ = static_cast<SpaceId>(i);
  }
  const std::size_t count = program.buffers.size();
  states_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) states_.emplace_back(&memory_);
  opening_.resize(count);
  std::iota(opening_.begin(), opening_.end(), 0U);
  closing_ = opening_;
  const auto& buffers = program.buffers;
  std::stable_sort(opening_.begin(), opening_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return buffers[a].first_task < buffers[b].first_task;
  });
  std::stable_sort(closing_.begin(), closing_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return buffers[a].last_task < buffers[b].last_task;
  });
}

std::string Tensors::bytes_of(std::uint32_t buffer, Run run) const {
  return fmt::format("{} of buffer '{}'", describe_bytes(program_, space_, run.begin, run.end),
                     program_.buffers[buffer].name);
}

void Tensors::open(std::uint32_t buffer) {
  const Buffer& opened = program_.buffers[buffer];
  const auto refuse = [&](std::uint32_t other) {
    throw InternalError(fmt::format(
        "buffers '{}' and '{}' overlap in address ({} and {}) and are both alive in task {} ('{}')",
        program_.buffers[other].name, opened.name,
        describe_bytes(program_, space_, program_.buffers[other].offset,
                       program_.buffers[other].offset + program_.buffers[other].bytes),
        describe_bytes(program_, space_, opened.offset, opened.offset + opened.bytes), task_,
        task_ < program_.tasks.size() ? program_.tasks[task_].name : ""));
  };
  const auto next = alive_.lower_bound(opened.offset);
  if (next != alive_.end() && next->first < opened.offset + opened.bytes) refuse(next->second);
  if (next != alive_.begin()) {
    const Buffer& previous = program_.buffers[std::prev(next)->second];
    if (previous.offset + previous.bytes > opened.offset) refuse(std::prev(next)->second);
  }
  alive_.emplace_hint(next, opened.offset, buffer);
}

void Tensors::close(std::uint32_t buffer) {
  const Buffer& closed = program_.buffers[buffer];
  State& state = states_[buffer];
  alive_.erase(closed.offset);
  if (!closed.input && (closed.output || state.read) && !complete(buffer)) {
    std::int64_t gap = closed.offset;
    std::int64_t end = closed.offset + closed.bytes;
    for (const auto& [begin, cell] : state.cells) {
      if (begin > gap) {
        end = begin;
        break;
      }
      gap = cell.end;
    }
    throw InternalError(fmt::format("{} is never written: {} of the buffer's {} bytes are, and it is {}",
                                    bytes_of(buffer, {gap, end}), state.written, closed.bytes,
                                    closed.output ? "an output" : "read"));
  }
  state.cells.clear();
}

std::optional<std::uint32_t> Tensors::locate(const Region& region) const {
  const auto next = alive_.upper_bound(region.offset);
  if (next == alive_.begin()) return std::nullopt;
  const std::uint32_t found = std::prev(next)->second;
  const Buffer& buffer = program_.buffers[found];
  if (extent_end(region) > buffer.offset + buffer.bytes) return std::nullopt;
  return found;
}

void Tensors::mark(std::size_t command, const Region& region) {
  const auto found = locate(region);
  if (!found) {
    throw InternalError(fmt::format("{} {} {}, which does not lie inside one buffer that is alive",
                                    describe(program_, command), region.write ? "writes" : "reads",
                                    describe_bytes(program_, space_, region.offset, extent_end(region))));
  }
  State& state = states_[*found];
  if (region.write && program_.buffers[*found].input) {
    throw InternalError(fmt::format("{} writes {}, which is an input", describe(program_, command),
                                    bytes_of(*found, {region.offset, extent_end(region)})));
  }
  if (!state.task_reads && !state.task_writes) touched_.push_back(*found);
  (region.write ? state.task_writes : state.task_reads) = true;
}

void Tensors::begin_task(std::uint32_t task) {
  task_ = task;
  for (; opened_ < opening_.size() && program_.buffers[opening_[opened_]].first_task <= task; ++opened_) {
    open(opening_[opened_]);
  }
  const Task& current = program_.tasks[task];
  for (std::uint32_t i = 0; i < current.command_count; ++i) {
    const std::size_t command = std::size_t{current.first_command} + i;
    for (const Region& region : program_.regions_of(program_.commands[command])) {
      if (program_.target->spaces[region.space].global) mark(command, region);
    }
  }
}

void Tensors::access(const Region& region, const Order& order) {
  const std::uint32_t buffer = *locate(region);
  State& state = states_[buffer];
  if (region.write) {
    for_each_run(region, [&](Run run) { write(buffer, run, order); });
  } else {
    state.read = true;
    if (program_.buffers[buffer].input || (complete(buffer) && !state.exact())) return;
    for_each_run(region, [&](Run run) { read(buffer, run, order); });
  }
}

void Tensors::read(std::uint32_t buffer, Run run, const Order& order) {
  const Cells& cells = states_[buffer].cells;
  auto cell = cells.upper_bound(run.begin);
  if (cell != cells.begin() && std::prev(cell)->second.end > run.begin) --cell;
  for (std::int64_t at = run.begin; at < run.end; ++cell) {
    if (cell == cells.end() || cell->first > at) {
      unwritten(buffer, {at, cell == cells.end() ? run.end : std::min(cell->first, run.end)}, order);
    }
    const std::int64_t end = std::min(cell->second.end, run.end);
    if (!before(cell->second.writer, order.clock())) {
      throw InternalError(fmt::format("{} reads {}, which {} writes, in no certain order",
                                      describe(program_, order.command_at(order.epoch())),
                                      bytes_of(buffer, {at, end}),
                                      describe(program_, order.command_at(cell->second.writer))));
    }
    at = end;
  }
}

void Tensors::write(std::uint32_t buffer, Run run, const Order& order) {
  State& state = states_[buffer];
  Cells& cells = state.cells;
  if (complete(buffer) && !state.exact()) written_twice(buffer, run, order);
  auto next = cells.upper_bound(run.begin);
  auto previous = next == cells.begin() ? cells.end() : std::prev(next);
  if (previous != cells.end() && previous->second.end > run.begin) {
    written_twice(buffer, {run.begin, std::min(previous->second.end, run.end)}, order);
  }
  if (next != cells.end() && next->first < run.end) {
    written_twice(buffer, {next->first, std::min(next->second.end, run.end)}, order);
  }
  const Epoch writer = state.exact() ? order.epoch() : Epoch{};
  state.written += run.end - run.begin;
  std::int64_t end = run.end;
  if (next != cells.end() && next->first == run.end && next->second.writer == writer) {
    end = next->second.end;
    next = cells.erase(next);
  }
  if (previous != cells.end() && previous->second.end == run.begin && previous->second.writer == writer) {
    previous->second.end = end;
  } else {
    cells.emplace_hint(next, run.begin, Cell{end, writer});
  }
  if (complete(buffer) && !state.exact()) cells.clear();
}

void Tensors::settle(Cells& cells) {
  for (auto cell = cells.begin(); cell != cells.end();) {
    cell->second.writer = Epoch{};
    const auto next = std::next(cell);
    if (next != cells.end() && next->first == cell->second.end) {
      cell->second.end = next->second.end;
      cells.erase(next);
    } else {
      cell = next;
    }
  }
}

void Tensors::end_task() {
  for (const std::uint32_t buffer : touched_) {
    State& state = states_[buffer];
    if (complete(buffer)) {
      state.cells.clear();
    } else if (state.exact()) {
      settle(state.cells);
    }
    state.task_reads = state.task_writes = false;
  }
  touched_.clear();
  for (; closed_ < closing_.size() && program_.buffers[closing_[closed_]].last_task <= task_; ++closed_) {
    close(closing_[closed_]);
  }
}

void Tensors::finish() {
  for (; opened_ < opening_.size(); ++opened_) open(opening_[opened_]);
  for (; closed_ < closing_.size(); ++closed_) close(closing_[closed_]);
}

std::optional<std::size_t> Tensors::writer_other(std::size_t than, std::uint32_t buffer,
                                                 std::int64_t at) const {
  const Buffer& home = program_.buffers[buffer];
  std::optional<std::size_t> found;
  for (std::size_t t = home.first_task; t < program_.tasks.size() && t <= home.last_task; ++t) {
    const Task& task = program_.tasks[t];
    for (std::size_t c = task.first_command; c < std::size_t{task.first_command} + task.command_count; ++c) {
      for (const Region& region : program_.regions_of(program_.commands[c])) {
        if (!region.write || region.space != space_) continue;
        for_each_run(region, [&](Run run) {
          if (run.begin <= at && at < run.end && (!found || *found == than)) found = c;
        });
      }
      if (found && *found != than) return found;
    }
  }
  return found;
}

void Tensors::written_twice(std::uint32_t buffer, Run run, const Order& order) const {
  const std::size_t command = order.command_at(order.epoch());
  const auto other = writer_other(command, buffer, run.begin);
  throw InternalError(fmt::format(
      "{} writes {} a second time; {} writes it too", describe(program_, command), bytes_of(buffer, run),
      other && *other != command ? describe(program_, *other) : "the same command"));
}

void Tensors::unwritten(std::uint32_t buffer, Run run, const Order& order) const {
  const std::size_t command = order.command_at(order.epoch());
  const auto writer = writer_other(command, buffer, run.begin);
  const std::string who =
      writer ? fmt::format("which {} writes, but not certainly before", describe(program_, *writer))
             : std::string("which nothing writes");
  throw InternalError(
      fmt::format("{} reads {}, {}", describe(program_, command), bytes_of(buffer, run), who));
}

}  // namespace npusim::program
