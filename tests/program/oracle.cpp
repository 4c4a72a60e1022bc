#include "tests/program/oracle.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace npusim::program::test {
namespace {

constexpr int kNobody = -1;
constexpr int kHost = 1 << 30;  ///< wrote inputs and all that was there before

std::uint64_t mix(std::uint64_t seed, std::uint64_t value) { return Rng(seed * 31 + value).next(); }

/// The largest number of bytes that divides all that regions, buffers and scratchpads are made of.
std::int64_t grain_of(const Program& program) {
  std::int64_t grain = 0;
  const auto add = [&grain](std::int64_t bytes) { grain = std::gcd(grain, bytes); };
  for (const Region& region : program.regions) {
    add(region.offset), add(region.bytes);
    if (region.inner > 1) add(region.inner_stride);
    if (region.outer > 1) add(region.outer_stride);
  }
  for (const Buffer& buffer : program.buffers) add(buffer.offset), add(buffer.bytes);
  for (const Space& space : program.target->spaces) add(space.bytes);
  return std::max<std::int64_t>(grain, 1);
}

class Game {
 public:
  explicit Game(const Program& program)
      : program_(program), grain_(grain_of(program)), observed_(program.commands.size()) {
    const auto& spaces = program.target->spaces;
    for (std::size_t i = 0; i < spaces.size(); ++i) {
      if (!spaces[i].global) extents_.push_back({static_cast<SpaceId>(i), 0, spaces[i].bytes, 0});
    }
    for (const Buffer& buffer : program.buffers) {
      if (!spaces[buffer.space].global) continue;
      extents_.push_back({buffer.space, buffer.offset, buffer.offset + buffer.bytes, 0});
    }
    number_grains();
    for (const Buffer& buffer : program.buffers) {
      written_base_.push_back(buffer_grains_);
      buffer_grains_ += static_cast<std::size_t>(buffer.bytes / grain_);
    }
  }

  /// Back to the state before the program, inputs filled in.
  void reset() {
    content_.assign(grains_, {});
    busy_readers_.assign(grains_, 0);
    busy_writers_.assign(grains_, 0);
    written_.assign(buffer_grains_, false);
    read_.assign(program_.buffers.size(), false);
    for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
      if (program_.buffers[b].input) fill(b, program_.buffers[b].offset, program_.buffers[b].bytes);
    }
  }

  /// Counts everything that the tasks before `end` write to buffers as written.
  void skip_to(std::size_t end) {
    for (std::size_t t = 0; t < end; ++t) {
      const Task& task = program_.tasks[t];
      for (std::uint32_t i = 0; i < task.command_count; ++i) {
        const Command& command = program_.commands[task.first_command + i];
        for_each_grain(command, true, [&](std::size_t grain, int buffer) {
          if (buffer == kNobody) return;
          content_[grain] = {kHost, buffer, grain};
          written_[written_bit(static_cast<std::size_t>(buffer), grain)] = true;
        });
      }
    }
  }

  std::string play(Rng& rng, bool first) {
    first_ = first;
    reset();
    for (std::size_t t = 0; t < program_.tasks.size();) {
      const std::size_t end = segment_end(t);
      std::string fault = play_segment(t, end, rng);
      if (!fault.empty()) return fault;
      t = end;
    }
    for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
      const Buffer& buffer = program_.buffers[b];
      if (buffer.input || (!buffer.output && !read_[b])) continue;
      const auto from = written_.begin() + static_cast<std::ptrdiff_t>(written_base_[b]);
      if (!std::all_of(from, from + buffer.bytes / grain_, [](bool w) { return w; }))
        return "incomplete buffer";
    }
    return "";
  }

  [[nodiscard]] std::size_t segment_end(std::size_t task) const {
    std::size_t end = task + 1;
    while (end < program_.tasks.size() && program_.tasks[end].joined) ++end;
    return end;
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
    pending_.assign(program_.target->queues.size(), 0);
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

  void observe_afresh(bool first) { first_ = first; }

  [[nodiscard]] std::uint64_t digest() const {
    std::uint64_t digest = 0;
    for (const Content& content : content_) {
      digest =
          mix(digest, content.buffer == kNobody ? 0 : content.value + static_cast<unsigned>(content.buffer));
    }
    return digest;
  }

 private:
  /// What a grain holds: who wrote it, into which buffer, and its symbolic value.
  struct Content {
    int writer = kNobody;
    int buffer = kNobody;
    std::uint64_t value = 0;
  };

  /// Bytes [begin, end) of a space that are there: a scratchpad, or buffers that touch.
  struct Extent {
    SpaceId space = 0;
    std::int64_t begin = 0, end = 0;
    std::size_t base = 0;  ///< its first grain
  };

  /// Merges extents that touch, and numbers their grains.
  void number_grains() {
    std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) {
      return std::pair(a.space, a.begin) < std::pair(b.space, b.begin);
    });
    std::vector<Extent> merged;
    for (const Extent& extent : extents_) {
      if (!merged.empty() && merged.back().space == extent.space && extent.begin <= merged.back().end) {
        merged.back().end = std::max(merged.back().end, extent.end);
      } else {
        merged.push_back(extent);
      }
    }
    extents_ = std::move(merged);
    for (Extent& extent : extents_) {
      extent.base = grains_;
      grains_ += static_cast<std::size_t>((extent.end - extent.begin) / grain_);
    }
  }

  [[nodiscard]] std::size_t grain_at(SpaceId space, std::int64_t offset) const {
    const auto after = std::upper_bound(extents_.begin(), extents_.end(), std::pair(space, offset),
                                        [](const std::pair<SpaceId, std::int64_t>& at, const Extent& extent) {
                                          return at < std::pair(extent.space, extent.begin);
                                        });
    const Extent& extent = *std::prev(after);
    return extent.base + static_cast<std::size_t>((offset - extent.begin) / grain_);
  }
  [[nodiscard]] std::size_t written_bit(std::size_t buffer, std::size_t grain) const {
    const Buffer& home = program_.buffers[buffer];
    return written_base_[buffer] + grain - grain_at(home.space, home.offset);
  }
  void fill(std::size_t buffer, std::int64_t offset, std::int64_t bytes) {
    const SpaceId space = program_.buffers[buffer].space;
    const std::size_t first = grain_at(space, offset);
    for (std::size_t g = first; g < first + static_cast<std::size_t>(bytes / grain_); ++g) {
      content_[g] = {kHost, static_cast<int>(buffer), g};
    }
  }

  [[nodiscard]] bool holds(std::size_t b, std::uint32_t task, SpaceId space, std::int64_t at) const {
    const Buffer& buffer = program_.buffers[b];
    return buffer.space == space && task >= buffer.first_task && task <= buffer.last_task &&
           at >= buffer.offset && at < buffer.offset + buffer.bytes;
  }
  int buffer_at(std::uint32_t task, SpaceId space, std::int64_t at) {
    if (latest_ < program_.buffers.size() && holds(latest_, task, space, at))
      return static_cast<int>(latest_);
    for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
      if (!holds(b, task, space, at)) continue;
      latest_ = b;
      return static_cast<int>(b);
    }
    return kNobody;
  }

  /// visit(grain, buffer) for every grain that the command reads (or writes).
  template <class Visit>
  void for_each_grain(const Command& command, bool write, Visit visit) {
    for (const Region& region : program_.regions_of(command)) {
      if (region.write != write) continue;
      for (std::int64_t o = 0; o < region.outer; ++o) {
        for (std::int64_t i = 0; i < region.inner; ++i) {
          const std::int64_t from = region.offset + o * region.outer_stride + i * region.inner_stride;
          const int buffer = buffer_at(command.task, region.space, from);
          const std::size_t first = grain_at(region.space, from);
          const auto count = static_cast<std::size_t>(region.bytes / grain_);
          for (std::size_t g = first; g < first + count; ++g) visit(g, buffer);
        }
      }
    }
  }

  [[nodiscard]] bool ready(std::size_t command, std::vector<std::int64_t> flags) const {
    for (const FlagId flag : program_.waits_of(program_.commands[command])) {
      if (--flags[flag] < 0) return false;
    }
    return true;
  }

  /// What a command is, but for the places of its operands.
  [[nodiscard]] std::uint64_t kind_of(const Command& command) const {
    std::uint64_t seed = mix(command.opcode, command.setting);
    for (const auto arg : command.args) seed = mix(seed, static_cast<std::uint64_t>(arg));
    for (const Region& region : program_.regions_of(command)) {
      seed = mix(seed, region.space * 2U + (region.write ? 1U : 0U));
      seed = mix(seed, static_cast<std::uint64_t>(region.total_bytes()));
    }
    return seed;
  }

  std::string begin(std::size_t index, std::vector<std::int64_t>& flags) {
    const Command& command = program_.commands[index];
    for (const FlagId flag : program_.waits_of(command)) --flags[flag];
    const char* fault = "";
    std::uint64_t seen = 0;
    std::uint64_t value = kind_of(command);
    for_each_grain(command, false, [&](std::size_t grain, int buffer) {
      const Content& content = content_[grain];
      if (busy_writers_[grain] != 0) fault = "read while written";
      if (content.writer == kNobody || content.buffer != buffer) fault = "read before any write";
      if (buffer != kNobody) read_[static_cast<std::size_t>(buffer)] = true;
      seen = mix(seen, static_cast<std::uint64_t>(content.writer));
      value = mix(value, content.value);
    });
    for_each_grain(command, true, [&](std::size_t grain, int buffer) {
      if (busy_writers_[grain] != 0 || busy_readers_[grain] != 0) fault = "write while in use";
      if (buffer == kNobody) {
        value = mix(value, content_[grain].value);
        return;
      }
      if (program_.buffers[static_cast<std::size_t>(buffer)].input) {
        fault = "input overwritten";
        return;
      }
      const std::size_t bit = written_bit(static_cast<std::size_t>(buffer), grain);
      if (written_[bit]) fault = "buffer written twice";
      written_[bit] = true;
    });
    if (fault[0] != '\0') return fault;
    if (!first_ && seen != observed_[index]) return "data from another command";
    observed_[index] = seen;
    pending_[command.queue] = value;
    for_each_grain(command, false, [&](std::size_t grain, int) { ++busy_readers_[grain]; });
    for_each_grain(command, true, [&](std::size_t grain, int) { ++busy_writers_[grain]; });
    return "";
  }

  std::string end(std::size_t index, std::vector<std::int64_t>& flags) {
    const Command& command = program_.commands[index];
    for_each_grain(command, false, [&](std::size_t grain, int) { --busy_readers_[grain]; });
    std::uint64_t value = pending_[command.queue];
    for_each_grain(command, true, [&](std::size_t grain, int buffer) {
      --busy_writers_[grain];
      content_[grain] = {static_cast<int>(index), buffer, value = mix(value, 1)};
    });
    for (const FlagId flag : program_.sets_of(command)) {
      if (++flags[flag] > program_.target->flag_capacity) return "overfull flag";
    }
    return "";
  }

  const Program& program_;
  std::int64_t grain_;
  std::vector<Extent> extents_;            ///< by space, then begin
  std::vector<std::size_t> written_base_;  ///< first bit of each buffer in written_
  std::size_t grains_ = 0, buffer_grains_ = 0;
  std::size_t latest_ = 0;  ///< buffer found last
  std::vector<Content> content_;
  std::vector<int> busy_readers_, busy_writers_;
  std::vector<bool> written_;
  std::vector<bool> read_;               ///< by buffer
  std::vector<std::uint64_t> observed_;  ///< by command: digest of the writers of what it read
  std::vector<std::uint64_t> pending_;   ///< by queue: the running command's value
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

class SegmentPlayer::Impl {
 public:
  Impl(const Program& program, std::size_t task) : game_(program), first_(task) {
    while (first_ > 0 && program.tasks[first_].joined) --first_;
    last_ = game_.segment_end(first_);
  }
  std::string play(Rng& rng) {
    game_.reset();
    game_.skip_to(first_);
    game_.observe_afresh(games_++ == 0);
    return game_.play_segment(first_, last_, rng);
  }
  [[nodiscard]] std::uint64_t digest() const { return game_.digest(); }

 private:
  Game game_;
  std::size_t first_, last_ = 0;
  int games_ = 0;
};

SegmentPlayer::SegmentPlayer(const Program& program, std::size_t task)
    : impl_(std::make_unique<Impl>(program, task)) {}
SegmentPlayer::~SegmentPlayer() = default;
std::string SegmentPlayer::play(Rng& rng) { return impl_->play(rng); }
std::uint64_t SegmentPlayer::digest() const { return impl_->digest(); }

}  // namespace npusim::program::test
