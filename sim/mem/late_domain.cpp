#include "sim/mem/late_domain.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"
#include "sim/mem/address_map.h"
#include "sim/mem/arbitrated_sram.h"
#include "sim/mem/dma_port.h"
#include "sim/mem/dram_channel.h"
#include "sim/mem/fr_fcfs_channel.h"
#include "sim/mem/host_link.h"
#include "sim/mem/shared_sram.h"

namespace npusim::mem {

namespace {

/// A cycle at which something happens: exactly, or, where it depends on a target's answer, not earlier.
struct Moment {
  std::int64_t at = kNever.count();
  std::int32_t awaits = -1;  ///< the target whose answer comes first; -1: none, `at` is exact
};

class LateDomain final : public MemoryDomain {
 public:
  explicit LateDomain(const MemorySpec& spec) : map_(spec), sram_(spec.sram) {
    if (spec.external) {
      external_ = spec.external(spec);
      targets_.push_back(external_.get());
    }
    for (std::int64_t i = 0; i < spec.dram.channels && !spec.external; ++i) {
      if (spec.dram.policy == DramPolicy::in_order) {
        in_order_.emplace_back(spec.dram, spec.clock_hz);
        targets_.push_back(nullptr);
      } else {
        channels_.push_back(std::make_unique<FrFcfsChannel>(spec.dram, spec.clock_hz, spec.ports));
        targets_.push_back(channels_.back().get());
      }
    }
    if (sram_answers_late(spec)) late_sram_ = std::make_unique<ArbitratedSram>(spec.sram, spec.ports);
    targets_.push_back(late_sram_.get());
    for (const HostLinkSpec& link : spec.links) {
      links_.push_back(std::make_unique<HostLink>(link, spec.ports.size()));
      targets_.push_back(links_.back().get());
    }
    for (const PortSpec& port : spec.ports) {
      ports_.emplace_back(port, static_cast<std::uint16_t>(ports_.size()), map_);
      ports_.back().log(spec.log.get());
    }
    issue_.resize(ports_.size());
    end_.resize(ports_.size());
    answer_at_.assign(targets_.size(), kNever.count());
    corunners_ = has_corunners(spec);
    for (std::size_t i = 0; i < ports_.size(); ++i) refresh_moments(i);
  }

  void start(std::size_t port, std::span<const program::Region> runs, Cycles at) override {
    ensure(port < ports_.size(), "a transfer starts on a port of the domain");
    if (at.count() < now_) {
      throw InternalError(fmt::format("a transfer starts at cycle {}, before {}, up to which memory has run",
                                      at.count(), now_));
    }
    ports_[port].start(runs, at);
    ++transfers_;
    refresh_moments(port);
  }

  std::optional<Completion> next_completion(Cycles horizon) override;
  void reset() override;
  [[nodiscard]] const MemoryCounters& counters() const override;

 private:
  [[nodiscard]] std::int64_t when(const Moment& moment) const {
    if (moment.awaits < 0) return moment.at;
    return std::max(moment.at, answer_at_[static_cast<std::size_t>(moment.awaits)]);
  }
  /// The port whose moment comes first, the lowest of equals.
  [[nodiscard]] std::size_t first(const std::vector<Moment>& moments) const {
    std::size_t best = 0;
    for (std::size_t port = 1; port < moments.size(); ++port) {
      if (when(moments[port]) < when(moments[best])) best = port;
    }
    return best;
  }
  void refresh_moments(std::size_t port);
  /// Takes all decisions up to and including cycle `at`, so that the counters are those of that cycle.
  void catch_up(std::int64_t at);
  void issue(std::size_t port, std::int64_t at);
  /// Takes a target's decisions up to and including cycle `at`.
  void decide(std::int32_t target, std::int64_t at);

  AddressMap map_;
  SharedSram sram_;
  std::vector<DramChannel> in_order_;
  std::vector<std::unique_ptr<FrFcfsChannel>> channels_;
  std::unique_ptr<LateTarget> external_;
  std::unique_ptr<ArbitratedSram> late_sram_;
  std::vector<std::unique_ptr<HostLink>> links_;
  std::vector<LateTarget*> targets_;     ///< by target of the address map; nullptr: answers at once
  std::vector<std::int64_t> answer_at_;  ///< by target: no answer is due earlier
  std::vector<DmaPort> ports_;
  std::vector<Moment> issue_, end_;  ///< by port: of its next request, and of its oldest transfer's end
  std::int64_t now_ = 0;             ///< no transfer may start earlier
  bool corunners_ = false;
  std::int64_t transfers_ = 0;
  std::int64_t completed_ = 0;
  std::int64_t decisions_ = 0;
  mutable MemoryCounters counters_;
};

void LateDomain::refresh_moments(std::size_t index) {
  DmaPort& port = ports_[index];
  issue_[index] = Moment();
  end_[index] = Moment();
  if (port.issuing()) {
    const Cycles at = port.next_issue();
    issue_[index] =
        at < kNever ? Moment{at.count(), -1} : Moment{port.not_before().count(), port.awaited_by_issue()};
  }
  if (port.done()) {
    end_[index].at = port.end().count();
  } else if (port.finishing()) {
    end_[index] = {port.end_so_far().count(), port.awaited_by_end()};
  }
}

void LateDomain::issue(std::size_t index, std::int64_t at) {
  DmaPort& port = ports_[index];
  const Request request = port.issue(Cycles(at));
  const Cycles arrival(at + 1);
  if (LateTarget* target = targets_[request.target]) {
    target->push(request, arrival);
    answer_at_[request.target] = target->earliest_answer().count();
  } else if (request.target == map_.sram_target()) {
    port.respond(request.slot, sram_.serve(request, arrival));
  } else {
    port.respond(request.slot, in_order_[request.target].serve(request, arrival));
  }
  refresh_moments(index);
}

void LateDomain::decide(std::int32_t index, std::int64_t at) {
  LateTarget& target = *targets_[static_cast<std::size_t>(index)];
  ++decisions_;
  target.advance_to(Cycles(at + 1));
  for (const Response& response : target.done()) {
    ports_[response.port].respond(response.slot, response.finish);
    refresh_moments(response.port);
  }
  target.done().clear();
  answer_at_[static_cast<std::size_t>(index)] = target.earliest_answer().count();
}

void LateDomain::catch_up(std::int64_t at) {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i] != nullptr && targets_[i]->now().count() <= at) decide(static_cast<std::int32_t>(i), at);
  }
}

std::optional<Completion> LateDomain::next_completion(Cycles horizon) {
  // Co-runners alone never complete anything.
  if (horizon == kNever && transfers_ == completed_) return std::nullopt;
  while (true) {
    const std::size_t issuer = first(issue_);
    const std::size_t finisher = first(end_);
    const std::int64_t issue_at = when(issue_[issuer]);
    const std::int64_t end_at = when(end_[finisher]);
    // Neither a port nor anything outside can have a request arrive at or before the earlier of the two.
    if (issue_at < end_at && issue_at <= horizon.count()) {
      if (issue_[issuer].awaits >= 0) {
        decide(issue_[issuer].awaits, issue_at);
      } else {
        issue(issuer, issue_at);
      }
    } else if (end_at <= horizon.count() && end_at < kNever.count()) {
      if (end_[finisher].awaits >= 0) {
        decide(end_[finisher].awaits, end_at);
        continue;
      }
      now_ = std::max(now_, end_at);
      ++completed_;
      Completion completion = ports_[finisher].take_completion();
      refresh_moments(finisher);
      return completion;
    } else {
      if (horizon < kNever) {
        now_ = std::max(now_, horizon.count());
        if (corunners_) catch_up(horizon.count());
      }
      return std::nullopt;
    }
  }
}

void LateDomain::reset() {
  for (DmaPort& port : ports_) port.reset();
  for (LateTarget* target : targets_) {
    if (target != nullptr) target->reset();
  }
  for (DramChannel& channel : in_order_) channel.reset();
  sram_.reset();
  std::fill(issue_.begin(), issue_.end(), Moment());
  std::fill(end_.begin(), end_.end(), Moment());
  std::fill(answer_at_.begin(), answer_at_.end(), kNever.count());
  now_ = transfers_ = completed_ = decisions_ = 0;
  for (std::size_t i = 0; i < ports_.size(); ++i) refresh_moments(i);
}

const MemoryCounters& LateDomain::counters() const {
  counters_ = MemoryCounters();
  for (const DmaPort& port : ports_) port.add_counters(counters_);
  for (const DramChannel& channel : in_order_) channel.add_counters(counters_, Cycles(now_));
  for (const auto& channel : channels_) channel->add_counters(counters_, Cycles(now_));
  for (const auto& link : links_) counters_.links.push_back(link->counters());
  counters_.events = counters_.requests + transfers_ + decisions_;
  for (const CoRunnerCounters& corunner : counters_.corunners) counters_.events += corunner.requests;
  return counters_;
}

}  // namespace

bool sram_answers_late(const MemorySpec& spec) {
  return spec.sram.bytes > 0 && spec.sram.arbitration != Arbitration::fifo;
}

bool has_corunners(const MemorySpec& spec) {
  return std::any_of(spec.ports.begin(), spec.ports.end(),
                     [](const PortSpec& port) { return port.traffic != nullptr; });
}

bool answers_late(const MemorySpec& spec) {
  return spec.dram.policy == DramPolicy::fr_fcfs || sram_answers_late(spec) || !spec.links.empty() ||
         spec.external || has_corunners(spec);
}

std::unique_ptr<MemoryDomain> make_late_domain(const MemorySpec& spec) {
  return std::make_unique<LateDomain>(spec);
}

}  // namespace npusim::mem
