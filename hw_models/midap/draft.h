// A program under construction: tasks whose commands can still be given flags.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "hw_models/mapping/emitter.h"
#include "hw_models/midap/target.h"

namespace npusim::midap {

/// A command of a draft.
struct Handle {
  std::size_t task = 0;
  mapping::LocalId command = mapping::kNone;
  [[nodiscard]] explicit operator bool() const { return command != mapping::kNone; }
};

/// Tasks in the order of execution; commands may be added to any of them, and tied by flags, until finish().
class Draft {
 public:
  std::size_t add_task(program::Task task) {
    tasks_.emplace_back(std::move(task), mapping::Emitter{});
    return tasks_.size() - 1;
  }
  Handle add(std::size_t task, Queue queue, program::OpcodeId opcode,
             std::initializer_list<std::int64_t> args = {}) {
    return {task, tasks_[task].second.add(queue_id(queue), opcode, args)};
  }
  [[nodiscard]] mapping::Emitter::Draft& at(const Handle& handle) {
    return tasks_[handle.task].second.at(handle.command);
  }
  void setting(const Handle& handle, const program::Setting& setting) {
    at(handle).setting = tasks_[handle.task].second.setting(setting);
  }
  void region(const Handle& handle, const program::Region& region) { at(handle).regions.push_back(region); }
  /// `after` waits for what `before` sets when it is complete. Nothing to do where `before` is none.
  void tie(const Handle& before, const Handle& after, program::FlagId flag) {
    if (!before) return;
    at(before).sets.push_back(flag);
    at(after).waits.push_back(flag);
  }
  void finish(program::Program& program) {
    for (auto& [task, emitter] : tasks_) emitter.flush(program, std::move(task));
  }

 private:
  std::deque<std::pair<program::Task, mapping::Emitter>> tasks_;
};

/// Contiguous bytes, or `count` runs of them `stride` apart.
inline program::Region region_of(program::SpaceId space, bool write, std::int64_t offset, std::int64_t bytes,
                                 std::int64_t count = 1, std::int64_t stride = 0) {
  program::Region region;
  region.space = space;
  region.write = write;
  region.offset = offset;
  region.bytes = bytes;
  if (count > 1 && stride == bytes) {
    region.bytes = bytes * count;
  } else if (count > 1) {
    region.inner = count;
    region.inner_stride = stride;
  }
  return region;
}

}  // namespace npusim::midap
