// A program under construction whose dependencies follow from what its commands read and write.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "hw_models/mapping/emitter.h"
#include "hw_models/vpu/target.h"

namespace npusim::vpu {

/// Collects tasks and commands in program order. A command waits for every earlier command on another queue
/// that wrote what it reads, or that touched what it writes; what it knows through others it does not wait
/// for again. One flag an ordered pair of queues suffices, because waits are met in the order of the sets.
class Schedule {
 public:
  explicit Schedule(const Spec& spec);

  void begin_task(program::Task task);
  /// Appends a command to the open task.
  void command(program::QueueId queue, program::OpcodeId opcode, std::initializer_list<std::int64_t> args,
               std::vector<program::Region> regions, std::int64_t macs = 0);
  /// The next command appended waits for everything before it.
  void barrier() { barrier_ = true; }
  void finish(program::Program& program);

 private:
  /// Commands known to be complete when a command starts: how many of each queue.
  using Clock = std::vector<std::int64_t>;
  struct Place {
    std::size_t task = 0;
    mapping::LocalId command = mapping::kNone;
    Clock clock;
  };
  struct Access {
    std::int64_t from, to;
    program::QueueId queue;
    std::int64_t sequence;
    bool write;
  };

  /// Everything that a run of bytes must wait for.
  void collect(const program::Region& region, std::vector<std::pair<program::QueueId, std::int64_t>>& before);
  void record(const program::Region& region, program::QueueId queue, std::int64_t sequence);
  void wait_for(program::QueueId before, std::int64_t sequence, program::QueueId after, Place& place);

  const Spec& spec_;
  std::deque<std::pair<program::Task, mapping::Emitter>> tasks_;
  std::vector<std::vector<Place>> queues_;
  std::vector<std::vector<Access>> accesses_;  ///< by space
  bool barrier_ = false;
};

}  // namespace npusim::vpu
