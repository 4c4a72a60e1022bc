// A program under construction whose dependencies follow from what its commands read and write.
#pragma once

#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "hw_models/mapping/emitter.h"
#include "hw_models/vpu/target.h"

namespace npusim::vpu {

/// Which commands take over the barrier of others, that there be enough of them.
struct Barriers {
  /// By command in the order of the program: the commands that must have ended before, because they are the
  /// last to wait at the barrier that it sets next.
  std::vector<std::vector<std::pair<program::QueueId, std::int64_t>>> before;
  std::int64_t most = 0;  ///< in use at once, in the order of the program
};

/// Collects tasks and commands in program order. A command waits for every earlier command on another queue
/// that wrote what it reads, or that touched what it writes; what it knows through others it does not wait
/// for again. One flag an ordered pair of queues suffices, because waits are met in the order of the sets.
class Schedule {
 public:
  /// With `barriers` of an equal schedule, commands wait for the ones they set, too. It must outlive this.
  explicit Schedule(const Spec& spec, const Barriers* barriers = nullptr);

  void begin_task(program::Task task);
  /// Commands from here on set barriers of their own.
  void begin_chunk() { ++group_; }
  /// Appends a command to the open task.
  void command(program::QueueId queue, program::OpcodeId opcode, std::initializer_list<std::int64_t> args,
               std::vector<program::Region> regions, std::int64_t macs = 0);
  /// The next command appended waits for everything before it.
  void barrier() { barrier_ = true; }
  void finish(program::Program& program);
  /// Hands the chip's barriers out: a chunk's commands on one kind of engine set one together, if others wait
  /// for them; it is free again when the last of those has waited. Throws UserError when that takes more than
  /// there are.
  [[nodiscard]] Barriers barriers() const;

 private:
  /// Commands known to be complete when a command starts: how many of each queue.
  using Clock = std::vector<std::int64_t>;
  struct Place {
    std::size_t task = 0;
    mapping::LocalId command = mapping::kNone;
    Clock clock;
    std::size_t order = 0;   ///< in the program
    std::int64_t group = 0;  ///< of the chunk
  };
  /// Commands that set one barrier, and those that wait at it.
  struct Use {
    std::size_t first = 0, last = 0;  ///< to set it, to wait at it, in the order of the program
    std::vector<std::size_t> setters;
    std::vector<std::pair<program::QueueId, std::int64_t>> waiters;
  };

  struct Access {
    std::int64_t from, to;
    program::QueueId queue;
    std::int64_t sequence;
    bool write;
  };

  /// The part of a region in each bucket: calls f(accesses, from, to).
  template <class F>
  void for_buckets(const program::Region& region, const F& f);
  /// Everything that a run of bytes must wait for.
  void collect(const program::Region& region, std::vector<std::pair<program::QueueId, std::int64_t>>& before);
  void record(const program::Region& region, program::QueueId queue, std::int64_t sequence);
  void wait_for(program::QueueId before, std::int64_t sequence, program::QueueId after, Place& place);

  const Spec& spec_;
  const Barriers* barriers_;
  std::size_t commands_ = 0;
  std::int64_t group_ = 0;                                     ///< of the chunk
  std::map<std::pair<std::int64_t, std::int64_t>, Use> uses_;  ///< by chunk and kind of engine
  std::deque<std::pair<program::Task, mapping::Emitter>> tasks_;
  std::vector<std::vector<Place>> queues_;
  /// By space and bucket of bytes: each has the part of an access that lies in it.
  std::vector<std::vector<std::vector<Access>>> accesses_;
  bool barrier_ = false;
};

}  // namespace npusim::vpu
