// A program under construction: commands in order, tied by one flag for every pair of queues.
#pragma once

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "hw_models/edgetpu/target.h"
#include "hw_models/mapping/emitter.h"

namespace npusim::edgetpu {

/// A command of a draft: its task, and its number on its queue over the whole program.
struct Handle {
  std::size_t task = 0;
  mapping::LocalId command = mapping::kNone;
  Queue queue = Queue::op;
  std::int64_t number = -1;
  [[nodiscard]] explicit operator bool() const { return command != mapping::kNone; }
};

/// Tasks in the order of execution. Commands of a queue run in the order in which they are added.
class Draft {
 public:
  void begin_task(program::Task task) { tasks_.emplace_back(std::move(task), mapping::Emitter{}); }
  [[nodiscard]] program::Task& task() { return tasks_.back().first; }
  Handle add(Queue queue, program::OpcodeId opcode, std::initializer_list<std::int64_t> args = {}) {
    const auto command = tasks_.back().second.add(queue_id(queue), opcode, args);
    return {tasks_.size() - 1, command, queue, counts_[queue_id(queue)]++};
  }
  void region(const Handle& handle, const program::Region& region) { at(handle).regions.push_back(region); }
  void macs(const Handle& handle, std::int64_t macs) { at(handle).macs = macs; }
  void setting(const Handle& handle, const program::Setting& setting) {
    at(handle).setting = tasks_[handle.task].second.setting(setting);
  }
  /// `after`, the newest command of its queue, starts when `before` is complete. Nothing to do where `before`
  /// is none, on the same queue, or where `after`'s queue has already waited for it or a later one.
  void tie(const Handle& before, const Handle& after) {
    if (!before || before.queue == after.queue) return;
    Handle& waited = waited_[queue_id(before.queue)][queue_id(after.queue)];
    if (before.number <= waited.number) return;
    const auto flag = flag_id(queue_id(before.queue), queue_id(after.queue));
    auto& waits = at(after).waits;
    if (std::find(waits.begin(), waits.end(), flag) == waits.end()) {
      waits.push_back(flag);
    } else {  // it waits for an earlier one: the later of the two suffices
      auto& sets = at(waited).sets;
      sets.erase(std::find(sets.begin(), sets.end(), flag));
    }
    at(before).sets.push_back(flag);
    waited = before;
  }
  void finish(program::Program& program) {
    for (auto& [task, emitter] : tasks_) emitter.flush(program, std::move(task));
  }

 private:
  mapping::Emitter::Draft& at(const Handle& handle) { return tasks_[handle.task].second.at(handle.command); }

  std::vector<std::pair<program::Task, mapping::Emitter>> tasks_;
  std::array<std::int64_t, kQueues> counts_{};
  /// The newest command waited for: by queue waited for, by queue that waits.
  std::array<std::array<Handle, kQueues>, kQueues> waited_{};
};

}  // namespace npusim::edgetpu
