#include "hw_models/midap/weights.h"

#include <algorithm>

#include "hw_models/midap/timing.h"
#include "sim/base/error.h"

namespace npusim::midap {

std::int64_t Weights::groups_per_load(const Layer& layer) const {
  if (!spec_.load_many_filters || !layer.convolution() || layer.kind == Kind::depthwise) return 1;
  return std::clamp<std::int64_t>(spec_.wmem_bytes / layer.filter_bytes, 1, groups(layer));
}

std::int64_t Weights::groups(const Layer& layer) const {
  if (layer.kind == Kind::arithmetic) return net_.at(layer.inputs[1]).map.w;
  if (layer.extended()) return layer.filters / spec_.lanes;
  return layer.filters / spec_.cims;
}

void Weights::begin_layer(const User& user, const std::optional<User>& ahead, bool prepared,
                          const Handle& now) {
  user_ = user;
  ahead_ = ahead;
  group_ = -1;
  all_loaded_ = !has_weights(layer());
  if (has_weights(layer()) && !prepared) {
    in_use_ = -1;
    fetch(false, now);
    if (layer().bias) load_biases(user, now);
  }
  if (layer().bias) biases_in_use_ = (biases_in_use_ + 1) % 2;
  if (ahead && net_.at(ahead->layer).bias) load_biases(*ahead, now);
}

void Weights::begin_group(bool last_segment, const Handle& now) {
  const Layer& l = layer();
  const std::int64_t count = groups(l);
  group_ = (group_ + 1) % count;
  if (l.kind == Kind::arithmetic) {
    in_use_ = (in_use_ + 1) % 2;
    fetch(last_segment, now);
  } else if (l.extended()) {
    if (all_loaded_) return;
    in_use_ = (in_use_ + 1) % 2;
    fetch(true, now);
  } else {
    const std::int64_t batch = groups_per_load(l);
    bool turn = group_ % batch == 0;
    if (all_loaded_ && group_ == 0) turn = ceil_div(count, batch) % 2 == 0;
    if (turn) in_use_ = (in_use_ + 1) % 2;
    fetch(last_segment, now);
  }
}

void Weights::fetch(bool last_segment, const Handle& now) {
  const Layer& l = layer();
  const std::int64_t batch = groups_per_load(l);
  if (group_ >= 0 && group_ % batch != 0) return;
  std::int64_t next = group_ < 0 ? 0 : group_ + batch;
  bool ahead = false;
  const bool depthwise = l.kind == Kind::depthwise;
  if ((depthwise && last_segment) || next >= groups(l)) {
    if (l.convolution() && (l.load_filter_once || depthwise)) all_loaded_ = true;
    ahead = last_segment;
    next = 0;
  }
  if (ahead) {
    if (ahead_) load(*ahead_, 0, 0, now);
    return;
  }
  if (all_loaded_) return;
  const std::int64_t slot = l.convolution() && l.load_filter_once ? batch * (next / (2 * batch)) : 0;
  load(user_, next, slot, now);
}

std::vector<program::Region> Weights::buffer(const Layer& l, std::int64_t which, std::int64_t slot,
                                             bool write) const {
  const auto space = weight_space(spec_, which);
  const std::int64_t offset = slot * l.filter_bytes;
  std::vector<program::Region> regions = {region_of(space, write, offset, l.filter_bytes)};
  if (!l.extended()) {
    regions.push_back(region_of(space, write, spec_.extended_wmem_bytes + offset, l.filter_bytes,
                                spec_.cims - 1, spec_.wmem_bytes));
  }
  return regions;
}

void Weights::load(const User& user, std::int64_t group, std::int64_t slot, const Handle& now) {
  const Layer& l = net_.at(user.layer);
  const std::int64_t which = (in_use_ + 1) % 2;
  const std::int64_t end = std::min(group + groups_per_load(l), groups(l));
  Handle command;
  for (std::int64_t g = group; g < end; ++g) {
    command = draft_.add(user.task, Queue::wmem, kLoadWeights);
    if (g == group) draft_.tie(now, command, flag_id(Flag::ask_weights));  // the others follow in order
    if (l.kind == Kind::arithmetic) {
      const Layer& operand = net_.at(l.inputs[1]);
      const bool mirrored = l.schedule.input_flip != operand.schedule.flip;
      const std::int64_t plane = mirrored ? operand.map.w - 1 - g : g;
      for (const auto& region : dram_.read(l.inputs[1], {plane, plane + 1})) draft_.region(command, region);
      dram_.await(l.inputs[1], command, Flag::operands_stored);
    } else {
      draft_.region(command, dram_.weights(user.layer, g * spec_.cims, spec_.cims));
    }
    for (const auto& region : buffer(l, which, slot + g - group, true)) draft_.region(command, region);
  }
  ensure(!pending_[which], "weights are overwritten before they are used");
  pending_[which] = command;
}

void Weights::use(const Handle& command) {
  const Layer& l = layer();
  if (!has_weights(l)) return;
  const std::int64_t batch = groups_per_load(l);
  std::int64_t slot = 0;
  if (l.convolution() && l.kind != Kind::depthwise) {
    slot = (l.load_filter_once ? group_ / (2 * batch) * batch : 0) + group_ % batch;
  }
  draft_.tie(pending_[in_use_], command, flag_id(Flag::weights_there));
  pending_[in_use_] = {};
  for (const auto& region : buffer(l, in_use_, slot, false)) draft_.region(command, region);
}

void Weights::load_biases(const User& user, const Handle& now) {
  const std::int64_t which = (biases_in_use_ + 1) % 2;
  const Handle command = draft_.add(user.task, Queue::bmmem, kLoadBiases);
  draft_.tie(now, command, flag_id(Flag::ask_biases));
  draft_.region(command, dram_.biases(user.layer));
  draft_.region(command, region_of(bias_space(spec_, which), true, 0, net_.at(user.layer).filters));
  ensure(!pending_biases_[which], "biases are overwritten before they are used");
  pending_biases_[which] = command;
}

void Weights::use_biases(const Handle& command) {
  draft_.tie(pending_biases_[biases_in_use_], command, flag_id(Flag::biases_there));
  pending_biases_[biases_in_use_] = {};
  draft_.region(command, region_of(bias_space(spec_, biases_in_use_), false, 0, layer().filters));
}

}  // namespace npusim::midap
