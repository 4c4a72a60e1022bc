#include "tests/program/draft.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::program::test {

Draft::Draft(const Program& program) : frame(program) {
  for (const Task& task : program.tasks) {
    tasks.emplace_back();
    for (std::uint32_t i = 0; i < task.command_count; ++i) {
      const Command& command = program.commands[task.first_command + i];
      const auto regions = program.regions_of(command);
      const auto waits = program.waits_of(command);
      const auto sets = program.sets_of(command);
      tasks.back().push_back({command,
                              {regions.begin(), regions.end()},
                              {waits.begin(), waits.end()},
                              {sets.begin(), sets.end()}});
    }
  }
}

Program Draft::build() const {
  Program program = frame;
  program.commands.clear();
  program.regions.clear();
  program.flags.clear();
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    program.tasks[t].first_command = static_cast<std::uint32_t>(program.commands.size());
    program.tasks[t].command_count = static_cast<std::uint32_t>(tasks[t].size());
    for (const DraftCommand& draft : tasks[t]) {
      Command command = draft.head;
      command.task = static_cast<std::uint32_t>(t);
      command.first_region = static_cast<std::uint32_t>(program.regions.size());
      command.region_count = static_cast<std::uint16_t>(draft.regions.size());
      command.first_flag = static_cast<std::uint32_t>(program.flags.size());
      command.wait_count = static_cast<std::uint16_t>(draft.waits.size());
      command.set_count = static_cast<std::uint16_t>(draft.sets.size());
      program.regions.insert(program.regions.end(), draft.regions.begin(), draft.regions.end());
      program.flags.insert(program.flags.end(), draft.waits.begin(), draft.waits.end());
      program.flags.insert(program.flags.end(), draft.sets.begin(), draft.sets.end());
      program.commands.push_back(command);
    }
  }
  return program;
}

Task plain_task(const std::string& name) {
  Task task;
  task.name = name;
  task.op = "conv";
  task.engine = "cube";
  return task;
}

const Target& small_target() {
  static const Target target = [] {
    Target t;
    t.chip = "toy";
    t.queues = {{"load", true}, {"cube", false}, {"store", true}};
    t.spaces = {{"ddr", 65536, true}, {"l1", 4096, false}, {"out", 2048, false}};
    t.flags = {"in_ready.0",  "in_ready.1",  "in_free.0",  "in_free.1",
               "out_ready.0", "out_ready.1", "out_free.0", "out_free.1"};
    t.opcodes = {{"copy_in", {"rows"}}, {"mmad", {"m", "k", "n"}}, {"copy_out", {}}};
    t.flag_capacity = 1;
    return t;
  }();
  return target;
}

Program small_pipeline(std::int64_t tiles) {
  Program program;
  program.target = &small_target();
  program.network = "toy_net";
  program.buffers = {{"x", 0, 256 * tiles, true, false}, {"y", 32768, 128 * tiles, false, true}};
  Builder builder(program);
  Task task;
  task.name = "conv1";
  task.op = "conv";
  task.engine = "cube";
  task.launch_cycles = 100;
  task.macs = 1000 * tiles;
  builder.begin_task(task);
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t slot = i % 2;
    const auto flag = [&](FlagId first) { return static_cast<FlagId>(first + slot); };
    builder.command(0, 0, {i});
    builder.region({0, false, 256 * i, 256});
    builder.region({1, true, 256 * slot, 256});
    if (i >= 2) builder.wait(flag(2));
    builder.set(flag(0));
    builder.command(1, 1, {16, 16, i}).macs = 1000;
    builder.region({1, false, 256 * slot, 256});
    builder.region({2, true, 128 * slot, 128});
    builder.wait(flag(0));
    if (i >= 2) builder.wait(flag(6));
    if (i + 2 < tiles) builder.set(flag(2));
    builder.set(flag(4));
    builder.command(2, 2);
    builder.region({2, false, 128 * slot, 128});
    builder.region({0, true, 32768 + 128 * i, 128});
    builder.wait(flag(4));
    if (i + 2 < tiles) builder.set(flag(6));
  }
  builder.end_task();
  return program;
}

Target random_target(Rng& rng) {
  Target target;
  target.chip = "random chip";
  const std::int64_t queues = rng.uniform(2, 6);
  target.spaces.push_back({"ddr", 0, true});
  for (std::int64_t q = 0; q < queues; ++q) {
    target.queues.push_back({fmt::format("q{}", q), q == 0 || q + 1 == queues});
    target.spaces.push_back({fmt::format("pad \"{}\"", q), 65536, false});
  }
  for (int f = 0; f < 64; ++f) target.flags.push_back(fmt::format("flag.{}", f));
  target.opcodes = {{"move", {"rows", "cols"}}, {"work", {}}};
  target.flag_capacity = rng.uniform(1, 4);
  return target;
}

namespace {

/// The buffer between stage s and stage s+1 of a chain.
struct Link {
  std::int64_t depth = 1;
  bool counting = false;  ///< one flag for all slots, else one a slot
  FlagId ready = 0, free = 0;
  [[nodiscard]] FlagId flag(FlagId first, std::int64_t tile) const {
    return static_cast<FlagId>(counting ? first : first + tile % depth);
  }
};

/// A tile in the scratchpad of `link`, plain or strided with the odd runs of the slot left free.
Region slot_region(std::size_t link, std::int64_t slot, bool strided, bool write) {
  const auto space = static_cast<SpaceId>(link + 1);
  if (!strided) return {space, write, slot * 4096, 256};
  return {space, write, slot * 4096, 16, 4, 32, 4, 256};
}

class RandomTask {
 public:
  RandomTask(Program& program, Builder& builder, Rng& rng) : program_(program), builder_(builder), rng_(rng) {
    stages_ = program.target->queues.size();
    FlagId next = 0;
    for (std::size_t s = 0; s + 1 < stages_; ++s) {
      Link link;
      link.depth = rng.uniform(1, 3);
      link.counting = link.depth <= program.target->flag_capacity && rng.uniform(0, 1) == 0;
      link.ready = next;
      link.free = static_cast<FlagId>(next + link.depth);
      next = static_cast<FlagId>(next + 2 * link.depth);
      links_.push_back(link);
    }
    tiles_ = rng.uniform(1, 12);
    strided_ = rng.uniform(0, 1) == 0;
  }

  /// Appends the task; it reads buffer `in` and writes buffer `out`, both tiles() * 256 bytes.
  void append(const std::string& name, std::int64_t in, std::int64_t out) {
    Task task;
    task.name = name;
    task.op = "conv";
    task.engine = "work";
    task.macs = 7 * tiles_;
    builder_.begin_task(task);
    for (std::int64_t tile = 0; tile < tiles_; ++tile) {
      for (std::size_t s = 0; s < stages_; ++s) stage(s, tile, in, out);
    }
    builder_.end_task();
  }
  [[nodiscard]] std::int64_t tiles() const { return tiles_; }

 private:
  void stage(std::size_t s, std::int64_t tile, std::int64_t in, std::int64_t out) {
    const bool first = s == 0;
    const bool last = s + 1 == stages_;
    if (first || last) {
      builder_.command(static_cast<QueueId>(s), 0, {rng_.uniform(-5, 5), tile});
    } else {
      builder_.command(static_cast<QueueId>(s), 1);
    }
    if (s == 0) program_.commands.back().macs = 7;
    // A tile of a tensor is 4 runs of 64 bytes, `tiles` tiles side by side.
    const Region global{0, last, 64 * tile, 64, 4, 64 * tiles_};
    if (first) builder_.region(shifted(global, in, false));
    if (!first) builder_.region(slot_region(s - 1, tile % links_[s - 1].depth, strided_, false));
    if (!last) builder_.region(slot_region(s, tile % links_[s].depth, strided_, true));
    if (last) builder_.region(shifted(global, out, true));
    if (!first) builder_.wait(links_[s - 1].flag(links_[s - 1].ready, tile));
    if (!last && tile >= links_[s].depth) builder_.wait(links_[s].flag(links_[s].free, tile));
    if (!first && tile + links_[s - 1].depth < tiles_) {
      builder_.set(links_[s - 1].flag(links_[s - 1].free, tile));
    }
    if (!last) builder_.set(links_[s].flag(links_[s].ready, tile));
  }
  static Region shifted(Region region, std::int64_t by, bool write) {
    region.offset += by;
    region.write = write;
    return region;
  }

  Program& program_;
  Builder& builder_;
  Rng& rng_;
  std::size_t stages_ = 0;
  std::int64_t tiles_ = 0;
  bool strided_ = false;
  std::vector<Link> links_;
};

}  // namespace

Program random_pipeline(const Target& target, Rng& rng) {
  Program program;
  program.target = &target;
  program.network = "net \\ \"random\" #1";
  Builder builder(program);
  const std::int64_t tasks = rng.uniform(1, 3);
  std::vector<RandomTask> drafts;
  for (std::int64_t t = 0; t < tasks; ++t) drafts.emplace_back(program, builder, rng);
  // Ping-pong: tensors t and t+2 share addresses.
  std::int64_t bytes = 0;
  for (const RandomTask& draft : drafts) bytes = std::max(bytes, draft.tiles() * 256);
  for (std::int64_t t = 0; t <= tasks; ++t) {
    Buffer buffer;
    buffer.name = fmt::format("tensor/{}", t);
    buffer.offset = (t % 2) * bytes;
    buffer.bytes = 256 * drafts[static_cast<std::size_t>(t == tasks ? t - 1 : t)].tiles();
    if (t > 0) {
      buffer.bytes = 256 * drafts[static_cast<std::size_t>(t - 1)].tiles();
      buffer.first_task = static_cast<std::uint32_t>(t - 1);
    }
    buffer.input = t == 0;
    buffer.output = t == tasks;
    if (t < tasks) buffer.last_task = static_cast<std::uint32_t>(t);
    program.buffers.push_back(buffer);
  }
  // Weights of their own, so that every task's input is complete however many tiles the task before had.
  for (std::int64_t t = 0; t < tasks; ++t) {
    RandomTask& draft = drafts[static_cast<std::size_t>(t)];
    const std::int64_t needed = draft.tiles() * 256;
    std::int64_t in = program.buffers[static_cast<std::size_t>(t)].offset;
    if (program.buffers[static_cast<std::size_t>(t)].bytes < needed) {
      in = 1 << 20;
      if (program.buffers.back().name != "weights")
        program.buffers.push_back({"weights", in, bytes, true, false});
    }
    draft.append(fmt::format("/layer {}", t), in, program.buffers[static_cast<std::size_t>(t + 1)].offset);
  }
  return program;
}

const Target& tangle_target() {
  static const Target target = [] {
    Target t;
    t.chip = "tangle";
    t.queues = {{"a", false}, {"b", false}, {"c", false}, {"d", false}};
    t.spaces = {{"ddr", 0, true}, {"pad", 96, false}, {"tmp", 96, false}};
    for (int f = 0; f < 64; ++f) t.flags.push_back(fmt::format("f{}", f));
    t.opcodes = {{"op", {}}};
    return t;
  }();
  return target;
}

namespace {

constexpr std::int64_t kTangleGrains = 12;  ///< of 8 bytes, in each scratchpad and in the spill buffer

/// Grows a tangle command by command.
class Tangle {
 public:
  explicit Tangle(Rng& rng) : rng_(rng) {}

  /// The commands with their regions, without flags.
  Commands commands() {
    for (std::int64_t n = rng_.uniform(4, 12); n > 0; --n) {
      DraftCommand command;
      command.head.queue = static_cast<QueueId>(rng_.uniform(0, 3));
      if (rng_.uniform(0, 3) != 0) add_read(command);
      if (rng_.uniform(0, 3) != 0) add_write(command);
      commands_.push_back(std::move(command));
    }
    DraftCommand last;  // completes the spill buffer
    for (std::int64_t g = 0; g < kTangleGrains; ++g) {
      if (!written_[0][static_cast<std::size_t>(g)]) last.regions.push_back({0, true, 8 * g, 8});
    }
    commands_.push_back(std::move(last));
    return std::move(commands_);
  }

 private:
  /// A plain region, or two or three runs with gaps.
  Region random_region(bool write) {
    Region region;
    region.space = static_cast<SpaceId>(rng_.uniform(0, 2));
    region.write = write;
    region.bytes = 8 * rng_.uniform(1, 3);
    if (rng_.uniform(0, 3) == 0) {
      region.inner = rng_.uniform(2, 3);
      region.inner_stride = region.bytes + 8 * rng_.uniform(0, 1);
    }
    const std::int64_t extent = (region.inner - 1) * region.inner_stride + region.bytes;
    region.offset = 8 * rng_.uniform(0, kTangleGrains - std::min(kTangleGrains, extent / 8));
    return region;
  }
  template <class Visit>
  static bool all_grains(const Region& region, Visit visit) {
    for (std::int64_t i = 0; i < region.inner; ++i) {
      for (std::int64_t b = 0; b < region.bytes; b += 8) {
        const std::int64_t grain = (region.offset + i * region.inner_stride + b) / 8;
        if (grain >= kTangleGrains || !visit(static_cast<std::size_t>(grain))) return false;
      }
    }
    return true;
  }
  void add_read(DraftCommand& command) {
    for (int tries = 0; tries < 8; ++tries) {
      const Region region = random_region(false);
      if (!all_grains(region, [&](std::size_t g) { return written_[region.space][g]; })) continue;
      command.regions.push_back(region);
      return;
    }
  }
  void add_write(DraftCommand& command) {
    for (int tries = 0; tries < 8; ++tries) {
      const Region region = random_region(true);
      const bool careless = rng_.uniform(0, 31) == 0;  // may write the spill buffer a second time
      if (!all_grains(region,
                      [&](std::size_t g) { return careless || region.space != 0 || !written_[0][g]; }))
        continue;
      all_grains(region, [&](std::size_t g) { return written_[region.space][g] = true; });
      command.regions.push_back(region);
      return;
    }
  }

  Rng& rng_;
  Commands commands_;
  bool written_[3][kTangleGrains] = {};
};

bool share_a_byte(const Region& a, const Region& b) {
  for (std::int64_t i = 0; i < a.inner; ++i) {
    for (std::int64_t j = 0; j < b.inner; ++j) {
      const std::int64_t from_a = a.offset + i * a.inner_stride;
      const std::int64_t from_b = b.offset + j * b.inner_stride;
      if (from_a < from_b + b.bytes && from_b < from_a + a.bytes) return true;
    }
  }
  return false;
}

bool conflict(const DraftCommand& a, const DraftCommand& b) {
  for (const Region& x : a.regions) {
    for (const Region& y : b.regions) {
      if (x.space == y.space && (x.write || y.write) && share_a_byte(x, y)) return true;
    }
  }
  return false;
}

}  // namespace

void tie_conflicts(const std::vector<DraftCommand*>& commands, Rng& rng, int tied_percent) {
  FlagId next = 0;
  for (std::size_t late = 0; late < commands.size(); ++late) {
    for (std::size_t early = 0; early < late; ++early) {
      if (commands[early]->head.queue == commands[late]->head.queue) continue;
      if (!conflict(*commands[early], *commands[late]) || rng.uniform(0, 99) >= tied_percent) continue;
      const bool again = next > 0 && rng.uniform(0, 7) == 0;
      const auto flag = static_cast<FlagId>(again ? rng.uniform(0, next - 1) : next);
      if (!again && next < 63) ++next;
      commands[early]->sets.push_back(flag);
      commands[late]->waits.push_back(flag);
    }
  }
}

Program random_tangle(Rng& rng, int tied_percent) {
  Program program;
  program.target = &tangle_target();
  program.network = "tangle";
  program.buffers = {{"spill", 0, 8 * kTangleGrains, false, false}};
  program.tasks.push_back(plain_task("t"));
  Draft draft(program);
  Commands& commands = draft.tasks[0] = Tangle(rng).commands();
  std::vector<DraftCommand*> all;
  for (DraftCommand& command : commands) all.push_back(&command);
  tie_conflicts(all, rng, tied_percent);
  return draft.build();
}

std::string verdict(const Program& program) {
  try {
    verify(program);
  } catch (const InternalError& error) {
    return error.what();
  }
  return "";
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace npusim::program::test
