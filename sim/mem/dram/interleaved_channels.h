// Several DRAM channels behind one address space: consecutive blocks go to consecutive channels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/mem/dram/fr_fcfs_controller.h"

namespace npusim::mem {

/// Channels of one kind, each with a controller of its own, in one clock. Behaves like a controller: a
/// request goes to the channel of its address, and is refused while that channel's queue is full.
class InterleavedChannels final : public DramController {
 public:
  /// Throws UserError, starting with `where`, unless `channels` is from 1 to 1024 and `interleave_bytes` a
  /// power of two and a multiple of the burst that divides a channel's capacity; and when the policy cannot
  /// work with the rules.
  InterleavedChannels(const DramRules& rules, const FrFcfsPolicy& policy, const AddressMapping& mapping,
                      std::int64_t channels, std::int64_t interleave_bytes, const std::string& where);

  bool push(const BurstRequest& request) override;
  void advance_to(std::int64_t clock) override;
  [[nodiscard]] std::int64_t next_event() override;
  [[nodiscard]] std::int64_t now() const override { return channels_.front().now(); }
  std::vector<ReadDone>& done() override { return done_; }
  /// Sums over channels.
  [[nodiscard]] const DramCounters& counters() const override;
  /// Of all channels together; an IssuedCommand does not say whose it is: see trace_channel().
  void trace(std::vector<IssuedCommand>* sink) override;
  void trace_channel(std::size_t channel, std::vector<IssuedCommand>* sink) {
    channels_.at(channel).trace(sink);
  }

  [[nodiscard]] std::size_t size() const { return channels_.size(); }
  /// Bytes of all channels.
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  /// Throws UserError for an address that is no multiple of the burst, or beyond the capacity.
  void check_address(std::uint64_t address) const;

 private:
  void collect(FrFcfsController& channel);

  std::vector<FrFcfsController> channels_;
  std::uint64_t burst_bytes_;
  std::uint64_t interleave_bytes_;
  std::uint64_t capacity_;
  std::string standard_;
  std::vector<ReadDone> done_;
  mutable DramCounters counters_;
};

}  // namespace npusim::mem
