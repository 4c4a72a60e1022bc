#include "sim/kernel/domain_module.h"

#include <utility>

#include "sim/base/error.h"

namespace npusim::kernel {

DomainModule::DomainModule(const sc_core::sc_module_name& name, Shared& shared,
                           std::function<void(const mem::Completion&)> deliver)
    : sc_module(name),
      shared_(shared),
      domain_(mem::make_memory_domain(shared.spec.memory)),
      deliver_(std::move(deliver)) {
  SC_METHOD(activate);
  sensitive << wake_;
  dont_initialize();
}

void DomainModule::start(std::size_t port, std::span<const program::Region> runs, std::int64_t at) {
  domain_->start(port, runs, Cycles(at));
  ++under_way_;
  wake_.notify(ticks(1));
}

void DomainModule::reset() {
  domain_->reset();
  under_way_ = 0;
}

void DomainModule::finish(std::int64_t end) {
  ensure(!domain_->next_completion(Cycles(end)), "no transfer is under way when a program ends");
}

void DomainModule::activate() {
  ++shared_.events;
  guarded(shared_.failure, [this] { shared_.kind == KernelKind::run_ahead ? run_ahead() : run_in_time(); });
}

void DomainModule::run_ahead() {
  const auto done = domain_->next_completion();
  if (!done) return;
  --under_way_;
  wake_.notify(ticks(1));
  deliver_(*done);
}

void DomainModule::run_in_time() {
  const std::int64_t now = shared_.now();
  while (const auto done = domain_->next_completion(Cycles(now))) {
    ensure(done->end.count() == now, "a memory domain completes a transfer in the present");
    --under_way_;
    deliver_(*done);
  }
  if (under_way_ > 0) wake_.notify(ticks(1));
}

}  // namespace npusim::kernel
