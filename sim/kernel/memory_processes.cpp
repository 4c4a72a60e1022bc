#include "sim/kernel/memory_processes.h"

#include <fmt/format.h>

#include <algorithm>
#include <systemc>
#include <utility>
#include <vector>

#include "sim/base/error.h"
#include "sim/mem/dma_port.h"
#include "sim/mem/dram_channel.h"
#include "sim/mem/shared_sram.h"

namespace npusim::kernel {

namespace {

sc_core::sc_time ticks(std::int64_t cycles) {
  return sc_core::sc_time::from_value(static_cast<sc_core::sc_time::value_type>(cycles));
}

/// What all processes of the memory share.
struct Context {
  std::function<std::int64_t()> now;
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

/// A DRAM channel or the SRAM: serves what has arrived, in order of (arrival, port).
class TargetProcess : public MemoryProcess {
 public:
  using Serve = std::function<Cycles(const mem::Request&, Cycles)>;
  TargetProcess(const sc_core::sc_module_name& name, Context& context, Serve serve,
                const std::vector<std::unique_ptr<PortProcess>>& ports)
      : MemoryProcess(name, context), serve_(std::move(serve)), ports_(ports) {}
  void push(const mem::Request& request, std::int64_t arrival) {
    inbox_.push_back({arrival, request});
    wake_at(arrival);
  }
  void clear() { inbox_.clear(); }

 private:
  struct Arrival {
    std::int64_t at;
    mem::Request request;
  };
  void step(std::int64_t now) override;
  Serve serve_;
  const std::vector<std::unique_ptr<PortProcess>>& ports_;
  std::vector<Arrival> inbox_;
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
    if (port_.done()) wake_at(port_.end().count());
  }
  mem::DmaPort& port() { return port_; }

 private:
  /// Wakes the process for whatever comes first: the next request, or the oldest transfer's end.
  void schedule() {
    if (port_.issuing()) wake_at(std::max(port_.next_issue().count(), context_.now() + 1));
    if (port_.done()) wake_at(std::max(port_.end().count(), context_.now() + 1));
  }
  void step(std::int64_t now) override {
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

void TargetProcess::step(std::int64_t now) {
  std::stable_sort(inbox_.begin(), inbox_.end(), [](const Arrival& a, const Arrival& b) {
    return std::pair(a.at, a.request.port) < std::pair(b.at, b.request.port);
  });
  std::size_t served = 0;
  for (; served < inbox_.size() && inbox_[served].at <= now; ++served) {
    const auto& [at, request] = inbox_[served];
    ports_[request.port]->respond(request.slot, serve_(request, Cycles(at)));
  }
  inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(served));
  if (!inbox_.empty()) wake_at(inbox_.front().at);
}

}  // namespace

struct MemoryProcesses::Impl {
  Impl(const mem::MemorySpec& spec, Context shared) : context(std::move(shared)), map(spec), sram(spec.sram) {
    mem::check(spec);
    for (std::int64_t i = 0; i < spec.dram.channels; ++i) channels.emplace_back(spec.dram, spec.clock_hz);
    for (std::size_t i = 0; i < channels.size(); ++i) {
      add_target(fmt::format("channel{}", i),
                 [this, i](const mem::Request& r, Cycles at) { return channels[i].serve(r, at); });
    }
    add_target("sram", [this](const mem::Request& r, Cycles at) { return sram.serve(r, at); });
    for (std::size_t i = 0; i < spec.ports.size(); ++i) {
      ports.push_back(std::make_unique<PortProcess>(fmt::format("port{}", i).c_str(), context, spec.ports[i],
                                                    static_cast<std::uint16_t>(i), map, targets));
    }
  }
  void add_target(const std::string& name, TargetProcess::Serve serve) {
    targets.push_back(std::make_unique<TargetProcess>(name.c_str(), context, std::move(serve), ports));
  }

  Context context;
  mem::AddressMap map;
  mem::SharedSram sram;
  std::vector<mem::DramChannel> channels;
  std::vector<std::unique_ptr<PortProcess>> ports;
  std::vector<std::unique_ptr<TargetProcess>> targets;
  std::int64_t transfers = 0;
};

MemoryProcesses::MemoryProcesses(const mem::MemorySpec& spec, std::function<std::int64_t()> now,
                                 std::exception_ptr& failure, std::int64_t& events,
                                 std::function<void(const mem::Completion&)> deliver)
    : impl_(std::make_unique<Impl>(spec, Context{std::move(now), failure, events, std::move(deliver)})) {}

MemoryProcesses::~MemoryProcesses() = default;

void MemoryProcesses::start(std::size_t port, std::span<const program::Region> runs, std::int64_t at) {
  ++impl_->transfers;
  impl_->ports[port]->start(runs, at);
}

void MemoryProcesses::reset() {
  for (auto& port : impl_->ports) port->port().reset();
  for (auto& channel : impl_->channels) channel.reset();
  for (auto& target : impl_->targets) target->clear();
  impl_->sram.reset();
  impl_->transfers = 0;
}

mem::MemoryCounters MemoryProcesses::counters() const {
  mem::MemoryCounters counters;
  for (const auto& port : impl_->ports) port->port().add_counters(counters);
  for (const auto& channel : impl_->channels) channel.add_counters(counters, Cycles(impl_->context.now()));
  counters.events = counters.requests + impl_->transfers;
  return counters;
}

}  // namespace npusim::kernel
