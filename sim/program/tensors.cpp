#include "sim/program/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "sim/base/error.h"
#include "sim/program/describe.h"

namespace npusim::program {

Tensors::Tensors(const Program& program) : program_(program), alive_(program.target->spaces.size()) {
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
  return fmt::format("{} of buffer '{}'",
                     describe_bytes(program_, program_.buffers[buffer].space, run.begin, run.end),
                     program_.buffers[buffer].name);
}

void Tensors::open(std::uint32_t buffer, std::uint32_t task) {
  const Buffer& opened = program_.buffers[buffer];
  Alive& alive = alive_[opened.space];
  const auto place = [&](const Buffer& b) {
    return describe_bytes(program_, b.space, b.offset, b.offset + b.bytes);
  };
  const auto refuse = [&](const Buffer& other) {
    throw InternalError(fmt::format(
        "buffers '{}' and '{}' overlap in address ({} and {}) and are both alive in task {} ('{}')",
        other.name, opened.name, place(other), place(opened), task,
        task < program_.tasks.size() ? program_.tasks[task].name : ""));
  };
  const auto next = alive.lower_bound(opened.offset);
  if (next != alive.end() && next->first < opened.offset + opened.bytes) {
    refuse(program_.buffers[next->second]);
  }
  if (next != alive.begin()) {
    const Buffer& previous = program_.buffers[std::prev(next)->second];
    if (previous.offset + previous.bytes > opened.offset) refuse(previous);
  }
  alive.emplace_hint(next, opened.offset, buffer);
}

void Tensors::lapse(std::uint32_t buffer) {
  alive_[program_.buffers[buffer].space].erase(program_.buffers[buffer].offset);
}

void Tensors::close(std::uint32_t buffer) {
  const Buffer& closed = program_.buffers[buffer];
  State& state = states_[buffer];
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

void Tensors::check_outside(std::size_t command, const Region& region) const {
  const Alive& alive = alive_[region.space];
  const auto end = alive.lower_bound(extent_end(region));
  if (alive.lower_bound(region.offset) == end) return;
  for_each_run(region, [&](Run run) {
    const auto hit = alive.lower_bound(run.begin);
    if (hit == alive.end() || hit->first >= run.end) return;
    throw InternalError(fmt::format(
        "{} {} {}, which lies partly inside {}", describe(program_, command),
        region.write ? "writes" : "reads", describe_bytes(program_, region.space, run.begin, run.end),
        bytes_of(hit->second, {hit->first, std::min(run.end, end_of(hit->second))})));
  });
}

Home Tensors::resolve(std::size_t command, const Region& region) const {
  const Alive& alive = alive_[region.space];
  const bool global = program_.target->spaces[region.space].global;
  if (!global && alive.empty()) return kNoBuffer;
  const auto next = alive.upper_bound(region.offset);
  if (next != alive.begin()) {
    const std::uint32_t found = std::prev(next)->second;
    if (extent_end(region) <= end_of(found)) return found;
    if (!global && region.offset >= end_of(found)) {
      check_outside(command, region);
      return kNoBuffer;
    }
  } else if (!global) {
    check_outside(command, region);
    return kNoBuffer;
  }
  throw InternalError(fmt::format("{} {} {}, which does not lie inside one buffer that is alive",
                                  describe(program_, command), region.write ? "writes" : "reads",
                                  describe_bytes(program_, region.space, region.offset, extent_end(region))));
}

void Tensors::mark(std::size_t command, const Region& region, Home buffer) {
  State& state = states_[buffer];
  if (region.write && program_.buffers[buffer].input) {
    throw InternalError(fmt::format("{} writes {}, which is an input", describe(program_, command),
                                    bytes_of(buffer, {region.offset, extent_end(region)})));
  }
  if (!state.segment_reads && !state.segment_writes) touched_.push_back(buffer);
  (region.write ? state.segment_writes : state.segment_reads) = true;
}

void Tensors::resolve(std::uint32_t task) {
  const Task& current = program_.tasks[task];
  for (std::uint32_t i = 0; i < current.command_count; ++i) {
    const std::size_t command = std::size_t{current.first_command} + i;
    first_home_.push_back(static_cast<std::uint32_t>(homes_.size()));
    for (const Region& region : program_.regions_of(program_.commands[command])) {
      const Home home = resolve(command, region);
      if (home != kNoBuffer) mark(command, region, home);
      homes_.push_back(home);
    }
  }
}

void Tensors::begin_segment(std::uint32_t first, std::uint32_t end) {
  first_ = first;
  end_ = end;
  homes_.clear();
  first_home_.clear();
  const std::size_t opened_before = opened_;
  std::vector<std::uint32_t> candidates;
  if (end - first > 1) {
    for (const Alive& alive : alive_) {
      for (const auto& [offset, buffer] : alive) candidates.push_back(buffer);
    }
  }
  for (std::uint32_t task = first; task < end; ++task) {
    for (; opened_ < opening_.size() && program_.buffers[opening_[opened_]].first_task <= task; ++opened_) {
      open(opening_[opened_], task);
    }
    resolve(task);
    for (; lapsed_ < closing_.size() && program_.buffers[closing_[lapsed_]].last_task <= task; ++lapsed_) {
      lapse(closing_[lapsed_]);
    }
  }
  if (end - first == 1) return;
  candidates.insert(candidates.end(), opening_.begin() + static_cast<std::ptrdiff_t>(opened_before),
                    opening_.begin() + static_cast<std::ptrdiff_t>(opened_));
  find_shared(std::move(candidates));
}

void Tensors::find_shared(std::vector<std::uint32_t> buffers) {
  const auto& all = program_.buffers;
  const auto whole_segment = [&](std::uint32_t b) {
    return all[b].first_task <= first_ && all[b].last_task + 1 >= end_;
  };
  std::erase_if(buffers, whole_segment);
  std::sort(buffers.begin(), buffers.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::tuple(all[a].space, all[a].offset, a) < std::tuple(all[b].space, all[b].offset, b);
  });
  const auto share = [&](std::uint32_t b) {
    if (!states_[b].shared) shared_.push_back(b);
    states_[b].shared = true;
  };
  std::uint32_t farthest = kNoBuffer;  // of the buffers so far in this space, the one that ends last
  for (const std::uint32_t buffer : buffers) {
    if (farthest == kNoBuffer || all[farthest].space != all[buffer].space) {
      farthest = buffer;
    } else {
      if (all[buffer].offset < end_of(farthest)) {
        share(buffer);
        share(farthest);
      }
      if (end_of(buffer) > end_of(farthest)) farthest = buffer;
    }
    // A scratchpad's bytes have other uses before and after.
    if (!program_.target->spaces[all[buffer].space].global) share(buffer);
  }
}

void Tensors::access(const Region& region, Home buffer, const Order& order) {
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

void Tensors::end_segment() {
  for (const std::uint32_t buffer : touched_) {
    State& state = states_[buffer];
    if (complete(buffer)) {
      state.cells.clear();
    } else if (state.exact()) {
      settle(state.cells);
    }
    state.segment_reads = state.segment_writes = false;
  }
  touched_.clear();
  for (const std::uint32_t buffer : shared_) states_[buffer].shared = false;
  shared_.clear();
  for (; closed_ < closing_.size() && program_.buffers[closing_[closed_]].last_task < end_; ++closed_) {
    close(closing_[closed_]);
  }
}

void Tensors::finish() {
  for (; opened_ < opening_.size(); ++opened_) open(opening_[opened_], end_);
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
        if (!region.write || region.space != home.space) continue;
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
