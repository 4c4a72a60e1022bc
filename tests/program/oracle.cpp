#include "tests/program/oracle.h"

#include <algorithm>
#include <set>
#include <vector>

namespace npusim::program::test {
namespace {

constexpr std::int64_t kGrain = 8;
constexpr int kNobody = -1;

/// A grain and the buffer that a command accesses there, kNobody for none.
struct Touch {
  std::size_t grain = 0;
  int buffer = kNobody;
};

/// The 8-byte grains a command reads and writes, numbered through all spaces.
struct Footprint {
  std::vector<Touch> reads, writes;
};

class Game {
 public:
  explicit Game(const Program& program)
      : program_(program), footprints_(program.commands.size()), observed_(program.commands.size()) {
    for (const Space& space : program.target->spaces) {
      std::int64_t bytes = space.bytes;
      for (const Buffer& buffer : program.buffers) {
        if (space.global && bytes < buffer.offset + buffer.bytes) bytes = buffer.offset + buffer.bytes;
      }
      space_base_.push_back(grains_);
      grains_ += static_cast<std::size_t>(bytes / kGrain);
    }
    for (std::uint32_t t = 0; t < program.tasks.size(); ++t) {
      const Task& task = program.tasks[t];
      for (std::uint32_t i = 0; i < task.command_count; ++i) note(t, task.first_command + i);
    }
  }

  std::string play(Rng& rng, bool first) {
    first_ = first;
    content_.assign(grains_, {});
    busy_readers_.assign(grains_, 0);
    busy_writers_.assign(grains_, 0);
    written_.assign(program_.buffers.size(), {});
    read_.assign(program_.buffers.size(), false);
    for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
      const Buffer& buffer = program_.buffers[b];
      if (!buffer.input) continue;
      const std::size_t from = grain(buffer.space, buffer.offset);
      for (std::size_t g = from; g < grain(buffer.space, buffer.offset + buffer.bytes); ++g) {
        content_[g] = {kHost, static_cast<int>(b)};
      }
    }
    for (std::size_t t = 0; t < program_.tasks.size();) {
      std::size_t end = t + 1;
      while (end < program_.tasks.size() && program_.tasks[end].joined) ++end;
      std::string fault = play_segment(t, end, rng);
      if (!fault.empty()) return fault;
      t = end;
    }
    for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
      const Buffer& buffer = program_.buffers[b];
      if (buffer.input || (!buffer.output && !read_[b])) continue;
      if (written_[b].size() != static_cast<std::size_t>(buffer.bytes / kGrain)) return "incomplete buffer";
    }
    return "";
  }

 private:
  static constexpr int kHost = 1 << 30;
  /// What a grain holds: who wrote it, into which buffer.
  struct Content {
    int writer = kNobody;
    int buffer = kNobody;
  };

  [[nodiscard]] std::size_t grain(SpaceId space, std::int64_t offset) const {
    return space_base_[space] + static_cast<std::size_t>(offset / kGrain);
  }

  void note(std::uint32_t task, std::size_t command) {
    for (const Region& region : program_.regions_of(program_.commands[command])) {
      Footprint& footprint = footprints_[command];
      auto& list = region.write ? footprint.writes : footprint.reads;
      for (std::int64_t o = 0; o < region.outer; ++o) {
        for (std::int64_t i = 0; i < region.inner; ++i) {
          const std::int64_t from = region.offset + o * region.outer_stride + i * region.inner_stride;
          for (std::int64_t b = 0; b < region.bytes; b += kGrain) {
            list.push_back({grain(region.space, from + b), buffer_at(task, region.space, from + b)});
          }
        }
      }
    }
  }

  [[nodiscard]] int buffer_at(std::uint32_t task, SpaceId space, std::int64_t at) const {
    for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
      const Buffer& buffer = program_.buffers[b];
      if (buffer.space != space || task < buffer.first_task || task > buffer.last_task) continue;
      if (at >= buffer.offset && at < buffer.offset + buffer.bytes) return static_cast<int>(b);
    }
    return kNobody;
  }

  std::string play_segment(std::size_t first, std::size_t last, Rng& rng) {
    for (Content& content : content_) {
      if (content.buffer == kNobody) content = {};  // scratchpads forget
    }
    const std::size_t queues = program_.target->queues.size();
    std::vector<std::vector<std::size_t>> order(queues);
    std::size_t left = 0;
    for (std::size_t t = first; t < last; ++t) {
      for (std::uint32_t i = 0; i < program_.tasks[t].command_count; ++i, left += 2) {
        const std::size_t command = program_.tasks[t].first_command + i;
        order[program_.commands[command].queue].push_back(command);
      }
    }
    std::vector<std::size_t> next(queues, 0);
    std::vector<bool> running(queues, false);
    std::vector<std::int64_t> weight(queues);
    for (auto& w : weight) w = std::int64_t{1} << rng.uniform(0, 10);
    std::vector<std::int64_t> flags(program_.target->flags.size(), 0);
    for (; left > 0; --left) {
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
    for (const auto& [grain, buffer] : footprint.reads) {
      if (busy_writers_[grain] != 0) return "read while written";
      const Content& content = content_[grain];
      if (content.writer == kNobody || content.buffer != buffer) return "read before any write";
      if (buffer != kNobody) read_[static_cast<std::size_t>(buffer)] = true;
      seen.push_back(content.writer);
    }
    for (const auto& [grain, buffer] : footprint.writes) {
      if (busy_writers_[grain] != 0 || busy_readers_[grain] != 0) return "write while in use";
      if (buffer == kNobody) continue;
      if (program_.buffers[static_cast<std::size_t>(buffer)].input) return "input overwritten";
      if (!written_[static_cast<std::size_t>(buffer)].insert(grain).second) return "buffer written twice";
    }
    if (!first_ && seen != observed_[command]) return "data from another command";
    observed_[command] = std::move(seen);
    for (const Touch& touch : footprint.reads) ++busy_readers_[touch.grain];
    for (const Touch& touch : footprint.writes) ++busy_writers_[touch.grain];
    return "";
  }

  std::string end(std::size_t command, std::vector<std::int64_t>& flags) {
    const Footprint& footprint = footprints_[command];
    for (const Touch& touch : footprint.reads) --busy_readers_[touch.grain];
    for (const auto& [grain, buffer] : footprint.writes) {
      --busy_writers_[grain];
      content_[grain] = {static_cast<int>(command), buffer};
    }
    for (const FlagId flag : program_.sets_of(program_.commands[command])) {
      if (++flags[flag] > program_.target->flag_capacity) return "overfull flag";
    }
    return "";
  }

  const Program& program_;
  std::vector<Footprint> footprints_;
  std::vector<std::size_t> space_base_;  ///< first grain of each space
  std::size_t grains_ = 0;
  std::vector<Content> content_;
  std::vector<int> busy_readers_, busy_writers_;
  std::vector<std::set<std::size_t>> written_;  ///< by buffer
  std::vector<bool> read_;                      ///< by buffer
  std::vector<std::vector<int>> observed_;      ///< by command: the writers of what it read
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
