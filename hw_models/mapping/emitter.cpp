#include "hw_models/mapping/emitter.h"

#include <algorithm>
#include <span>

#include "sim/base/error.h"

namespace npusim::mapping {

LocalId Emitter::add(program::QueueId queue, program::OpcodeId opcode,
                     std::initializer_list<std::int64_t> args) {
  ensure(args.size() <= program::kMaxArgs, "too many arguments for a command");
  Draft& draft = drafts_.emplace_back();
  draft.queue = queue;
  draft.opcode = opcode;
  for (const std::int64_t value : args) draft.args[draft.arg_count++] = value;
  return static_cast<LocalId>(drafts_.size()) - 1;
}

std::uint32_t Emitter::setting(const program::Setting& setting) {
  const auto number = std::find(settings_.begin(), settings_.end(), setting) - settings_.begin();
  if (number == std::ssize(settings_)) settings_.push_back(setting);
  return static_cast<std::uint32_t>(number);
}

void Emitter::flush(program::Program& program, program::Task task) {
  program::Builder builder(program);
  builder.begin_task(std::move(task));
  std::vector<std::uint32_t> numbers;
  for (const auto& setting : settings_) numbers.push_back(builder.setting(setting));
  for (const auto& draft : drafts_) {
    program::Command& command =
        builder.command(draft.queue, draft.opcode, std::span(draft.args.data(), draft.arg_count));
    command.macs = draft.macs;
    if (draft.setting != program::kNoSetting) command.setting = numbers[draft.setting];
    for (const auto& region : draft.regions) builder.region(region);
    for (const auto flag : draft.waits) builder.wait(flag);
    for (const auto flag : draft.sets) builder.set(flag);
  }
  builder.end_task();
  drafts_.clear();
  settings_.clear();
}

Slots::Slots(Emitter& emitter, std::vector<Flags> flags, program::SpaceId space, std::int64_t base,
             std::int64_t bytes)
    : emitter_(emitter),
      flags_(std::move(flags)),
      space_(space),
      base_(base),
      bytes_(bytes),
      slots_(flags_.size()) {}

int Slots::find(std::int64_t key) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].key == key) {
      slots_[i].used = ++clock_;
      return static_cast<int>(i);
    }
  }
  return -1;
}

int Slots::take(std::int64_t key) {
  const auto oldest = std::min_element(slots_.begin(), slots_.end(),
                                       [](const Slot& a, const Slot& b) { return a.used < b.used; });
  oldest->key = key;
  oldest->used = ++clock_;
  return static_cast<int>(oldest - slots_.begin());
}

void Slots::fill_first(int slot, LocalId producer) {
  const auto index = static_cast<std::size_t>(slot);
  Slot& state = slots_[index];
  if (state.last_consumer != kNone) {
    emitter_.set(state.last_consumer, flags_[index].free);
    emitter_.wait(producer, flags_[index].free);
  }
  state.last_consumer = kNone;
}

void Slots::fill_last(int slot, LocalId producer) {
  const auto index = static_cast<std::size_t>(slot);
  emitter_.set(producer, flags_[index].ready);
  slots_[index].ready_pending = true;
}

void Slots::consume(int slot, LocalId consumer) {
  const auto index = static_cast<std::size_t>(slot);
  if (slots_[index].ready_pending) {
    emitter_.wait(consumer, flags_[index].ready);
    slots_[index].ready_pending = false;
  }
  slots_[index].last_consumer = consumer;
}

program::Region Slots::region(int slot, std::int64_t offset, std::int64_t bytes, bool write) const {
  program::Region region;
  region.space = space_;
  region.write = write;
  region.offset = base_ + slot * bytes_ + offset;
  region.bytes = bytes;
  return region;
}

}  // namespace npusim::mapping
