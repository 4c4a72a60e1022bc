#include "sim/kernel/execution.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::kernel {

using program::Command;
using trace::Stall;

Execution::Execution(const program::Target& target, const MachineSpec& spec, Waker& waker)
    : target_(target), spec_(spec), waker_(waker) {
  ensure(spec.engines.size() == target.queues.size(), "one engine per queue");
  ensure(spec.flag_latency >= 1, "a flag takes at least one cycle");
}

void Execution::begin(const program::Program& program, bool spans) {
  program_ = &program;
  keep_spans_ = spans;
  task_ = 0;
  task_end_ = 0;
  queues_.assign(target_.queues.size(), {});
  flags_.assign(target_.flags.size(), {});
  dispatchers_.assign(spec_.dispatchers.size(), {});
  layers_.clear();
  spans_.clear();
  if (!finished()) start_task();
}

void Execution::start_task() {
  const auto& task = program_->tasks[task_];
  task_from_ = task_end_;
  task_ready_ = task_from_ + task.launch_cycles;
  open_commands_ = task.command_count;
  trace::LayerReport layer;
  layer.name = task.name;
  layer.op = task.op;
  layer.engine = task.engine;
  layer.mapping = task.mapping;
  layer.start_cycle = task_from_;
  layer.macs = task.macs;
  name_engines(layer.engines);
  layers_.push_back(std::move(layer));
  for (auto& queue : queues_) {
    queue.order.clear();
    queue.visible.clear();
    queue.retired.clear();
    queue.waiting_issue = false;
    queue.free_at = queue.end_at = queue.handed_at = task_ready_;
  }
  for (auto& dispatcher : dispatchers_) {
    dispatcher.order.clear();
    dispatcher.next = 0;
    dispatcher.time = task_ready_;
    dispatcher.issuing = 0;
  }
  for (std::uint32_t i = task.first_command; i < task.first_command + task.command_count; ++i) {
    const std::size_t q = program_->commands[i].queue;
    queues_[q].order.push_back(i);
    const std::int32_t d = spec_.engines[q].dispatcher;
    if (d < 0) {
      queues_[q].visible.push_back(task_ready_);
    } else {
      dispatchers_[static_cast<std::size_t>(d)].order.push_back(i);
    }
  }
  if (keep_spans_) spans_.reserve(spans_.size() + task.command_count);
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    account(i, Stall::launch, task.launch_cycles);
    if (!queues_[i].order.empty()) waker_.wake_engine(i);
  }
  for (std::size_t d = 0; d < dispatchers_.size(); ++d) {
    account(queues_.size() + d, Stall::launch, task.launch_cycles);
    if (!dispatchers_[d].order.empty()) waker_.wake_dispatcher(d);
  }
  if (open_commands_ == 0) {
    task_end_ = task_ready_;
    finish_task();
  }
}

void Execution::finish_task() {
  auto& layer = layers_.back();
  layer.end_cycle = task_end_;
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    const auto& queue = queues_[i];
    account(i, Stall::dram, queue.end_at - queue.free_at);
    account(i, Stall::idle, task_end_ - queue.end_at);
  }
  for (std::size_t d = 0; d < dispatchers_.size(); ++d) {
    const auto& dispatcher = dispatchers_[d];
    auto& report = layer.engines[queues_.size() + d];
    report.busy_cycles = dispatcher.issuing;
    report.commands = static_cast<std::int64_t>(dispatcher.order.size());
    account(queues_.size() + d, Stall::queue_full, dispatcher.time - task_ready_ - dispatcher.issuing);
    account(queues_.size() + d, Stall::idle, task_end_ - dispatcher.time);
  }
  ++task_;
  if (!finished()) start_task();
}

void Execution::name_engines(std::vector<trace::EngineReport>& engines) const {
  engines.clear();
  for (const auto& engine : spec_.engines) engines.emplace_back().name = engine.name;
  for (const auto& dispatcher : spec_.dispatchers) engines.emplace_back().name = dispatcher.name;
}

void Execution::account(std::size_t engine, Stall reason, std::int64_t cycles) {
  layers_.back().engines[engine].stalls[reason] += cycles;
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
    dispatcher.time = at;
    dispatcher.issuing += cost;
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
  for (const auto flag : program_->waits_of(command)) {
    auto& state = flags_[flag];
    if (state.times.empty()) {
      state.waiter = static_cast<std::int32_t>(engine);
      return false;
    }
    at = std::max(at, state.times.front() + spec_.flag_latency);
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
  const std::int64_t issued =
      std::clamp(wait.issued, queue.free_at, std::max(queue.free_at, occupancy.start));
  account(engine, Stall::queue_full, issued - queue.free_at);
  account(engine, wait.reason, occupancy.start - issued);
  account(engine, occupancy.slow_reason, occupancy.release - occupancy.start - occupancy.busy);
  if (!keep_spans_) return;
  trace::Span span;
  span.engine = static_cast<std::uint16_t>(engine);
  span.task = static_cast<std::uint32_t>(task_);
  span.command = queue.order[queue.retired.size()];
  span.stall_from = queue.free_at;
  span.start = occupancy.start;
  span.end = occupancy.release;
  span.stall = occupancy.start - issued >= issued - queue.free_at ? wait.reason : Stall::queue_full;
  spans_.push_back(span);
}

void Execution::complete(std::size_t engine, const Occupancy& occupancy) {
  auto& queue = queues_[engine];
  const Command& command = program_->commands[queue.order[queue.retired.size()]];
  account_wait(engine, queue.started.front(), occupancy);
  queue.started.pop_front();
  auto& report = layers_.back().engines[engine];
  report.busy_cycles += occupancy.busy;
  ++report.commands;
  queue.free_at = occupancy.release;
  queue.end_at = occupancy.end;
  queue.retired.push_back(occupancy.end);
  task_end_ = std::max(task_end_, occupancy.end);
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
  if (--open_commands_ == 0) finish_task();
}

void Execution::add_bytes(bool write, std::int64_t dram, std::int64_t sram) {
  auto& layer = layers_.back();
  (write ? layer.dram_write_bytes : layer.dram_read_bytes) += dram;
  (write ? layer.sram_write_bytes : layer.sram_read_bytes) += sram;
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
  std::string text =
      fmt::format("deadlock in layer '{}' of network '{}':", program_->tasks[task_].name, program_->network);
  for (const auto& queue : queues_) {
    if (queue.next() >= queue.order.size()) continue;
    const Command& command = program_->commands[queue.order[queue.next()]];
    text += fmt::format("\n  {} waits", describe(command));
    if (queue.next() >= queue.visible.size()) text += " to be issued";
    for (const auto flag : program_->waits_of(command)) {
      if (flags_[flag].times.empty()) text += fmt::format(" for flag {}", target_.flags[flag]);
    }
  }
  return text;
}

RunResult Execution::result() const {
  RunResult result;
  result.total_cycles = task_end_;
  result.layers = layers_;
  result.spans = spans_;
  name_engines(result.engines);
  for (auto& layer : result.layers) {
    for (std::size_t i = 0; i < result.engines.size(); ++i) {
      if (layer.engines[i].name == layer.engine) {
        layer.busy_cycles = layer.engines[i].busy_cycles;
        layer.stalls = layer.engines[i].stalls;
      }
      result.engines[i].busy_cycles += layer.engines[i].busy_cycles;
      result.engines[i].stalls += layer.engines[i].stalls;
      result.engines[i].commands += layer.engines[i].commands;
    }
  }
  return result;
}

}  // namespace npusim::kernel
