#include "sim/kernel/memory_processes.h"

#include <fmt/format.h>

#include <algorithm>
#include <systemc>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/mem/arbitrated_sram.h"
#include "sim/mem/dma_port.h"
#include "sim/mem/dram_channel.h"
#include "sim/mem/fr_fcfs_channel.h"
#include "sim/mem/host_link.h"
#include "sim/mem/late_domain.h"
#include "sim/mem/shared_sram.h"

namespace npusim::kernel {

namespace {

sc_core::sc_time ticks(std::int64_t cycles) {
  return sc_core::sc_time::from_value(static_cast<sc_core::sc_time::value_type>(cycles));
}

/// What all processes of the memory share.
struct Context {
  std::function<std::int64_t()> now;
  std::function<std::int64_t()> end;
  bool corunners = false;
  std::exception_ptr& failure;
  std::int64_t& events;
  std::function<void(const mem::Completion&)> deliver;
};

/// A process body: counts activations, keeps the first exception.
class MemoryProcess : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(MemoryProcess);
  MemoryProcess(const sc_core::sc_module_name& name, Context& context) : sc_module(name), context_(context) {
    SC_METHOD(activate);
    sensitive << wake_;
    dont_initialize();
  }

 protected:
  virtual void step(std::int64_t now) = 0;
  void wake_at(std::int64_t cycle) { wake_.notify(ticks(cycle - context_.now())); }
  Context& context_;

 private:
  void activate() {
    ++context_.events;
    if (context_.failure) return;
    try {
      step(context_.now());
    } catch (...) {
      context_.failure = std::current_exception();
    }
  }
  sc_core::sc_event wake_;
};

class PortProcess;

/// A DRAM channel or the SRAM: takes what has arrived, in order of (arrival, port).
class TargetProcess : public MemoryProcess {
 public:
  using MemoryProcess::MemoryProcess;
  void push(const mem::Request& request, std::int64_t arrival) {
    inbox_.push_back({arrival, request});
    wake_at(arrival);
  }
  void clear() { inbox_.clear(); }
  /// Brings the memory to the end of cycle `end`.
  virtual void finish(std::int64_t end) = 0;

 protected:
  /// Calls `take(request, arrival)` for all that has arrived by `now`.
  template <class Take>
  void take_arrived(std::int64_t now, Take take) {
    std::stable_sort(inbox_.begin(), inbox_.end(), [](const Arrival& a, const Arrival& b) {
      return std::pair(a.at, a.request.port) < std::pair(b.at, b.request.port);
    });
    std::size_t taken = 0;
    for (; taken < inbox_.size() && inbox_[taken].at <= now; ++taken) {
      take(inbox_[taken].request, Cycles(inbox_[taken].at));
    }
    inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(taken));
    if (!inbox_.empty()) wake_at(inbox_.front().at);
  }

 private:
  struct Arrival {
    std::int64_t at;
    mem::Request request;
  };
  std::vector<Arrival> inbox_;
};

using PortProcesses = std::vector<std::unique_ptr<PortProcess>>;

/// A memory whose answer is known on arrival.
class PromptProcess final : public TargetProcess {
 public:
  using Serve = std::function<Cycles(const mem::Request&, Cycles)>;
  PromptProcess(const sc_core::sc_module_name& name, Context& context, Serve serve,
                const PortProcesses& ports)
      : TargetProcess(name, context), serve_(std::move(serve)), ports_(ports) {}

  void finish(std::int64_t end) override { step(end + 1); }

 private:
  void step(std::int64_t now) override;
  Serve serve_;
  const PortProcesses& ports_;
};

/// A memory that answers late. What arrives in a cycle was issued in the one before, so that in whichever
/// order processes run, all of it is there when the cycle's decisions are taken.
class LateProcess final : public TargetProcess {
 public:
  LateProcess(const sc_core::sc_module_name& name, Context& context, mem::LateTarget& target,
              const PortProcesses& ports)
      : TargetProcess(name, context), target_(target), ports_(ports) {}
  void finish(std::int64_t end) override {
    take_arrived(end + 1, [this](const mem::Request& request, Cycles at) { target_.push(request, at); });
    if (target_.now().count() <= end) target_.advance_to(Cycles(end + 1));
    target_.done().clear();
  }

 private:
  void step(std::int64_t now) override;
  mem::LateTarget& target_;
  const PortProcesses& ports_;
};

/// A DMA port: issues one request an activation, and delivers its completion.
class PortProcess : public MemoryProcess {
 public:
  PortProcess(const sc_core::sc_module_name& name, Context& context, const mem::PortSpec& spec,
              std::uint16_t id, const mem::AddressMap& map,
              const std::vector<std::unique_ptr<TargetProcess>>& targets)
      : MemoryProcess(name, context), port_(spec, id, map), targets_(targets) {}
  void start(std::span<const program::Region> runs, std::int64_t at) {
    port_.start(runs, Cycles(at));
    schedule();
  }
  void respond(std::uint16_t slot, Cycles finish) {
    port_.respond(slot, finish);
    schedule();
  }
  void reset() {
    port_.reset();
    if (port_.issuing()) schedule();  // a co-runner's
  }
  mem::DmaPort& port() { return port_; }

 private:
  /// Wakes the process for whatever comes first: the next request, or the oldest transfer's end.
  void schedule() {
    const bool known = port_.issuing() && port_.next_issue() < kNever;
    if (known) wake_at(std::max(port_.next_issue().count(), context_.now() + 1));
    if (port_.done()) wake_at(std::max(port_.end().count(), context_.now() + 1));
  }
  void step(std::int64_t now) override {
    if (now > context_.end()) return;  // a co-runner's
    if (port_.issuing() && port_.next_issue().count() <= now) {
      const mem::Request request = port_.issue(Cycles(now));
      targets_[request.target]->push(request, now + 1);
    }
    while (port_.done() && port_.end().count() <= now) context_.deliver(port_.take_completion());
    schedule();
  }
  mem::DmaPort port_;
  const std::vector<std::unique_ptr<TargetProcess>>& targets_;
};

void PromptProcess::step(std::int64_t now) {
  take_arrived(now, [this](const mem::Request& request, Cycles at) {
    ports_[request.port]->respond(request.slot, serve_(request, at));
  });
}

void LateProcess::step(std::int64_t now) {
  if (context_.corunners && now > context_.end()) return;
  take_arrived(now, [this](const mem::Request& request, Cycles at) { target_.push(request, at); });
  target_.advance_to(Cycles(now + 1));
  for (const mem::Response& response : target_.done()) {
    ports_[response.port]->respond(response.slot, response.finish);
  }
  target_.done().clear();
  if (target_.next_event() < kNever) wake_at(target_.next_event().count());
}

}  // namespace

struct MemoryProcesses::Impl {
  Impl(const mem::MemorySpec& spec, Context shared) : context(std::move(shared)), map(spec), sram(spec.sram) {
    mem::check(spec);
    context.corunners = mem::has_corunners(spec);
    if (spec.external) {
      external = spec.external(spec);
      add_late("external", *external);
    }
    for (std::int64_t i = 0; i < spec.dram.channels && !spec.external; ++i) {
      add_channel(spec, static_cast<std::size_t>(i));
    }
    if (mem::sram_answers_late(spec)) {
      late_sram = std::make_unique<mem::ArbitratedSram>(spec.sram, spec.ports);
      add_late("sram", *late_sram);
    } else {
      add_prompt("sram", [this](const mem::Request& r, Cycles at) { return sram.serve(r, at); });
    }
    for (const mem::HostLinkSpec& link : spec.links) {
      links.push_back(std::make_unique<mem::HostLink>(link, spec.ports.size()));
      add_late(fmt::format("link{}", links.size()), *links.back());
    }
    for (std::size_t i = 0; i < spec.ports.size(); ++i) {
      ports.push_back(std::make_unique<PortProcess>(fmt::format("port{}", i).c_str(), context, spec.ports[i],
                                                    static_cast<std::uint16_t>(i), map, targets));
      ports.back()->port().log(spec.log.get());
    }
  }
  void add_channel(const mem::MemorySpec& spec, std::size_t i) {
    const std::string name = fmt::format("channel{}", i);
    if (spec.dram.policy == mem::DramPolicy::fr_fcfs) {
      fr_fcfs.push_back(std::make_unique<mem::FrFcfsChannel>(spec.dram, spec.clock_hz, spec.ports));
      return add_late(name, *fr_fcfs.back());
    }
    channels.emplace_back(spec.dram, spec.clock_hz);
    add_prompt(name, [this, i](const mem::Request& r, Cycles at) { return channels[i].serve(r, at); });
  }
  void add_prompt(const std::string& name, PromptProcess::Serve serve) {
    targets.push_back(std::make_unique<PromptProcess>(name.c_str(), context, std::move(serve), ports));
  }
  void add_late(const std::string& name, mem::LateTarget& target) {
    late.push_back(&target);
    targets.push_back(std::make_unique<LateProcess>(name.c_str(), context, target, ports));
  }

  Context context;
  mem::AddressMap map;
  mem::SharedSram sram;
  std::vector<mem::DramChannel> channels;
  std::vector<std::unique_ptr<mem::FrFcfsChannel>> fr_fcfs;
  std::unique_ptr<mem::LateTarget> external;
  std::unique_ptr<mem::ArbitratedSram> late_sram;
  std::vector<std::unique_ptr<mem::HostLink>> links;
  std::vector<mem::LateTarget*> late;
  PortProcesses ports;
  std::vector<std::unique_ptr<TargetProcess>> targets;
  std::int64_t transfers = 0;
};

MemoryProcesses::MemoryProcesses(const mem::MemorySpec& spec, std::function<std::int64_t()> now,
                                 std::function<std::int64_t()> end, std::exception_ptr& failure,
                                 std::int64_t& events, std::function<void(const mem::Completion&)> deliver)
    : impl_(std::make_unique<Impl>(
          spec, Context{std::move(now), std::move(end), false, failure, events, std::move(deliver)})) {}

MemoryProcesses::~MemoryProcesses() = default;

void MemoryProcesses::start(std::size_t port, std::span<const program::Region> runs, std::int64_t at) {
  ++impl_->transfers;
  impl_->ports[port]->start(runs, at);
}

void MemoryProcesses::reset() {
  for (auto& channel : impl_->channels) channel.reset();
  for (auto* target : impl_->late) target->reset();
  for (auto& target : impl_->targets) target->clear();
  impl_->sram.reset();
  impl_->transfers = 0;
  for (auto& port : impl_->ports) port->reset();
}

void MemoryProcesses::finish() {
  if (!impl_->context.corunners) return;
  for (auto& target : impl_->targets) target->finish(impl_->context.end());
}

mem::MemoryCounters MemoryProcesses::counters() const {
  mem::MemoryCounters counters;
  for (const auto& port : impl_->ports) port->port().add_counters(counters);
  for (const auto& link : impl_->links) counters.links.push_back(link->counters());
  const Cycles until(impl_->context.corunners ? impl_->context.end() : impl_->context.now());
  for (const auto& channel : impl_->channels) channel.add_counters(counters, until);
  for (const auto& channel : impl_->fr_fcfs) channel->add_counters(counters, until);
  counters.events = counters.requests + impl_->transfers;
  for (const auto& corunner : counters.corunners) counters.events += corunner.requests;
  return counters;
}

}  // namespace npusim::kernel
