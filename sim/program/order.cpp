#include "sim/program/order.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"
#include "sim/program/describe.h"

namespace npusim::program {
namespace {

std::string ordinal(std::size_t n) {
  const bool teen = n % 100 >= 11 && n % 100 <= 13;
  const std::size_t last = teen ? 0 : n % 10;
  return fmt::format("{}{}", n, last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th");
}

}  // namespace

Order::Order(const Program& program)
    : program_(program),
      queue_count_(program.target->queues.size()),
      queues_(queue_count_),
      flags_(program.target->flags.size()),
      clocks_(queue_count_ * queue_count_),
      arrival_(queue_count_) {}

void Order::begin_segment(std::uint32_t first, std::uint32_t end) {
  for (QueueState& queue : queues_) {
    queue.commands.clear();
    queue.next = 0;
  }
  first_ = first;
  end_ = end;
  for (std::uint32_t index = first_; index < end_; ++index) {
    queues_[program_.commands[index].queue].commands.push_back(index);
  }
  for (const FlagId flag : touched_) {
    flags_[flag].sets.clear();
    flags_[flag].waits.clear();
    flags_[flag].slots.clear();
  }
  touched_.clear();
  std::fill(clocks_.begin(), clocks_.end(), 0U);
}

std::optional<FlagId> Order::missing(const Command& command) const {
  const auto waits = program_.waits_of(command);
  for (std::size_t i = 0; i < waits.size(); ++i) {
    // A command may wait for one flag several times.
    const auto needed = static_cast<std::size_t>(
        std::count(waits.begin(), waits.begin() + static_cast<std::ptrdiff_t>(i) + 1, waits[i]));
    if (flags_[waits[i]].pending() < needed) return waits[i];
  }
  return std::nullopt;
}

std::optional<std::size_t> Order::start_next() {
  // Program order where it works: most programs are sound in it, and messages then name the earliest fault.
  const auto is_head = [&](std::uint32_t index) {
    const QueueState& queue = queues_[program_.commands[index].queue];
    return queue.next < queue.commands.size() && queue.commands[queue.next] == index;
  };
  while (first_ < end_ && !is_head(first_)) ++first_;
  if (first_ == end_) return std::nullopt;
  if (!missing(program_.commands[first_])) return start(program_.commands[first_].queue);
  for (std::uint32_t q = 0; q < queue_count_; ++q) {
    const QueueState& queue = queues_[q];
    if (queue.next < queue.commands.size() && !missing(program_.commands[queue.commands[queue.next]])) {
      return start(q);
    }
  }
  deadlock();
}

std::size_t Order::start(std::uint32_t queue) {
  QueueState& state = queues_[queue];
  const std::size_t index = state.commands[state.next++];
  current_ = {queue, static_cast<std::uint32_t>(state.next)};
  clocks_[queue * queue_count_ + queue] = current_.place;
  const Command& command = program_.commands[index];
  if (command.wait_count > 0) {
    std::copy_n(clock().begin(), queue_count_, arrival_.begin());
    for (const FlagId flag : program_.waits_of(command)) consume(flag, index);
  }
  return index;
}

void Order::consume(FlagId flag, std::size_t command) {
  FlagState& state = flags_[flag];
  if (!state.waits.empty() && !before(state.waits.back(), arrival_)) {
    throw InternalError(fmt::format("{} and {} both wait for flag {} in no certain order",
                                    describe(program_, command_at(state.waits.back())),
                                    describe(program_, command), describe_flag(program_, flag)));
  }
  const std::uint32_t slot = state.slots[state.waits.size()];
  state.waits.push_back(current_);
  free_.push_back(slot);
  const std::uint32_t* from = &pool_[std::size_t{slot} * queue_count_];
  std::uint32_t* to = &clocks_[std::size_t{current_.queue} * queue_count_];
  for (std::size_t q = 0; q < queue_count_; ++q) to[q] = std::max(to[q], from[q]);
}

void Order::complete() {
  const std::size_t index = command_at(current_);
  for (const FlagId flag : program_.sets_of(program_.commands[index])) publish(flag, index);
}

void Order::publish(FlagId flag, std::size_t command) {
  FlagState& state = flags_[flag];
  if (state.sets.empty()) touched_.push_back(flag);
  if (!state.sets.empty() && !before(state.sets.back(), clock())) {
    throw InternalError(fmt::format("{} and {} both set flag {} in no certain order",
                                    describe(program_, command_at(state.sets.back())),
                                    describe(program_, command), describe_flag(program_, flag)));
  }
  state.sets.push_back(current_);
  const auto capacity = static_cast<std::size_t>(program_.target->flag_capacity);
  if (state.sets.size() > capacity) {
    const std::size_t due = state.sets.size() - capacity - 1;  // this wait must have happened
    if (due >= state.waits.size() || !before(state.waits[due], clock())) {
      throw InternalError(
          fmt::format("{} sets flag {} for the {} time without certainty that the {} set, by {}, has "
                      "been waited for; "
                      "a flag holds {}",
                      describe(program_, command), describe_flag(program_, flag), ordinal(state.sets.size()),
                      ordinal(due + 1), describe(program_, command_at(state.sets[due])), capacity));
    }
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(pool_.size() / queue_count_));
    pool_.resize(pool_.size() + queue_count_);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  std::copy_n(clock().begin(), queue_count_, &pool_[std::size_t{slot} * queue_count_]);
  state.slots.push_back(slot);
}

void Order::end_segment() const {
  for (const FlagId flag : touched_) {
    const FlagState& state = flags_[flag];
    if (state.pending() == 0) continue;
    throw InternalError(fmt::format("{} sets flag {}, but nothing waits for that set before the segment ends",
                                    describe(program_, command_at(state.sets[state.waits.size()])),
                                    describe_flag(program_, flag)));
  }
}

std::string Order::next_set(FlagId flag) const {
  for (const QueueState& queue : queues_) {
    for (std::size_t i = queue.next; i < queue.commands.size(); ++i) {
      const auto sets = program_.sets_of(program_.commands[queue.commands[i]]);
      if (std::find(sets.begin(), sets.end(), flag) != sets.end()) {
        return fmt::format("next set by {}", describe(program_, queue.commands[i]));
      }
    }
  }
  return "which nothing sets any more";
}

void Order::deadlock() const {
  std::string message = "deadlock:";
  const char* separator = " ";
  for (const QueueState& queue : queues_) {
    if (queue.next >= queue.commands.size()) continue;
    const std::size_t index = queue.commands[queue.next];
    const FlagId flag = missing(program_.commands[index]).value();
    message += fmt::format("{}{} waits for flag {}, {}", separator, describe(program_, index),
                           describe_flag(program_, flag), next_set(flag));
    separator = "; ";
  }
  throw InternalError(message);
}

}  // namespace npusim::program
