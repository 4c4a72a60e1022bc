#include "sim/mem/dram/interleaved_channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "sim/base/error.h"

namespace npusim::mem {

InterleavedChannels::InterleavedChannels(const DramRules& rules, const FrFcfsPolicy& policy,
                                         const AddressMapping& mapping, std::int64_t channels,
                                         std::int64_t interleave_bytes, const std::string& where)
    : burst_bytes_(static_cast<std::uint64_t>(rules.burst_bytes)),
      interleave_bytes_(static_cast<std::uint64_t>(interleave_bytes)),
      capacity_(mapping.capacity() * static_cast<std::uint64_t>(channels)),
      standard_(rules.standard) {
  if (channels < 1 || channels > 1024) {
    throw UserError(fmt::format("{}: {} channels, expected from 1 to 1024", where, channels));
  }
  if (interleave_bytes < rules.burst_bytes || !std::has_single_bit(interleave_bytes_) ||
      interleave_bytes_ > mapping.capacity()) {
    throw UserError(fmt::format(
        "{}: blocks of {} bytes a channel, expected a power of two from a burst, {}, to a channel, {}", where,
        interleave_bytes, rules.burst_bytes, mapping.capacity()));
  }
  channels_.reserve(static_cast<std::size_t>(channels));
  for (std::int64_t i = 0; i < channels; ++i) channels_.emplace_back(rules, policy, mapping);
}

void InterleavedChannels::check_address(std::uint64_t address) const {
  if (address % burst_bytes_ != 0) {
    throw UserError(fmt::format("address {:#x} is not a multiple of the {} bytes of a burst of {}", address,
                                burst_bytes_, standard_));
  }
  if (address >= capacity_) {
    throw UserError(fmt::format("address {:#x} is beyond the {} MiB of {} channels of {}", address,
                                capacity_ >> 20U, channels_.size(), standard_));
  }
}

bool InterleavedChannels::push(const BurstRequest& request) {
  check_address(request.address);
  const std::uint64_t block = request.address / interleave_bytes_;
  BurstRequest local = request;
  local.address = block / channels_.size() * interleave_bytes_ + request.address % interleave_bytes_;
  FrFcfsController& channel = channels_[block % channels_.size()];
  const bool accepted = channel.push(local);
  collect(channel);
  return accepted;
}

void InterleavedChannels::collect(FrFcfsController& channel) {
  done_.insert(done_.end(), channel.done().begin(), channel.done().end());
  channel.done().clear();
}

void InterleavedChannels::advance_to(std::int64_t clock) {
  for (FrFcfsController& channel : channels_) {
    channel.advance_to(clock);
    collect(channel);
  }
}

std::int64_t InterleavedChannels::next_event() {
  std::int64_t next = channels_.front().next_event();
  for (FrFcfsController& channel : channels_) next = std::min(next, channel.next_event());
  return next;
}

void InterleavedChannels::trace(std::vector<IssuedCommand>* sink) {
  for (FrFcfsController& channel : channels_) channel.trace(sink);
}

const DramCounters& InterleavedChannels::counters() const {
  counters_ = DramCounters();
  for (const FrFcfsController& channel : channels_) {
    const DramCounters& one = channel.counters();
    counters_.activates += one.activates;
    counters_.reads += one.reads;
    counters_.writes += one.writes;
    counters_.precharges += one.precharges;
    counters_.precharges_all += one.precharges_all;
    counters_.refreshes += one.refreshes;
    counters_.bank_refreshes += one.bank_refreshes;
    counters_.auto_precharges += one.auto_precharges;
    counters_.forwarded_reads += one.forwarded_reads;
    counters_.merged += one.merged;
    counters_.events += one.events;
  }
  return counters_;
}

}  // namespace npusim::mem
