// Multi-buffered slots: whatever a mapper does with them, flags come out balanced and the program is sound.
#include "hw_models/mapping/emitter.h"

#include <map>
#include <set>
#include <string>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::mapping;

namespace {

constexpr std::int64_t kSlotBytes = 128;

/// Queues load, work, store; spaces ddr, in, out; 16 flags of capacity 1.
const program::Target& target() {
  static const program::Target made = [] {
    program::Target t;
    t.chip = "toy";
    t.queues = {{"load", true}, {"work", false}, {"store", true}};
    t.spaces = {{"ddr", 0, true}, {"in", 4096, false}, {"out", 4096, false}};
    for (int i = 0; i < 16; ++i) t.flags.push_back("flag" + std::to_string(i));
    t.opcodes = {{"op", {"tile"}}};
    return t;
  }();
  return made;
}

std::vector<Slots::Flags> flags(int first, std::int64_t slots) {
  std::vector<Slots::Flags> out;
  for (std::int64_t i = 0; i < slots; ++i) {
    out.push_back(
        {static_cast<program::FlagId>(first + 2 * i), static_cast<program::FlagId>(first + 2 * i + 1)});
  }
  return out;
}

program::Task task(std::int64_t macs = 0) {
  program::Task made;
  made.name = "t";
  made.op = "op";
  made.engine = "work";
  made.macs = macs;
  return made;
}

/// The message of the InternalError that verify() throws, or "".
std::string verdict(const program::Program& program) {
  try {
    program::verify(program);
  } catch (const InternalError& error) {
    return error.what();
  }
  return "";
}

std::map<program::FlagId, int> balance(const program::Program& program) {
  std::map<program::FlagId, int> open;
  for (const auto& command : program.commands) {
    for (const auto flag : program.sets_of(command)) ++open[flag];
    for (const auto flag : program.waits_of(command)) --open[flag];
  }
  return open;
}

/// A cached, multi-buffered stream as mappers write it: tiles of `keys` distinct inputs are asked for at
/// random; each is loaded (in one or two commands) unless a slot holds it, read by one or more commands, and
/// their results leave through output slots.
class RandomStream {
 public:
  explicit RandomStream(Rng& rng)
      : rng_(rng),
        keys_(rng.uniform(1, 8)),
        in_(emitter_, flags(0, rng.uniform(1, 4)), 1, rng.uniform(0, 2) * 32, kSlotBytes),
        out_(emitter_, flags(8, rng.uniform(1, 4)), 2, 0, kSlotBytes) {
    program_.target = &target();
    program_.network = "net";
  }

  program::Program make(std::int64_t tiles) {
    for (std::int64_t tile = 0; tile < tiles; ++tile) add(tile);
    emitter_.flush(program_, task(tiles * 5));
    program_.buffers = {{"x", 0, keys_ * kSlotBytes, true, false},
                        {"y", 1 << 20, tiles * kSlotBytes, false, true}};
    return program_;
  }
  [[nodiscard]] int hits() const { return hits_; }

 private:
  static program::Region global(std::int64_t offset, std::int64_t bytes, bool write) {
    return {0, write, offset, bytes};
  }

  int ensure(std::int64_t key) {
    if (const int slot = in_.find(key); slot >= 0) {
      ++hits_;
      return slot;
    }
    const int slot = in_.take(key);
    const std::int64_t halves = rng_.uniform(1, 2);
    const std::int64_t bytes = kSlotBytes / halves;
    for (std::int64_t half = 0; half < halves; ++half) {
      const LocalId load = emitter_.add(0, 0, {key});
      emitter_.region(load, global(key * kSlotBytes + half * bytes, bytes, false));
      emitter_.region(load, in_.region(slot, half * bytes, bytes, true));
      if (half == 0) in_.fill_first(slot, load);
      if (half + 1 == halves) in_.fill_last(slot, load);
    }
    return slot;
  }

  void add(std::int64_t tile) {
    const int in = ensure(rng_.uniform(0, keys_ - 1));
    const int out = out_.take(tile);
    const std::int64_t commands = rng_.uniform(1, 3);
    LocalId work = kNone;
    for (std::int64_t i = 0; i < commands; ++i) {
      work = emitter_.add(1, 0, {tile});
      emitter_.region(work, in_.region(in, 0, kSlotBytes, false));
      emitter_.region(work, out_.region(out, 0, kSlotBytes, true));
      in_.consume(in, work);
      if (i == 0) out_.fill_first(out, work);
    }
    emitter_.at(work).macs = 5;
    out_.fill_last(out, work);
    const LocalId store = emitter_.add(2, 0, {tile});
    emitter_.region(store, out_.region(out, 0, kSlotBytes, false));
    emitter_.region(store, global((1 << 20) + tile * kSlotBytes, kSlotBytes, true));
    out_.consume(out, store);
  }

  Rng& rng_;
  std::int64_t keys_;
  program::Program program_;
  Emitter emitter_;
  Slots in_, out_;
  int hits_ = 0;
};

}  // namespace

TEST_CASE("500 random programs of one to four slots are sound and set every flag as often as they wait") {
  Rng rng(21);
  int hits = 0;
  for (int i = 0; i < 500; ++i) {
    RandomStream stream(rng);
    const auto program = stream.make(rng.uniform(1, 30));
    hits += stream.hits();
    INFO("program " << i << "\n" << program::print(program));
    REQUIRE(verdict(program) == "");
    for (const auto& [flag, open] : balance(program)) REQUIRE(open == 0);
  }
  CHECK(hits > 500);
}

TEST_CASE("a program that forgets to consume a slot is not sound, so the proof above can fail") {
  Emitter emitter;
  Slots slots(emitter, flags(0, 1), 1, 0, kSlotBytes);
  program::Program program;
  program.target = &target();
  program.buffers = {{"x", 0, kSlotBytes, true, false}};
  const int slot = slots.take(1);
  const LocalId load = emitter.add(0, 0, {0});
  emitter.region(load, {0, false, 0, kSlotBytes});
  emitter.region(load, slots.region(slot, 0, kSlotBytes, true));
  slots.fill_first(slot, load);
  slots.fill_last(slot, load);
  emitter.flush(program, task());
  CHECK(verdict(program) != "");
}

TEST_CASE("the first filling of a slot waits for nothing, the second for the last reader of the first") {
  Emitter emitter;
  Slots slots(emitter, flags(4, 1), 1, 0, kSlotBytes);
  for (int round = 0; round < 2; ++round) {
    const int slot = slots.take(round);
    const LocalId load = emitter.add(0, 0, {round});
    slots.fill_first(slot, load);
    slots.fill_last(slot, load);
    slots.consume(slot, emitter.add(1, 0, {round}));
    slots.consume(slot, emitter.add(1, 0, {round}));
  }
  CHECK(emitter.at(0).waits.empty());
  CHECK(emitter.at(0).sets.size() == 1);  // ready
  CHECK(emitter.at(1).waits.size() == 1);
  CHECK(emitter.at(1).sets.empty());
  CHECK(emitter.at(2).waits.empty());  // ready was consumed by the first reader
  REQUIRE(emitter.at(2).sets.size() == 1);
  CHECK(emitter.at(2).sets[0] == 5);  // free
  REQUIRE(emitter.at(3).waits.size() == 1);
  CHECK(emitter.at(3).waits[0] == 5);
  CHECK(emitter.at(5).sets.empty());  // nobody fills the slot again
}

TEST_CASE("slots keep what was used last and give up what was used longest ago") {
  Emitter emitter;
  Slots slots(emitter, flags(0, 3), 1, 0, kSlotBytes);
  std::set<int> taken;
  for (int key = 1; key <= 3; ++key) taken.insert(slots.take(key));
  CHECK(taken.size() == 3);
  const int first = slots.find(1);
  CHECK(first >= 0);
  const int second = slots.find(2);
  CHECK(slots.take(4) != first);
  CHECK(slots.find(3) == -1);
  CHECK(slots.find(1) == first);
  CHECK(slots.find(2) == second);
}

TEST_CASE("slot i lies i slots behind the base") {
  Emitter emitter;
  const Slots slots(emitter, flags(0, 3), 2, 1000, kSlotBytes);
  const auto region = slots.region(2, 16, 32, true);
  CHECK(region.space == 2);
  CHECK(region.write);
  CHECK(region.offset == 1000 + 2 * kSlotBytes + 16);
  CHECK(region.bytes == 32);
  CHECK(region.total_bytes() == 32);
}

TEST_CASE("flush appends a task and starts afresh") {
  program::Program program;
  program.target = &target();
  Emitter emitter;
  for (std::int64_t i = 1; i <= 3; ++i) {
    for (std::int64_t c = 0; c < i; ++c) emitter.at(emitter.add(1, 0, {c})).macs = 2;
    CHECK(emitter.size() == static_cast<std::size_t>(i));
    emitter.flush(program, task(2 * i));
    CHECK(emitter.size() == 0);
  }
  CHECK(program.tasks.size() == 3);
  CHECK(program.commands.size() == 6);
  CHECK(program.tasks[2].first_command == 3);
  CHECK(program.tasks[2].command_count == 3);
  CHECK(program.commands[5].args[0] == 2);
  CHECK(verdict(program) == "");
}
