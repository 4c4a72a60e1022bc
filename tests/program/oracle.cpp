#include "tests/program/oracle.h"

#include <algorithm>
#include <map>
#include <vector>

namespace npusim::program::test {
namespace {

constexpr std::int64_t kGrain = 8;
constexpr int kNobody = -1;

/// The 8-byte grains a command reads and writes, numbered through all spaces and buffers.
struct Footprint {
  std::vector<std::size_t> reads, writes;
};

class Game {
 public:
  explicit Game(const Program& program) : program_(program), footprints_(program.commands.size()) {
    for (std::uint32_t t = 0; t < program.tasks.size(); ++t) {
      const Task& task = program.tasks[t];
      for (std::uint32_t i = 0; i < task.command_count; ++i) note(t, task.first_command + i);
    }
    observed_.resize(program.commands.size());
  }

  std::string play(Rng& rng, bool first) {
    first_ = first;
    writer_.assign(grains_, kNobody);
    busy_readers_.assign(grains_, 0);
    busy_writers_.assign(grains_, 0);
    for (const auto& [buffer, base] : buffer_base_) {
      if (program_.buffers[buffer].input) fill(buffer, base);
    }
    for (const Task& task : program_.tasks) {
      std::string fault = play_task(task, rng);
      if (!fault.empty()) return fault;
    }
    for (const auto& [buffer, base] : buffer_base_) {
      const std::int64_t count = program_.buffers[buffer].bytes / kGrain;
      for (std::int64_t g = 0; g < count; ++g) {
        if (writer_[base + static_cast<std::size_t>(g)] == kNobody) return "incomplete buffer";
      }
    }
    return "";
  }

 private:
  void note(std::uint32_t task, std::size_t command) {
    for (const Region& region : program_.regions_of(program_.commands[command])) {
      Footprint& footprint = footprints_[command];
      auto& list = region.write ? footprint.writes : footprint.reads;
      const std::size_t base = base_of(task, region);
      const std::int64_t origin =
          program_.target->spaces[region.space].global ? program_.buffers[last_buffer_].offset : 0;
      for (std::int64_t o = 0; o < region.outer; ++o) {
        for (std::int64_t i = 0; i < region.inner; ++i) {
          const std::int64_t from =
              region.offset + o * region.outer_stride + i * region.inner_stride - origin;
          for (std::int64_t b = 0; b < region.bytes; b += kGrain) {
            list.push_back(base + static_cast<std::size_t>((from + b) / kGrain));
          }
        }
      }
    }
  }

  /// The number of the first grain of a scratchpad in this task, or of the region's buffer.
  std::size_t base_of(std::uint32_t task, const Region& region) {
    const Space& space = program_.target->spaces[region.space];
    if (!space.global) {
      const auto [at, added] = scratch_base_.try_emplace({task, region.space}, grains_);
      if (added) grains_ += static_cast<std::size_t>(space.bytes / kGrain);
      return at->second;
    }
    for (std::uint32_t b = 0; b < program_.buffers.size(); ++b) {
      const Buffer& buffer = program_.buffers[b];
      if (task < buffer.first_task || task > buffer.last_task) continue;
      if (region.offset < buffer.offset || region.offset >= buffer.offset + buffer.bytes) continue;
      last_buffer_ = b;
      const auto [at, added] = buffer_base_.try_emplace(b, grains_);
      if (added) grains_ += static_cast<std::size_t>(buffer.bytes / kGrain);
      return at->second;
    }
    return 0;
  }

  void fill(std::uint32_t buffer, std::size_t base) {
    const std::int64_t count = program_.buffers[buffer].bytes / kGrain;
    for (std::int64_t g = 0; g < count; ++g) writer_[base + static_cast<std::size_t>(g)] = 1 << 30;
  }
  [[nodiscard]] bool in_buffer(std::size_t grain) const {
    for (const auto& [buffer, base] : buffer_base_) {
      if (grain >= base && grain < base + static_cast<std::size_t>(program_.buffers[buffer].bytes / kGrain)) {
        return true;
      }
    }
    return false;
  }

  std::string play_task(const Task& task, Rng& rng) {
    const std::size_t queues = program_.target->queues.size();
    std::vector<std::vector<std::size_t>> order(queues);
    for (std::uint32_t i = 0; i < task.command_count; ++i) {
      order[program_.commands[task.first_command + i].queue].push_back(task.first_command + i);
    }
    std::vector<std::size_t> next(queues, 0);
    std::vector<bool> running(queues, false);
    std::vector<std::int64_t> weight(queues);
    for (auto& w : weight) w = std::int64_t{1} << rng.uniform(0, 10);
    std::vector<std::int64_t> flags(program_.target->flags.size(), 0);
    for (std::uint32_t left = 2 * task.command_count; left > 0; --left) {
      std::vector<std::size_t> able;
      std::int64_t total = 0;
      for (std::size_t q = 0; q < queues; ++q) {
        if (next[q] >= order[q].size() || (!running[q] && !ready(order[q][next[q]], flags))) continue;
        able.push_back(q);
        total += weight[q];
      }
      if (able.empty()) return "deadlock";
      std::int64_t draw = rng.uniform(0, total - 1);
      std::size_t pick = 0;
      while (draw >= weight[able[pick]]) draw -= weight[able[pick++]];
      const std::size_t q = able[pick];
      std::string fault = running[q] ? end(order[q][next[q]++], flags) : begin(order[q][next[q]], flags);
      if (!fault.empty()) return fault;
      running[q] = !running[q];
    }
    return std::any_of(flags.begin(), flags.end(), [](std::int64_t f) { return f != 0; }) ? "left-over flag"
                                                                                          : "";
  }

  [[nodiscard]] bool ready(std::size_t command, std::vector<std::int64_t> flags) const {
    for (const FlagId flag : program_.waits_of(program_.commands[command])) {
      if (--flags[flag] < 0) return false;
    }
    return true;
  }

  std::string begin(std::size_t command, std::vector<std::int64_t>& flags) {
    for (const FlagId flag : program_.waits_of(program_.commands[command])) --flags[flag];
    const Footprint& footprint = footprints_[command];
    std::vector<int> seen;
    for (const std::size_t grain : footprint.reads) {
      if (busy_writers_[grain] != 0) return "read while written";
      if (writer_[grain] == kNobody) return "read before any write";
      seen.push_back(writer_[grain]);
    }
    for (const std::size_t grain : footprint.writes) {
      if (busy_writers_[grain] != 0 || busy_readers_[grain] != 0) return "write while in use";
      if (writer_[grain] != kNobody && in_buffer(grain)) return "buffer written twice";
    }
    if (!first_ && seen != observed_[command]) return "data from another command";
    observed_[command] = std::move(seen);
    for (const std::size_t grain : footprint.reads) ++busy_readers_[grain];
    for (const std::size_t grain : footprint.writes) ++busy_writers_[grain];
    return "";
  }

  std::string end(std::size_t command, std::vector<std::int64_t>& flags) {
    const Footprint& footprint = footprints_[command];
    for (const std::size_t grain : footprint.reads) --busy_readers_[grain];
    for (const std::size_t grain : footprint.writes) {
      --busy_writers_[grain];
      writer_[grain] = static_cast<int>(command);
    }
    for (const FlagId flag : program_.sets_of(program_.commands[command])) {
      if (++flags[flag] > program_.target->flag_capacity) return "overfull flag";
    }
    return "";
  }

  const Program& program_;
  std::vector<Footprint> footprints_;
  std::map<std::pair<std::uint32_t, SpaceId>, std::size_t> scratch_base_;
  std::map<std::uint32_t, std::size_t> buffer_base_;
  std::uint32_t last_buffer_ = 0;
  std::size_t grains_ = 0;
  std::vector<int> writer_;
  std::vector<int> busy_readers_, busy_writers_;
  std::vector<std::vector<int>> observed_;  ///< by command: the writers of what it read
  bool first_ = true;
};

}  // namespace

std::string play(const Program& program, int games, Rng& rng) {
  Game game(program);
  for (int i = 0; i < games; ++i) {
    std::string fault = game.play(rng, i == 0);
    if (!fault.empty()) return fault;
  }
  return "";
}

}  // namespace npusim::program::test
