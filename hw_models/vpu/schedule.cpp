#include "hw_models/vpu/schedule.h"

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::vpu {

Schedule::Schedule(const Spec& spec) : spec_(spec) {
  queues_.resize(static_cast<std::size_t>(queue_count(spec)));
  accesses_.resize(static_cast<std::size_t>(spec.tiles) + 1);
}

void Schedule::begin_task(program::Task task) { tasks_.emplace_back(std::move(task), mapping::Emitter{}); }

void Schedule::collect(const program::Region& region,
                       std::vector<std::pair<program::QueueId, std::int64_t>>& before) {
  const std::int64_t from = region.offset;
  const std::int64_t to = from + region.bytes;
  for (const Access& access : accesses_[region.space]) {
    if (access.to <= from || access.from >= to || (!access.write && !region.write)) continue;
    before.emplace_back(access.queue, access.sequence);
  }
}

void Schedule::record(const program::Region& region, program::QueueId queue, std::int64_t sequence) {
  auto& accesses = accesses_[region.space];
  const std::int64_t from = region.offset;
  const std::int64_t to = from + region.bytes;
  // A write that covers an access stands for it from now on; a read stands for the same queue's earlier ones.
  accesses.erase(std::remove_if(accesses.begin(), accesses.end(),
                                [&](const Access& access) {
                                  const bool covered = access.from >= from && access.to <= to;
                                  return covered &&
                                         (region.write || (!access.write && access.queue == queue));
                                }),
                 accesses.end());
  accesses.push_back({from, to, queue, sequence, region.write});
}

void Schedule::wait_for(program::QueueId before, std::int64_t sequence, program::QueueId after,
                        Place& place) {
  if (before == after || place.clock[before] > sequence) return;
  const Place& producer = queues_[before][static_cast<std::size_t>(sequence)];
  const auto flag = flag_id(spec_, before, after);
  tasks_[producer.task].second.set(producer.command, flag);
  tasks_[place.task].second.wait(place.command, flag);
  for (std::size_t i = 0; i < place.clock.size(); ++i)
    place.clock[i] = std::max(place.clock[i], producer.clock[i]);
  place.clock[before] = std::max(place.clock[before], sequence + 1);
}

void Schedule::command(program::QueueId queue, program::OpcodeId opcode,
                       std::initializer_list<std::int64_t> args, std::vector<program::Region> regions,
                       std::int64_t macs) {
  ensure(!tasks_.empty(), "a command outside of a task");
  auto& emitter = tasks_.back().second;
  auto& own = queues_[queue];
  Place place;
  place.task = tasks_.size() - 1;
  place.command = emitter.add(queue, opcode, args);
  place.clock = own.empty() ? Clock(queues_.size(), 0) : own.back().clock;
  const auto sequence = static_cast<std::int64_t>(own.size());
  place.clock[queue] = sequence;
  emitter.at(place.command).macs = macs;
  std::vector<std::pair<program::QueueId, std::int64_t>> before;
  for (const auto& region : regions) {
    emitter.region(place.command, region);
    collect(region, before);
  }
  if (barrier_) {
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      if (!queues_[i].empty())
        before.emplace_back(static_cast<program::QueueId>(i), std::ssize(queues_[i]) - 1);
    }
  }
  barrier_ = false;
  // The latest first: they know most.
  std::sort(before.begin(), before.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  for (const auto& [other, number] : before) wait_for(other, number, queue, place);
  for (const auto& region : regions) record(region, queue, sequence);
  own.push_back(std::move(place));
}

void Schedule::finish(program::Program& program) {
  for (auto& [task, emitter] : tasks_) emitter.flush(program, std::move(task));
}

}  // namespace npusim::vpu
