#include "sim/program/access_history.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"
#include "sim/program/describe.h"

namespace npusim::program {

AccessHistory::AccessHistory(const Program& program) : program_(program) {
  spaces_.reserve(program.target->spaces.size());
  for (std::size_t i = 0; i < program.target->spaces.size(); ++i) spaces_.emplace_back(&memory_);
  begin_segment();
}

void AccessHistory::begin_segment() {
  for (Cells& cells : spaces_) cells.clear();
  readers_.assign(1, Reader{});
}

void AccessHistory::access(const Region& region, Home home, const Order& order) {
  Cells& cells = spaces_[region.space];
  for_each_run(region, [&](Run run) {
    const Access access{region.space, run, home, order};
    if (region.write) {
      write(cells, access);
    } else {
      read(cells, access);
    }
  });
}

AccessHistory::Cells::iterator AccessHistory::split(Cells& cells, Cells::iterator cell, std::int64_t at) {
  Cell right = cell->second;
  cell->second.end = at;
  return cells.emplace_hint(std::next(cell), at, right);
}

std::uint32_t AccessHistory::with_reader(std::uint32_t readers, const Order& order) {
  std::uint32_t kept = kNobody;
  for (std::uint32_t node = readers; node != kNobody; node = readers_[node].next) {
    const Epoch epoch = readers_[node].epoch;
    if (epoch == order.epoch()) return readers;
    if (before(epoch, order.clock())) continue;
    readers_.push_back({epoch, kept});
    kept = static_cast<std::uint32_t>(readers_.size() - 1);
  }
  // Neighbouring cells often get the same list: share it.
  const Reader own{order.epoch(), kept};
  if (readers_.back().epoch != own.epoch || readers_.back().next != own.next) readers_.push_back(own);
  return static_cast<std::uint32_t>(readers_.size() - 1);
}

void AccessHistory::check_readable(const Cell& cell, const Access& access) const {
  if (!before(cell.writer, access.order.clock())) conflict(access, "reads", cell.writer, "writes");
  if (cell.home == access.home) return;
  if (cell.writer.place == 0) {
    // Read before as part of another buffer. A buffer's own bytes are looked after by Tensors.
    if (access.home == kNoBuffer) unwritten(access);
    return;
  }
  const std::string as =
      cell.home == kNoBuffer ? "" : fmt::format(" with buffer '{}'", program_.buffers[cell.home].name);
  throw InternalError(fmt::format("{} reads {}, which {} has overwritten{}",
                                  describe(program_, access.order.command_at(access.order.epoch())),
                                  bytes_of(access), describe(program_, access.order.command_at(cell.writer)),
                                  as));
}

void AccessHistory::read(Cells& cells, const Access& access) {
  const auto [begin, run_end] = access.run;
  auto cell = cells.upper_bound(begin);
  if (cell != cells.begin() && std::prev(cell)->second.end > begin) --cell;
  for (std::int64_t at = begin; at < run_end; ++cell) {
    if (cell == cells.end() || cell->first > at) {
      const std::int64_t gap_end = cell == cells.end() ? run_end : std::min(cell->first, run_end);
      if (access.home == kNoBuffer) unwritten({access.space, {at, gap_end}, access.home, access.order});
      cell = cells.emplace_hint(cell, at, Cell{gap_end, Epoch{}, kNobody, access.home});
    }
    const std::int64_t end = std::min(cell->second.end, run_end);
    check_readable(cell->second, {access.space, {at, end}, access.home, access.order});
    const std::uint32_t readers = with_reader(cell->second.readers, access.order);
    if (readers != cell->second.readers) {
      if (cell->first < at) cell = split(cells, cell, at);
      if (cell->second.end > end) split(cells, cell, end);
      cell->second.readers = readers;
    }
    at = end;
  }
}

void AccessHistory::write(Cells& cells, const Access& access) {
  const Order& order = access.order;
  const Run run = access.run;
  auto first = cells.upper_bound(run.begin);
  if (first != cells.begin() && std::prev(first)->second.end > run.begin) --first;
  for (auto cell = first; cell != cells.end() && cell->first < run.end; ++cell) {
    const Access shared{access.space,
                        {std::max(cell->first, run.begin), std::min(cell->second.end, run.end)},
                        cell->second.home,
                        order};
    for (std::uint32_t node = cell->second.readers; node != kNobody; node = readers_[node].next) {
      if (!before(readers_[node].epoch, order.clock())) {
        conflict(shared, "overwrites", readers_[node].epoch, "reads");
      }
    }
    if (!before(cell->second.writer, order.clock())) {
      conflict(shared, "overwrites", cell->second.writer, "writes");
    }
  }
  if (first != cells.end() && first->first < run.begin) first = split(cells, first, run.begin);
  const Cell written{run.end, order.epoch(), kNobody, access.home};
  if (first == cells.end() || first->first >= run.end) {
    cells.emplace_hint(first, run.begin, written);
    return;
  }
  // Reuse the first cell's node when it starts here; drop what lies behind it.
  auto last = first;
  while (last != cells.end() && last->first < run.end) {
    if (last->second.end > run.end) split(cells, last, run.end);
    ++last;
  }
  if (first->first == run.begin) {
    first->second = written;
    cells.erase(std::next(first), last);
  } else {
    const auto after = cells.erase(first, last);
    cells.emplace_hint(after, run.begin, written);
  }
}

std::string AccessHistory::bytes_of(const Access& access) const {
  const std::string bytes = describe_bytes(program_, access.space, access.run.begin, access.run.end);
  if (access.home == kNoBuffer) return bytes;
  return fmt::format("{} of buffer '{}'", bytes, program_.buffers[access.home].name);
}

void AccessHistory::conflict(const Access& access, std::string_view what, Epoch other,
                             std::string_view other_what) const {
  throw InternalError(fmt::format("{} {} {}, which {} {}, in no certain order",
                                  describe(program_, access.order.command_at(access.order.epoch())), what,
                                  bytes_of(access), describe(program_, access.order.command_at(other)),
                                  other_what));
}

void AccessHistory::unwritten(const Access& access) const {
  throw InternalError(fmt::format("{} reads {}, which no command of the segment has written before",
                                  describe(program_, access.order.command_at(access.order.epoch())),
                                  bytes_of(access)));
}

}  // namespace npusim::program
