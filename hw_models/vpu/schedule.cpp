#include "hw_models/vpu/schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::vpu {

namespace {

constexpr std::int64_t kBucketBytes = 32768;

/// DMA into CMX, out of it, inside it, DPUs, SHAVEs.
std::int64_t kind_of(const Spec& spec, program::QueueId queue) {
  const std::int64_t engines = spec.dma_engines * 3;
  if (queue < spec.dma_engines * 2) return queue % 2;
  if (queue < engines) return 2;
  return (queue - engines) % (spec.dpus + spec.shaves) < spec.dpus ? 3 : 4;
}

}  // namespace

Schedule::Schedule(const Spec& spec, const Barriers* barriers) : spec_(spec), barriers_(barriers) {
  queues_.resize(static_cast<std::size_t>(queue_count(spec)));
  accesses_.resize(static_cast<std::size_t>(spec.tiles) + 1);
}

void Schedule::begin_task(program::Task task) {
  tasks_.emplace_back(std::move(task), mapping::Emitter{});
  begin_chunk();
}

template <class F>
void Schedule::for_buckets(const program::Region& region, const F& f) {
  auto& buckets = accesses_[region.space];
  const std::int64_t end = region.offset + region.bytes;
  for (std::int64_t from = region.offset; from < end;) {
    const auto bucket = static_cast<std::size_t>(from / kBucketBytes);
    const std::int64_t to = std::min(end, static_cast<std::int64_t>(bucket + 1) * kBucketBytes);
    if (bucket >= buckets.size()) buckets.resize(bucket + 1);
    f(buckets[bucket], from, to);
    from = to;
  }
}

void Schedule::collect(const program::Region& region,
                       std::vector<std::pair<program::QueueId, std::int64_t>>& before) {
  for_buckets(region, [&](const std::vector<Access>& accesses, std::int64_t from, std::int64_t to) {
    for (const Access& access : accesses) {
      if (access.to <= from || access.from >= to || (!access.write && !region.write)) continue;
      before.emplace_back(access.queue, access.sequence);
    }
  });
}

void Schedule::record(const program::Region& region, program::QueueId queue, std::int64_t sequence) {
  for_buckets(region, [&](std::vector<Access>& accesses, std::int64_t from, std::int64_t to) {
    // A write that covers an access stands for it from now on; a read stands for the same queue's earlier
    // ones.
    accesses.erase(std::remove_if(accesses.begin(), accesses.end(),
                                  [&](const Access& access) {
                                    const bool covered = access.from >= from && access.to <= to;
                                    return covered &&
                                           (region.write || (!access.write && access.queue == queue));
                                  }),
                   accesses.end());
    accesses.push_back({from, to, queue, sequence, region.write});
  });
}

void Schedule::wait_for(program::QueueId before, std::int64_t sequence, program::QueueId after,
                        Place& place) {
  if (before == after || place.clock[before] > sequence) return;
  const Place& producer = queues_[before][static_cast<std::size_t>(sequence)];
  const auto flag = flag_id(spec_, before, after);
  tasks_[producer.task].second.set(producer.command, flag);
  tasks_[place.task].second.wait(place.command, flag);
  Use& use = uses_[{producer.group, kind_of(spec_, before)}];
  if (use.setters.empty() || producer.order < use.first) use.first = producer.order;
  if (use.setters.empty() || use.setters.back() != producer.order) use.setters.push_back(producer.order);
  use.waiters.emplace_back(after, place.clock[after]);
  use.last = std::max(use.last, place.order);
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
  place.order = commands_++;
  place.group = group_;
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
  if (barriers_ != nullptr) {
    const auto& freed = barriers_->before.at(place.order);
    before.insert(before.end(), freed.begin(), freed.end());
  }
  // The latest first: they know most.
  std::sort(before.begin(), before.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  before.erase(std::unique(before.begin(), before.end()), before.end());
  for (const auto& [other, number] : before) wait_for(other, number, queue, place);
  for (const auto& region : regions) record(region, queue, sequence);
  own.push_back(std::move(place));
}

Barriers Schedule::barriers() const {
  std::vector<const Use*> uses;
  for (const auto& [key, use] : uses_) uses.push_back(&use);
  std::stable_sort(uses.begin(), uses.end(), [](const Use* a, const Use* b) { return a->first < b->first; });
  Barriers barriers;
  barriers.before.resize(commands_);
  std::vector<const Use*> held;  // by barrier
  for (const Use* use : uses) {
    const auto busy =
        std::count_if(held.begin(), held.end(), [&](const Use* one) { return one->last >= use->first; });
    barriers.most = std::max<std::int64_t>(barriers.most, busy + 1);
    if (std::ssize(held) < spec_.barriers) {
      held.push_back(use);
      continue;
    }
    const auto first = std::min_element(held.begin(), held.end(),
                                        [](const Use* a, const Use* b) { return a->last < b->last; });
    if ((*first)->last >= use->first) {
      throw UserError(
          fmt::format("the program needs more than barrier.count = {} barriers at once; fewer "
                      "layers ahead (mapping.prefetch_layers) need fewer",
                      spec_.barriers));
    }
    for (const auto setter : use->setters) barriers.before[setter] = (*first)->waiters;
    *first = use;
  }
  return barriers;
}

void Schedule::finish(program::Program& program) {
  for (auto& [task, emitter] : tasks_) emitter.flush(program, std::move(task));
}

}  // namespace npusim::vpu
