#include "sim/program/scratchpad.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"
#include "sim/program/describe.h"

namespace npusim::program {

Scratchpads::Scratchpads(const Program& program) : program_(program) {
  spaces_.reserve(program.target->spaces.size());
  for (std::size_t i = 0; i < program.target->spaces.size(); ++i) spaces_.emplace_back(&memory_);
  begin_task();
}

void Scratchpads::begin_task() {
  for (Cells& cells : spaces_) cells.clear();
  readers_.assign(1, Reader{});
}

void Scratchpads::access(const Region& region, const Order& order) {
  Cells& cells = spaces_[region.space];
  for_each_run(region, [&](Run run) {
    if (region.write) {
      write(cells, region.space, run, order);
    } else {
      read(cells, region.space, run, order);
    }
  });
}

Scratchpads::Cells::iterator Scratchpads::split(Cells& cells, Cells::iterator cell, std::int64_t at) {
  Cell right = cell->second;
  cell->second.end = at;
  return cells.emplace_hint(std::next(cell), at, right);
}

std::uint32_t Scratchpads::with_reader(std::uint32_t readers, const Order& order) {
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

void Scratchpads::read(Cells& cells, SpaceId space, Run run, const Order& order) {
  auto cell = cells.upper_bound(run.begin);
  if (cell != cells.begin() && std::prev(cell)->second.end > run.begin) --cell;
  for (std::int64_t at = run.begin; at < run.end; ++cell) {
    if (cell == cells.end() || cell->first > at) {
      unwritten(order, space, {at, cell == cells.end() ? run.end : std::min(cell->first, run.end)});
    }
    const std::int64_t end = std::min(cell->second.end, run.end);
    if (!before(cell->second.writer, order.clock())) {
      conflict(order, "reads", space, {at, end}, cell->second.writer, "writes");
    }
    const std::uint32_t readers = with_reader(cell->second.readers, order);
    if (readers != cell->second.readers) {
      if (cell->first < at) cell = split(cells, cell, at);
      if (cell->second.end > end) split(cells, cell, end);
      cell->second.readers = readers;
    }
    at = end;
  }
}

void Scratchpads::write(Cells& cells, SpaceId space, Run run, const Order& order) {
  auto first = cells.upper_bound(run.begin);
  if (first != cells.begin() && std::prev(first)->second.end > run.begin) --first;
  for (auto cell = first; cell != cells.end() && cell->first < run.end; ++cell) {
    const Run shared{std::max(cell->first, run.begin), std::min(cell->second.end, run.end)};
    for (std::uint32_t node = cell->second.readers; node != kNobody; node = readers_[node].next) {
      if (!before(readers_[node].epoch, order.clock())) {
        conflict(order, "overwrites", space, shared, readers_[node].epoch, "reads");
      }
    }
    if (!before(cell->second.writer, order.clock())) {
      conflict(order, "overwrites", space, shared, cell->second.writer, "writes");
    }
  }
  if (first != cells.end() && first->first < run.begin) first = split(cells, first, run.begin);
  if (first == cells.end() || first->first >= run.end) {
    cells.emplace_hint(first, run.begin, Cell{run.end, order.epoch(), kNobody});
    return;
  }
  // Reuse the first cell's node when it starts here; drop what lies behind it.
  auto last = first;
  while (last != cells.end() && last->first < run.end) {
    if (last->second.end > run.end) split(cells, last, run.end);
    ++last;
  }
  if (first->first == run.begin) {
    first->second = Cell{run.end, order.epoch(), kNobody};
    cells.erase(std::next(first), last);
  } else {
    const auto after = cells.erase(first, last);
    cells.emplace_hint(after, run.begin, Cell{run.end, order.epoch(), kNobody});
  }
}

void Scratchpads::conflict(const Order& order, std::string_view what, SpaceId space, Run run, Epoch other,
                           std::string_view other_what) const {
  throw InternalError(fmt::format("{} {} {}, which {} {}, in no certain order",
                                  describe(program_, order.command_at(order.epoch())), what,
                                  describe_bytes(program_, space, run.begin, run.end),
                                  describe(program_, order.command_at(other)), other_what));
}

void Scratchpads::unwritten(const Order& order, SpaceId space, Run run) const {
  throw InternalError(fmt::format("{} reads {}, which no command of the task has written before",
                                  describe(program_, order.command_at(order.epoch())),
                                  describe_bytes(program_, space, run.begin, run.end)));
}

}  // namespace npusim::program
