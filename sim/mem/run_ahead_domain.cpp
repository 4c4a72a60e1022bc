// The memory domain as one object with its own event loop.
#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"
#include "sim/mem/address_map.h"
#include "sim/mem/dma_port.h"
#include "sim/mem/dram_channel.h"
#include "sim/mem/late_domain.h"
#include "sim/mem/memory.h"
#include "sim/mem/shared_sram.h"

namespace npusim::mem {

namespace {

/// Requests all take one cycle to their target, so the order in which ports issue, (cycle, port id), is the
/// order in which targets serve: a request can be served in the moment it is issued, and its response is
/// known at once.
class RunAheadDomain final : public MemoryDomain {
 public:
  explicit RunAheadDomain(const MemorySpec& spec) : map_(spec), sram_(spec.sram) {
    for (std::int64_t i = 0; i < spec.dram.channels; ++i) channels_.emplace_back(spec.dram, spec.clock_hz);
    for (const PortSpec& port : spec.ports) {
      ports_.emplace_back(port, static_cast<std::uint16_t>(ports_.size()), map_);
      ports_.back().log(spec.log.get());
    }
    issue_at_.assign(ports_.size(), kNever.count());
    done_at_.assign(ports_.size(), kNever.count());
  }

  void start(std::size_t port, std::span<const program::Region> runs, Cycles at) override {
    ensure(port < ports_.size(), "a transfer starts on a port of the domain");
    if (at.count() < now_) {
      throw InternalError(fmt::format("a transfer starts at cycle {}, before {}, up to which memory has run",
                                      at.count(), now_));
    }
    ports_[port].start(runs, at);
    ++transfers_;
    refresh_times(port);
  }

  std::optional<Completion> next_completion(Cycles horizon) override;

  void reset() override {
    for (DmaPort& port : ports_) port.reset();
    for (DramChannel& channel : channels_) channel.reset();
    sram_.reset();
    std::fill(issue_at_.begin(), issue_at_.end(), kNever.count());
    std::fill(done_at_.begin(), done_at_.end(), kNever.count());
    now_ = transfers_ = 0;
  }

  [[nodiscard]] const MemoryCounters& counters() const override {
    counters_ = MemoryCounters();
    for (const DmaPort& port : ports_) port.add_counters(counters_);
    for (const DramChannel& channel : channels_) channel.add_counters(counters_, Cycles(now_));
    counters_.events = counters_.requests + transfers_;
    return counters_;
  }

 private:
  /// The port that issues next and how long nobody else comes in between.
  struct Turn {
    std::size_t port = 0;
    std::int64_t at = kNever.count();
    std::int64_t before = kNever.count();  ///< the port may issue at cycles earlier than this
  };

  [[nodiscard]] Turn next_turn() const;
  void issue_while(std::size_t port, std::int64_t before);

  void refresh_times(std::size_t port) {
    const DmaPort& it = ports_[port];
    issue_at_[port] = it.issuing() ? it.next_issue().count() : kNever.count();
    done_at_[port] = it.done() ? it.end().count() : kNever.count();
  }

  AddressMap map_;
  SharedSram sram_;
  std::vector<DramChannel> channels_;
  std::vector<DmaPort> ports_;
  std::vector<std::int64_t> issue_at_;  ///< by port; kNever when it has nothing to issue
  std::vector<std::int64_t> done_at_;   ///< by port; kNever when it is not done
  std::int64_t now_ = 0;                ///< no transfer may start earlier
  std::int64_t transfers_ = 0;
  mutable MemoryCounters counters_;
};

RunAheadDomain::Turn RunAheadDomain::next_turn() const {
  Turn turn;
  for (std::size_t port = 0; port < issue_at_.size(); ++port) {
    const std::int64_t at = issue_at_[port];
    if (at < turn.at) {
      // The one that led so far has the lower id: at an equal cycle it goes first.
      turn = {port, at, turn.at};
    } else {
      turn.before = std::min(turn.before, at + 1);
    }
  }
  return turn;
}

void RunAheadDomain::issue_while(std::size_t index, std::int64_t before) {
  DmaPort& port = ports_[index];
  for (std::int64_t at = issue_at_[index]; at < before && port.issuing(); at = port.next_issue().count()) {
    const Request request = port.issue(Cycles(at));
    const Cycles arrival(at + 1);
    const Cycles finish = request.target == map_.sram_target()
                              ? sram_.serve(request, arrival)
                              : channels_[request.target].serve(request, arrival);
    port.respond(request.slot, finish);
    // What comes after a completion may depend on it: the port's next transfer must not run past it unseen.
    if (port.done()) before = std::min(before, port.end().count());
  }
  refresh_times(index);
}

std::optional<Completion> RunAheadDomain::next_completion(Cycles horizon) {
  while (true) {
    const auto first = std::min_element(done_at_.begin(), done_at_.end());
    const Turn turn = next_turn();
    const std::int64_t limit = std::min(*first, horizon.count() + 1);
    if (turn.at < limit) {
      issue_while(turn.port, std::min(turn.before, limit));
      continue;
    }
    if (*first > horizon.count() || *first == kNever.count()) {
      if (horizon < kNever) now_ = std::max(now_, horizon.count());
      return std::nullopt;
    }
    const auto port = static_cast<std::size_t>(first - done_at_.begin());
    now_ = std::max(now_, *first);
    Completion completion = ports_[port].take_completion();
    refresh_times(port);
    return completion;
  }
}

}  // namespace

std::unique_ptr<MemoryDomain> make_memory_domain(const MemorySpec& spec) {
  if (spec.make) return spec.make(spec);
  check(spec);
  if (answers_late(spec)) return make_late_domain(spec);
  return std::make_unique<RunAheadDomain>(spec);
}

}  // namespace npusim::mem
