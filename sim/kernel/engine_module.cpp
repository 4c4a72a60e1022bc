#include "sim/kernel/engine_module.h"

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::kernel {

EngineModule::EngineModule(const sc_core::sc_module_name& name, std::size_t index, Shared& shared,
                           TransferStarter& memory)
    : sc_module(name), index_(index), shared_(shared), spec_(shared.spec.engines[index]), memory_(memory) {
  SC_METHOD(activate);
  sensitive << wake_;
  dont_initialize();
}

void EngineModule::use_twin(ClockModule& clock, std::size_t twin) {
  clock_ = &clock;
  twin_ = twin;
}

void EngineModule::activate() {
  ++shared_.events;
  guarded(shared_.failure, [this] { shared_.kind == KernelKind::run_ahead ? run_ahead() : run_in_time(); });
}

void EngineModule::run_ahead() {
  std::int64_t at = 0;
  while (state_ == State::idle && shared_.execution->ready(index_, at)) {
    begin(at);
    if (state_ == State::computing) finish();
  }
}

void EngineModule::run_in_time() {
  const std::int64_t now = shared_.now();
  if (state_ == State::computing) {
    if (clock_ != nullptr) return;  // twin_done() goes on
    if (now < end_) return next_trigger_at(end_);
    finish();
  }
  std::int64_t at = 0;
  if (state_ != State::idle || !shared_.execution->ready(index_, at)) return;
  if (at > now) return next_trigger_at(at);
  begin(at);
  if (state_ != State::computing) {
    next_trigger_at(now + 1);
  } else if (clock_ == nullptr) {
    next_trigger_at(end_);
  }
}

void EngineModule::begin(std::int64_t at) {
  if (spec_.memory_port >= 0) {
    memory_.start_transfer(index_, at);
    shared_.execution->start(index_, at);
    return;
  }
  const auto& command = shared_.execution->start(index_, at);
  if (spec_.timing) duration_ = spec_.timing(command);
  ensure(duration_.cycles >= 1, "a command takes at least one cycle");
  state_ = State::computing;
  start_ = at;
  end_ = at + duration_.cycles;
  if (clock_ != nullptr) {
    ensure(at == shared_.now(), "a twin starts in the present");
    clock_->start(twin_, command);
  }
}

void EngineModule::finish() {
  state_ = State::idle;
  if (clock_ == nullptr) execute();
  shared_.execution->complete(
      index_, {start_, end_, end_, duration_.cycles - duration_.bank_conflict, trace::Stall::bank_conflict});
}

void EngineModule::twin_done(std::int64_t now) {
  end_ = now;
  duration_.cycles = now - start_;
  duration_.bank_conflict = std::min(duration_.bank_conflict, duration_.cycles);
  finish();
  wake();
}

void EngineModule::transfer_done(const mem::Completion& done) {
  const bool write = shared_.spec.memory.ports[done.port].write;
  execute();
  shared_.execution->add_bytes(index_, write, done.dram_bytes, done.sram_bytes);
  const std::int64_t held = done.release.count() - done.start.count();
  shared_.execution->complete(index_, {done.start.count(), done.release.count(), done.end.count(),
                                       std::min(done.ideal.count(), held), trace::Stall::dram});
  wake();
}

void EngineModule::execute() {
  if (shared_.storage == nullptr || !spec_.execute) return;
  spec_.execute(*shared_.program, shared_.execution->oldest_started(index_), *shared_.storage);
}

}  // namespace npusim::kernel
