// Random programs of joined tasks; see draft.h.
#include <fmt/format.h>

#include "tests/program/draft.h"

namespace npusim::program::test {
namespace {

constexpr std::int64_t kGrain = 8;
constexpr std::int64_t kGrains = 12;  ///< of each space
constexpr int kNobody = -1;

class Segments {
 public:
  Segments(Program& program, Rng& rng) : program_(program), rng_(rng) {}

  std::vector<Commands> grow() {
    const auto tasks = static_cast<std::uint32_t>(rng_.uniform(2, 5));
    for (std::uint32_t t = 0; t < tasks; ++t) {
      program_.tasks.push_back(plain_task(fmt::format("t{}", t)));
      program_.tasks.back().joined = t > 0 && rng_.uniform(0, 4) != 0;
    }
    for (std::int64_t n = rng_.uniform(3, 8); n > 0; --n) add_buffer(tasks);
    content_.assign(program_.target->spaces.size() * kGrains, kNothing);
    for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
      if (program_.buffers[b].input) fill(program_.buffers[b], static_cast<int>(b));
    }
    written_.assign(program_.buffers.size() * kGrains, false);
    std::vector<Commands> all;
    for (task_ = 0; task_ < tasks; ++task_) {
      if (!program_.tasks[task_].joined) forget();
      all.emplace_back();
      for (std::int64_t n = rng_.uniform(1, 4); n > 0; --n) add_command(all.back());
      complete_dying(all.back());
    }
    return all;
  }

 private:
  static constexpr int kNothing = -2;

  void add_buffer(std::uint32_t tasks) {
    Buffer buffer;
    buffer.name = fmt::format("b{}", program_.buffers.size());
    buffer.space = static_cast<SpaceId>(rng_.uniform(0, 1));
    const std::int64_t grains = rng_.uniform(1, 4);
    buffer.bytes = kGrain * grains;
    buffer.offset = kGrain * rng_.uniform(0, kGrains - grains);
    buffer.first_task = static_cast<std::uint32_t>(rng_.uniform(0, tasks - 1));
    buffer.last_task = static_cast<std::uint32_t>(rng_.uniform(buffer.first_task, tasks - 1));
    buffer.input = buffer.first_task == 0 && rng_.uniform(0, 1) == 0;
    buffer.output = !buffer.input && buffer.last_task == tasks - 1 && rng_.uniform(0, 1) == 0;
    for (const Buffer& other : program_.buffers) {
      if (other.space == buffer.space && other.offset < buffer.offset + buffer.bytes &&
          buffer.offset < other.offset + other.bytes && other.first_task <= buffer.last_task &&
          buffer.first_task <= other.last_task) {
        return;
      }
    }
    program_.buffers.push_back(buffer);
  }

  int& content(SpaceId space, std::int64_t grain) {
    return content_[static_cast<std::size_t>(space * kGrains + grain)];
  }
  void fill(const Buffer& buffer, int what) {
    for (std::int64_t g = 0; g < buffer.bytes / kGrain; ++g) {
      content(buffer.space, buffer.offset / kGrain + g) = what;
    }
  }
  void forget() {
    for (int& what : content_) {
      if (what == kNobody) what = kNothing;
    }
  }
  /// The living buffer at a grain, or kNobody.
  [[nodiscard]] int home(SpaceId space, std::int64_t grain) const {
    for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
      const Buffer& buffer = program_.buffers[b];
      if (buffer.space == space && task_ >= buffer.first_task && task_ <= buffer.last_task &&
          grain * kGrain >= buffer.offset && grain * kGrain < buffer.offset + buffer.bytes) {
        return static_cast<int>(b);
      }
    }
    return kNobody;
  }
  [[nodiscard]] std::size_t bit(int buffer, std::int64_t grain) const {
    const Buffer& home = program_.buffers[static_cast<std::size_t>(buffer)];
    return static_cast<std::size_t>(buffer * kGrains + grain - home.offset / kGrain);
  }
  /// Whether a command may write (or read) a grain as part of `buffer` now.
  bool allowed(SpaceId space, std::int64_t grain, int buffer, bool write) {
    if (home(space, grain) != buffer) return false;
    if (!write) return content(space, grain) == buffer;
    if (buffer == kNobody) return true;
    return !program_.buffers[static_cast<std::size_t>(buffer)].input && !written_[bit(buffer, grain)];
  }
  void note_write(const Region& region, int buffer) {
    for (std::int64_t g = region.offset / kGrain; g < (region.offset + region.bytes) / kGrain; ++g) {
      content(region.space, g) = buffer;
      if (buffer != kNobody) written_[bit(buffer, g)] = true;
    }
  }

  void add_region(DraftCommand& command, bool write) {
    for (int tries = 0; tries < 12; ++tries) {
      Region region;
      region.space = static_cast<SpaceId>(rng_.uniform(0, 2));
      region.write = write;
      const std::int64_t grains = rng_.uniform(1, 3);
      const std::int64_t first = rng_.uniform(0, kGrains - grains);
      const int buffer = home(region.space, first);
      if (buffer == kNobody && region.space == 0) continue;
      bool good = true;
      for (std::int64_t g = first; g < first + grains; ++g) {
        good = good && allowed(region.space, g, buffer, write);
      }
      if (!good) continue;
      region.offset = kGrain * first;
      region.bytes = kGrain * grains;
      command.regions.push_back(region);
      if (write) note_write(region, buffer);
      return;
    }
  }

  void add_command(Commands& commands) {
    DraftCommand command;
    command.head.queue = static_cast<QueueId>(rng_.uniform(0, 3));
    if (rng_.uniform(0, 3) != 0) add_region(command, false);
    if (rng_.uniform(0, 3) != 0) add_region(command, true);
    commands.push_back(std::move(command));
  }

  /// Writes what is missing of the buffers whose last task this is.
  void complete_dying(Commands& commands) {
    DraftCommand command;
    command.head.queue = static_cast<QueueId>(rng_.uniform(0, 3));
    for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
      const Buffer& buffer = program_.buffers[b];
      if (buffer.input || buffer.last_task != task_) continue;
      for (std::int64_t g = 0; g < buffer.bytes / kGrain; ++g) {
        const Region region{buffer.space, true, buffer.offset + g * kGrain, kGrain};
        if (written_[bit(static_cast<int>(b), region.offset / kGrain)]) continue;
        command.regions.push_back(region);
        note_write(region, static_cast<int>(b));
      }
    }
    if (!command.regions.empty()) commands.push_back(std::move(command));
  }

  Program& program_;
  Rng& rng_;
  std::uint32_t task_ = 0;
  std::vector<int> content_;   ///< by space and grain: a buffer's index, kNobody or kNothing
  std::vector<bool> written_;  ///< by buffer and its grain
};

}  // namespace

Program random_segments(Rng& rng, int tied_percent) {
  Program program;
  program.target = &tangle_target();
  program.network = "segments";
  std::vector<Commands> tasks = Segments(program, rng).grow();
  Draft draft(program);
  draft.tasks = std::move(tasks);
  std::vector<DraftCommand*> segment;
  for (std::size_t t = 0; t < draft.tasks.size(); ++t) {
    if (!program.tasks[t].joined) {
      tie_conflicts(segment, rng, tied_percent);
      segment.clear();
    }
    for (DraftCommand& command : draft.tasks[t]) segment.push_back(&command);
  }
  tie_conflicts(segment, rng, tied_percent);
  return draft.build();
}

}  // namespace npusim::program::test
