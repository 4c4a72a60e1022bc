#include "sim/kernel/clock_module.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/base/error.h"

namespace npusim::kernel {

ClockModule::ClockModule(const sc_core::sc_module_name& name, Shared& shared)
    : sc_module(name), shared_(shared) {
  SC_METHOD(activate);
  sensitive << wake_;
  dont_initialize();
}

ClockModule::~ClockModule() = default;

std::size_t ClockModule::add(std::unique_ptr<ClockedEngine> twin, TwinClient& client) {
  twin->clock(clock_);
  twins_.push_back({std::move(twin), &client, State::idle, nullptr, 0});
  return twins_.size() - 1;
}

void ClockModule::start(std::size_t index, const program::Command& command) {
  Twin& twin = twins_[index];
  ensure(twin.state == State::idle, "a twin takes one command at a time");
  twin.state = State::starting;
  twin.command = &command;
  twin.start = shared_.now();
  wake_.notify(ticks(1));
}

void ClockModule::activate() {
  ++shared_.events;
  guarded(shared_.failure, [this] { step(); });
}

void ClockModule::step() {
  constexpr int kFall = 1;
  if (delta_ == 0) {
    begin_commands(shared_.now());
    clock_.write(true);
  } else if (delta_ == kFall) {
    clock_.write(false);
  } else if (delta_ > kSettle) {
    delta_ = 0;
    collect(shared_.now());
    const bool active =
        std::any_of(twins_.begin(), twins_.end(), [](const Twin& twin) { return twin.state != State::idle; });
    if (active) wake_.notify(ticks(1));
    return;
  }
  ++delta_;
  wake_.notify(sc_core::SC_ZERO_TIME);
}

void ClockModule::begin_commands(std::int64_t now) {
  for (Twin& twin : twins_) {
    if (twin.state != State::starting || twin.start >= now) continue;
    twin.engine->begin(*shared_.program, *twin.command, *shared_.storage);
    twin.state = State::running;
    if (!twin.engine->busy()) {
      throw InternalError(fmt::format("{} is not busy after it was given a command", twin.engine->name()));
    }
  }
}

void ClockModule::collect(std::int64_t now) {
  for (Twin& twin : twins_) {
    if (twin.state != State::running || twin.engine->busy()) continue;
    twin.state = State::idle;
    twin.client->twin_done(now);
  }
}

}  // namespace npusim::kernel
