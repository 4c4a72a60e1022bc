#include "sim/kernel/execution.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sim/base/error.h"

namespace npusim::kernel {

using program::Command;
using trace::Stall;

Execution::Execution(const program::Target& target, const MachineSpec& spec, Waker& waker)
    : target_(target), spec_(spec), waker_(waker), ledger_(spec) {
  ensure(spec.engines.size() == target.queues.size(), "one engine per queue");
  ensure(spec.flag_latency >= 1, "a flag takes at least one cycle");
}

void Execution::begin(const program::Program& program, bool spans) {
  program_ = &program;
  keep_spans_ = spans;
  task_ = 0;
  end_ = 0;
  queues_.assign(target_.queues.size(), {});
  flags_.assign(target_.flags.size(), {});
  dispatchers_.assign(spec_.dispatchers.size(), {});
  ledger_.begin(program);
  spans_.clear();
  if (!finished()) start_segment();
}

void Execution::start_segment() {
  const auto& tasks = program_->tasks;
  const std::int64_t from = end_;
  ready_ = from + tasks[task_].launch_cycles;
  open_commands_ = tasks[task_].command_count;
  for (segment_end_ = task_ + 1; segment_end_ < tasks.size() && tasks[segment_end_].joined; ++segment_end_) {
    ensure(tasks[segment_end_].launch_cycles == 0, "a joined task has no launch cycles");
    open_commands_ += tasks[segment_end_].command_count;
  }
  ledger_.begin_segment(task_, segment_end_, from, ready_);
  load_segment();
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    if (!queues_[i].order.empty()) waker_.wake_engine(i);
  }
  for (std::size_t d = 0; d < dispatchers_.size(); ++d) {
    if (!dispatchers_[d].order.empty()) waker_.wake_dispatcher(d);
  }
  if (open_commands_ == 0) {
    end_ = ready_;
    finish_segment();
  }
}

void Execution::load_segment() {
  for (auto& queue : queues_) {
    queue.order.clear();
    queue.visible.clear();
    queue.retired.clear();
    queue.waiting_issue = false;
    queue.free_at = queue.end_at = queue.handed_at = ready_;
  }
  for (auto& dispatcher : dispatchers_) {
    dispatcher.order.clear();
    dispatcher.next = 0;
    dispatcher.time = ready_;
  }
  const std::uint32_t first = program_->tasks[task_].first_command;
  for (std::uint32_t i = first; i < first + open_commands_; ++i) {
    const std::size_t q = program_->commands[i].queue;
    queues_[q].order.push_back(i);
    const std::int32_t d = spec_.engines[q].dispatcher;
    if (d < 0) {
      queues_[q].visible.push_back(ready_);
    } else {
      dispatchers_[static_cast<std::size_t>(d)].order.push_back(i);
    }
  }
  if (keep_spans_) spans_.reserve(spans_.size() + open_commands_);
}

void Execution::finish_segment() {
  ledger_.end_segment(end_);
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    const auto& queue = queues_[i];
    if (!queue.order.empty()) {
      ledger_.stalled(program_->commands[queue.order.back()].task, i, Stall::dram,
                      queue.end_at - queue.free_at);
    }
    ledger_.idle_from(i, queue.end_at);
  }
  for (std::size_t d = 0; d < dispatchers_.size(); ++d) {
    ledger_.idle_from(queues_.size() + d, dispatchers_[d].time);
  }
  task_ = segment_end_;
  if (!finished()) start_segment();
}

void Execution::dispatch(std::size_t index) {
  auto& dispatcher = dispatchers_[index];
  const auto& spec = spec_.dispatchers[index];
  while (dispatcher.next < dispatcher.order.size()) {
    const Command& command = program_->commands[dispatcher.order[dispatcher.next]];
    auto& queue = queues_[command.queue];
    const std::size_t position = queue.visible.size();
    const std::int64_t cost =
        spec.issue_cycles + spec.flag_issue_cycles * (command.wait_count + command.set_count);
    std::int64_t at = dispatcher.time + cost;
    const auto depth = static_cast<std::size_t>(spec.queue_depth);
    if (position >= depth) {
      if (queue.retired.size() <= position - depth)
        return;  // full: woken when a command of that queue retires
      at = std::max(at, queue.retired[position - depth] + 1);
    }
    ledger_.worked(command.task, queues_.size() + index, cost);
    ledger_.stalled(command.task, queues_.size() + index, Stall::queue_full, at - dispatcher.time - cost);
    dispatcher.time = at;
    ++dispatcher.next;
    queue.visible.push_back(at);
    if (queue.waiting_issue) {
      queue.waiting_issue = false;
      waker_.wake_engine(command.queue);
    }
  }
}

bool Execution::ready(std::size_t engine, std::int64_t& at) {
  auto& queue = queues_[engine];
  const std::size_t position = queue.next();
  if (finished() || position >= queue.order.size()) return false;
  if (position >= queue.visible.size()) {
    queue.waiting_issue = true;
    return false;
  }
  const auto& spec = spec_.engines[engine];
  const Command& command = program_->commands[queue.order[position]];
  at = std::max(queue.visible[position], queue.handed_at);
  if (spec.memory_port < 0) {
    if (!queue.started.empty()) return false;
    at = std::max(at, queue.free_at);
  } else if (position >= static_cast<std::size_t>(spec.transfers_in_flight)) {
    const std::size_t before = position - static_cast<std::size_t>(spec.transfers_in_flight);
    if (queue.retired.size() <= before) return false;  // woken by that transfer's completion
    at = std::max(at, queue.retired[before] + 1);
  }
  const auto waits = program_->waits_of(command);
  for (std::size_t i = 0; i < waits.size(); ++i) {
    auto& state = flags_[waits[i]];
    // A command that waits for a flag twice consumes two sets.
    const auto before = static_cast<std::size_t>(
        std::count(waits.begin(), waits.begin() + static_cast<std::ptrdiff_t>(i), waits[i]));
    if (state.times.size() <= before) {
      state.waiter = static_cast<std::int32_t>(engine);
      return false;
    }
    at = std::max(at, state.times[before] + spec_.flag_latency);
  }
  return true;
}

const Command& Execution::start(std::size_t engine, std::int64_t at) {
  auto& queue = queues_[engine];
  const std::size_t position = queue.next();
  const Command& command = program_->commands[queue.order[position]];
  Wait wait;
  wait.issued = queue.visible[position];
  std::int64_t latest = -1;
  for (const auto flag : program_->waits_of(command)) {
    auto& state = flags_[flag];
    if (state.times.front() > latest) {
      latest = state.times.front();
      wait.reason = state.memory ? Stall::dram : Stall::dependency;
    }
    state.times.erase(state.times.begin());
  }
  queue.started.push_back(wait);
  queue.handed_at = at;
  return command;
}

void Execution::account_wait(std::size_t engine, const Wait& wait, const Occupancy& occupancy) {
  const auto& queue = queues_[engine];
  const std::uint32_t command = oldest(engine);
  const std::uint32_t task = program_->commands[command].task;
  const std::int64_t issued =
      std::clamp(wait.issued, queue.free_at, std::max(queue.free_at, occupancy.start));
  ledger_.stalled(task, engine, Stall::queue_full, issued - queue.free_at);
  ledger_.stalled(task, engine, wait.reason, occupancy.start - issued);
  ledger_.stalled(task, engine, occupancy.slow_reason, occupancy.release - occupancy.start - occupancy.busy);
  if (!keep_spans_) return;
  trace::Span span;
  span.engine = static_cast<std::uint16_t>(engine);
  span.task = task;
  span.command = command;
  span.stall_from = queue.free_at;
  span.start = occupancy.start;
  span.end = occupancy.release;
  span.stall = occupancy.start - issued >= issued - queue.free_at ? wait.reason : Stall::queue_full;
  spans_.push_back(span);
}

void Execution::complete(std::size_t engine, const Occupancy& occupancy) {
  auto& queue = queues_[engine];
  const Command& command = program_->commands[oldest(engine)];
  account_wait(engine, queue.started.front(), occupancy);
  ledger_.worked(command.task, engine, occupancy.busy);
  ledger_.completed(command.task, engine, occupancy.end);
  queue.started.pop_front();
  queue.free_at = occupancy.release;
  queue.end_at = occupancy.end;
  queue.retired.push_back(occupancy.end);
  end_ = std::max(end_, occupancy.end);
  for (const auto flag : program_->sets_of(command)) {
    auto& state = flags_[flag];
    if (static_cast<std::int64_t>(state.times.size()) >= target_.flag_capacity) {
      throw InternalError(fmt::format("flag {} is set again by {} before its last set was waited for",
                                      target_.flags[flag], describe(command)));
    }
    state.times.push_back(occupancy.end);
    state.memory = target_.queues[engine].memory;
    if (state.waiter >= 0) {
      const auto waiter = static_cast<std::size_t>(state.waiter);
      state.waiter = -1;
      waker_.wake_engine(waiter);
    }
  }
  const std::int32_t dispatcher = spec_.engines[engine].dispatcher;
  if (dispatcher >= 0) {
    const auto& state = dispatchers_[static_cast<std::size_t>(dispatcher)];
    if (state.next < state.order.size()) waker_.wake_dispatcher(static_cast<std::size_t>(dispatcher));
  }
  if (--open_commands_ == 0) finish_segment();
}

void Execution::add_bytes(std::size_t engine, bool write, std::int64_t dram, std::int64_t sram) {
  ledger_.moved(program_->commands[oldest(engine)].task, write, dram, sram);
}

std::span<const program::Region> Execution::next_regions(std::size_t engine) const {
  const auto& queue = queues_[engine];
  return program_->regions_of(program_->commands[queue.order[queue.next()]]);
}

std::string Execution::describe(const Command& command) const {
  const auto index = static_cast<std::size_t>(&command - program_->commands.data());
  return fmt::format("{} command {} '{}' of layer '{}'", target_.queues[command.queue].name, index,
                     target_.opcodes[command.opcode].name, program_->tasks[command.task].name);
}

std::string Execution::explain_deadlock() const {
  std::string waits;
  std::uint32_t first_task = std::numeric_limits<std::uint32_t>::max();
  for (const auto& queue : queues_) {
    if (queue.next() >= queue.order.size()) continue;
    const Command& command = program_->commands[queue.order[queue.next()]];
    first_task = std::min(first_task, command.task);
    waits += fmt::format("\n  {} waits", describe(command));
    if (queue.next() >= queue.visible.size()) waits += " to be issued";
    for (const auto flag : program_->waits_of(command)) {
      if (flags_[flag].times.empty()) waits += fmt::format(" for flag {}", target_.flags[flag]);
    }
  }
  const auto& task =
      program_->tasks[std::max<std::size_t>(task_, std::min<std::size_t>(first_task, segment_end_ - 1))];
  return fmt::format("deadlock in layer '{}' of network '{}':{}", task.name, program_->network, waits);
}

RunResult Execution::result() const {
  RunResult result;
  result.total_cycles = end_;
  result.spans = spans_;
  ledger_.report(result);
  return result;
}

}  // namespace npusim::kernel
