// Small programs for the small target, command by command.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/program/draft.h"

namespace npusim::program::test {

/// Tasks of single commands on the small target's queues.
class TaskScript {
 public:
  TaskScript() : builder_(program_) { program_.target = &small_target(); }
  TaskScript(const TaskScript&) = delete;
  TaskScript& operator=(const TaskScript&) = delete;
  void buffer(const std::string& name, std::int64_t offset, std::int64_t bytes, std::uint32_t first,
              std::uint32_t last, bool input = false, bool output = false, SpaceId space = 0) {
    program_.buffers.push_back({name, offset, bytes, input, output, first, last, space});
  }
  void task(const std::string& name, bool joined = false) {
    if (open_) builder_.end_task();
    open_ = true;
    Task task = plain_task(name);
    task.joined = joined;
    builder_.begin_task(std::move(task));
  }
  void joined(const std::string& name) { task(name, true); }
  /// A command of `queue` with these regions; it waits for and sets the flags, -1 for none.
  void command(QueueId queue, const std::vector<Region>& regions, int wait = -1, int set = -1) {
    builder_.command(queue, 2);
    for (const Region& region : regions) builder_.region(region);
    if (wait >= 0) builder_.wait(static_cast<FlagId>(wait));
    if (set >= 0) builder_.set(static_cast<FlagId>(set));
  }
  std::string verdict() {
    if (open_) builder_.end_task();
    open_ = false;
    return test::verdict(program_);
  }

 private:
  Program program_;
  Builder builder_;
  bool open_ = false;
};

inline Region reads(std::int64_t offset, std::int64_t bytes, SpaceId space = 0) {
  return {space, false, offset, bytes};
}
inline Region writes(std::int64_t offset, std::int64_t bytes, SpaceId space = 0) {
  return {space, true, offset, bytes};
}

}  // namespace npusim::program::test
