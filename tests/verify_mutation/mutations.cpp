#include "tests/verify_mutation/mutations.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace npusim::program::test {
namespace {

using Place = std::optional<Wound>;

std::size_t below(Rng& rng, std::size_t count) {
  return static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(count) - 1));
}

/// A random task with commands.
std::optional<std::size_t> any_task(const Draft& draft, Rng& rng) {
  for (int tries = 0; tries < 50; ++tries) {
    const std::size_t task = below(rng, draft.tasks.size());
    if (!draft.tasks[task].empty()) return task;
  }
  return std::nullopt;
}

Wound wound(const Draft& draft, std::size_t task, std::size_t command) {
  const Command& head = draft.tasks[task][command].head;
  return {task, fmt::format("task '{}' command {} ({})", draft.frame.tasks[task].name, command,
                            draft.frame.target->queues[head.queue].name)};
}

/// Tries `change(draft, task, command)` at random commands until one of them fits.
template <class Change>
std::function<Place(Draft&, Rng&)> at_command(Change change) {
  return [change](Draft& draft, Rng& rng) -> Place {
    for (int tries = 0; tries < 200; ++tries) {
      const auto task = any_task(draft, rng);
      if (!task) return std::nullopt;
      const std::size_t command = below(rng, draft.tasks[*task].size());
      const Wound place = wound(draft, *task, command);
      if (change(draft, *task, command, rng)) return place;
    }
    return std::nullopt;
  };
}

/// The same for a random region of a command.
template <class Fits, class Change>
std::function<Place(Draft&, Rng&)> at_region(Fits fits, Change change) {
  return at_command([fits, change](Draft& draft, std::size_t task, std::size_t command, Rng& rng) {
    auto& regions = draft.tasks[task][command].regions;
    if (regions.empty()) return false;
    Region& region = regions[below(rng, regions.size())];
    return fits(draft, region) && change(draft, region, rng);
  });
}

bool global(const Draft& draft, const Region& region) {
  return draft.frame.target->spaces[region.space].global;
}
bool global_write(const Draft& draft, const Region& region) { return region.write && global(draft, region); }
bool pad(const Draft& draft, const Region& region) { return !global(draft, region); }
bool pad_read(const Draft& draft, const Region& region) { return !region.write && pad(draft, region); }
bool pad_write(const Draft& draft, const Region& region) { return region.write && pad(draft, region); }

/// The smallest step that keeps a region aligned as it is.
std::int64_t step_of(const Region& region) {
  std::int64_t step = std::gcd(region.offset, region.bytes);
  if (region.inner > 1) step = std::gcd(step, region.inner_stride);
  if (region.outer > 1) step = std::gcd(step, region.outer_stride);
  return step;
}

/// The next command of the same queue in the task.
std::optional<std::size_t> next_in_queue(const Commands& commands, std::size_t from) {
  for (std::size_t i = from + 1; i < commands.size(); ++i) {
    if (commands[i].head.queue == commands[from].head.queue) return i;
  }
  return std::nullopt;
}

bool drop_wait(Draft& draft, std::size_t task, std::size_t command, Rng& rng) {
  auto& waits = draft.tasks[task][command].waits;
  if (waits.empty()) return false;
  waits.erase(waits.begin() + static_cast<std::ptrdiff_t>(below(rng, waits.size())));
  return true;
}

bool drop_set(Draft& draft, std::size_t task, std::size_t command, Rng& rng) {
  auto& sets = draft.tasks[task][command].sets;
  if (sets.empty()) return false;
  sets.erase(sets.begin() + static_cast<std::ptrdiff_t>(below(rng, sets.size())));
  return true;
}

bool double_set(Draft& draft, std::size_t task, std::size_t command, Rng& rng) {
  auto& sets = draft.tasks[task][command].sets;
  if (sets.empty()) return false;
  sets.push_back(sets[below(rng, sets.size())]);
  return true;
}

/// Drops a set and the wait that consumes it: a barrier between two queues.
bool drop_barrier(Draft& draft, std::size_t task, std::size_t command, Rng& rng) {
  Commands& commands = draft.tasks[task];
  auto& sets = commands[command].sets;
  if (sets.empty()) return false;
  const auto victim = sets.begin() + static_cast<std::ptrdiff_t>(below(rng, sets.size()));
  const FlagId flag = *victim;
  std::ptrdiff_t number = 0;
  for (std::size_t i = 0; i < command; ++i) {
    number += std::count(commands[i].sets.begin(), commands[i].sets.end(), flag);
  }
  for (DraftCommand& other : commands) {
    const auto wait = std::find(other.waits.begin(), other.waits.end(), flag);
    if (wait == other.waits.end() || number-- > 0) continue;
    other.waits.erase(wait);
    sets.erase(victim);
    return true;
  }
  return false;
}

/// Two commands of a task wait for one another's flag.
bool swap_flags(Draft& draft, std::size_t task, std::size_t command, Rng& rng) {
  Commands& commands = draft.tasks[task];
  DraftCommand& one = commands[command];
  DraftCommand& other = commands[below(rng, commands.size())];
  if (one.waits.empty() || other.waits.empty()) return false;
  FlagId& a = one.waits[below(rng, one.waits.size())];
  FlagId& b = other.waits[below(rng, other.waits.size())];
  if (a == b) return false;
  std::swap(a, b);
  return true;
}

/// The command's wait comes one command of its queue later.
bool wait_late(Draft& draft, std::size_t task, std::size_t command, Rng& rng) {
  Commands& commands = draft.tasks[task];
  auto& waits = commands[command].waits;
  const auto next = next_in_queue(commands, command);
  if (waits.empty() || !next) return false;
  const auto wait = waits.begin() + static_cast<std::ptrdiff_t>(below(rng, waits.size()));
  commands[*next].waits.push_back(*wait);
  waits.erase(wait);
  return true;
}

/// The next command's set comes one command of its queue too early.
bool set_early(Draft& draft, std::size_t task, std::size_t command, Rng& rng) {
  Commands& commands = draft.tasks[task];
  const auto next = next_in_queue(commands, command);
  if (!next || commands[*next].sets.empty()) return false;
  auto& sets = commands[*next].sets;
  const auto set = sets.begin() + static_cast<std::ptrdiff_t>(below(rng, sets.size()));
  commands[command].sets.push_back(*set);
  sets.erase(set);
  return true;
}

bool swap_commands(Draft& draft, std::size_t task, std::size_t command, Rng&) {
  Commands& commands = draft.tasks[task];
  const auto next = next_in_queue(commands, command);
  if (!next) return false;
  std::swap(commands[command], commands[*next]);
  return true;
}

bool duplicate_store(Draft& draft, std::size_t task, std::size_t command, Rng&) {
  Commands& commands = draft.tasks[task];
  const auto& regions = commands[command].regions;
  if (std::none_of(regions.begin(), regions.end(), [&](const Region& r) { return global_write(draft, r); })) {
    return false;
  }
  DraftCommand again = commands[command];
  again.waits.clear();
  again.sets.clear();
  commands.insert(commands.begin() + static_cast<std::ptrdiff_t>(command) + 1, again);
  return true;
}

bool drop_store(Draft& draft, std::size_t task, std::size_t command, Rng&) {
  auto& regions = draft.tasks[task][command].regions;
  const auto store =
      std::find_if(regions.begin(), regions.end(), [&](const Region& r) { return global_write(draft, r); });
  if (store == regions.end()) return false;
  regions.erase(store);
  return true;
}

/// The first step of an accumulation is gone: nothing is read or written, but flags and MACs are as before.
bool drop_first_step(Draft& draft, std::size_t task, std::size_t command, Rng&) {
  Commands& commands = draft.tasks[task];
  const auto next = next_in_queue(commands, command);
  auto& regions = commands[command].regions;
  if (!next || commands[*next].head.opcode != commands[command].head.opcode) return false;
  const auto same_place = [](const Region& a, const Region& b) {
    return a.space == b.space && a.offset == b.offset && a.bytes == b.bytes;
  };
  const auto touches = [&](const std::vector<Region>& list, const Region& place, bool write) {
    return std::any_of(list.begin(), list.end(),
                       [&](const Region& r) { return r.write == write && same_place(r, place); });
  };
  const bool first = std::any_of(regions.begin(), regions.end(), [&](const Region& r) {
    return r.write && pad(draft, r) && !touches(regions, r, false) &&
           touches(commands[*next].regions, r, false) && touches(commands[*next].regions, r, true);
  });
  if (first) regions.clear();
  return first;
}

bool wrong_macs(Draft& draft, std::size_t task, std::size_t command, Rng& rng) {
  Command& head = draft.tasks[task][command].head;
  if (head.macs == 0) return false;
  head.macs += rng.uniform(0, 1) == 0 ? 1 : -1;
  return true;
}

/// Moves a region by one to three of its own steps, up or down, within its space.
bool shift(Draft& draft, Region& region, Rng& rng) {
  const std::int64_t by = step_of(region) * rng.uniform(1, 3) * (rng.uniform(0, 1) == 0 ? 1 : -1);
  if (region.offset + by < 0) return false;
  region.offset += by;
  (void)draft;
  return true;
}

bool enlarge(Draft&, Region& region, Rng&) {
  if (region.inner > 1 || region.outer > 1) return false;
  region.bytes += step_of(region);
  return true;
}

/// Fewer bytes are written than read later.
bool shrink(Draft&, Region& region, Rng&) {
  const std::int64_t step = step_of(region);
  if (region.bytes <= step) return false;
  region.bytes -= step;
  return true;
}

bool widen_stride(Draft&, Region& region, Rng&) {
  if (region.inner < 2) return false;
  region.inner_stride += step_of(region);
  return true;
}

/// The same bytes of another scratchpad.
bool wrong_space(Draft& draft, Region& region, Rng& rng) {
  const auto space = static_cast<SpaceId>(below(rng, draft.frame.target->spaces.size()));
  if (space == region.space || draft.frame.target->spaces[space].global) return false;
  region.space = space;
  return true;
}

bool write_input(Draft& draft, Region& region, Rng& rng) {
  const Buffer& buffer = draft.frame.buffers[below(rng, draft.frame.buffers.size())];
  if (!buffer.input || buffer.space != region.space || buffer.bytes < region.bytes) return false;
  region = {buffer.space, true, buffer.offset, region.bytes};
  return true;
}

/// Tries `change(draft, buffer)` at random buffers.
template <class Change>
std::function<Place(Draft&, Rng&)> at_buffer(Change change) {
  return [change](Draft& draft, Rng& rng) -> Place {
    for (int tries = 0; tries < 200; ++tries) {
      Buffer& buffer = draft.frame.buffers[below(rng, draft.frame.buffers.size())];
      const std::string name = buffer.name;
      const std::size_t task = std::min<std::size_t>(buffer.last_task, draft.tasks.size() - 1);
      if (change(draft, buffer, rng)) return Wound{task, fmt::format("buffer '{}'", name)};
    }
    return std::nullopt;
  };
}

/// Nobody may read the end of an input, but somebody writes that of any other buffer.
bool shrink_buffer(Draft&, Buffer& buffer, Rng&) {
  if (buffer.input || buffer.bytes < 64) return false;
  buffer.bytes -= 32;
  return true;
}

/// Moves a buffer onto the end of another one that is alive at the same time.
bool overlap(Draft& draft, Buffer& buffer, Rng& rng) {
  const Buffer& other = draft.frame.buffers[below(rng, draft.frame.buffers.size())];
  if (&other == &buffer || other.space != buffer.space || other.first_task > buffer.last_task ||
      buffer.first_task > other.last_task) {
    return false;
  }
  buffer.offset = other.offset + other.bytes - 32;
  return true;
}

bool shorten_life(Draft& draft, Buffer& buffer, Rng&) {
  if (buffer.last_task >= draft.tasks.size() || buffer.last_task == buffer.first_task) return false;
  --buffer.last_task;
  return true;
}

/// The barrier between two tasks is gone.
Place join(Draft& draft, Rng& rng) {
  for (int tries = 0; tries < 200; ++tries) {
    const std::size_t task = below(rng, draft.tasks.size());
    if (task == 0 || draft.tasks[task].empty() || draft.frame.tasks[task].joined) continue;
    draft.frame.tasks[task].joined = true;
    draft.frame.tasks[task].launch_cycles = 0;
    return Wound{task, fmt::format("task '{}'", draft.frame.tasks[task].name)};
  }
  return std::nullopt;
}

}  // namespace

std::vector<Mutation> mutations() {
  return {
      {"drop a wait", at_command(drop_wait), false, true},
      {"drop a set", at_command(drop_set), false, true},
      {"set a flag twice", at_command(double_set), false, true},
      {"drop a barrier between two queues", at_command(drop_barrier)},
      {"drop the barrier between two tasks", join},
      {"swap two flags", at_command(swap_flags)},
      {"wait too late", at_command(wait_late)},
      {"set too early", at_command(set_early)},
      {"swap two commands of a queue", at_command(swap_commands), true},
      {"store a tile twice", at_command(duplicate_store), false, true},
      {"leave out a tile's store", at_command(drop_store), false, true},
      {"leave out an accumulation's first step", at_command(drop_first_step), true},
      {"shift a stored tile", at_region(global_write, shift), false, true},
      {"store into an input", at_region(global_write, write_input), false, true},
      {"store too few bytes of a tile", at_region(global_write, shrink), false, true},
      {"store too many bytes of a tile", at_region(global_write, enlarge), false, true},
      {"write elsewhere in a scratchpad", at_region(pad_write, shift), true},
      {"read elsewhere in a scratchpad", at_region(pad_read, shift), true},
      {"read too much of a scratchpad", at_region(pad_read, enlarge), true},
      {"write too much of a scratchpad", at_region(pad_write, enlarge), true},
      {"write too little of a scratchpad", at_region(pad_write, shrink), true},
      {"space a scratchpad's runs wider", at_region(pad, widen_stride), true},
      {"take another scratchpad", at_region(pad, wrong_space), true},
      {"count a MAC too many or too few", at_command(wrong_macs), false, true},
      {"shrink a buffer", at_buffer(shrink_buffer), false, true},
      {"lay a buffer over another", at_buffer(overlap), false, true},
      {"end a buffer's life a task early", at_buffer(shorten_life)},
  };
}

}  // namespace npusim::program::test
