// An engine as a SystemC process.
#pragma once

#include <cstdint>
#include <optional>
#include <systemc>

#include "sim/kernel/clock_module.h"
#include "sim/kernel/shared.h"

namespace npusim::kernel {

/// How engines hand transfers to the memory system.
class TransferStarter {
 public:
  virtual ~TransferStarter() = default;
  virtual void start_transfer(std::size_t engine, std::int64_t at) = 0;
};

/// One engine: takes its queue's commands in order, waits for flags, holds itself for what the timing
/// function, its clocked twin or the memory system says.
class EngineModule : public sc_core::sc_module, public TwinClient {
 public:
  SC_HAS_PROCESS(EngineModule);
  EngineModule(const sc_core::sc_module_name& name, std::size_t index, Shared& shared,
               TransferStarter& memory);
  /// Its commands run on this twin of `clock` from now on.
  void use_twin(ClockModule& clock, std::size_t twin);

  void wake() { wake_.notify(sc_core::SC_ZERO_TIME); }
  void reset() { state_ = State::idle; }
  /// The memory system has finished this engine's oldest transfer.
  void transfer_done(const mem::Completion& done);
  void twin_done(std::int64_t now) override;

 private:
  enum class State { idle, computing };

  void activate();
  /// Runs as many commands as flags allow, ahead of global time; only flags and memory hold it up.
  void run_ahead();
  /// One transition per activation, in global time.
  void run_in_time();
  void next_trigger_at(std::int64_t cycle) { wake_.notify(ticks(cycle - shared_.now())); }
  void begin(std::int64_t at);
  void finish();
  /// Does to the bytes what the oldest started command does.
  void execute();

  std::size_t index_;
  Shared& shared_;
  const EngineSpec& spec_;
  TransferStarter& memory_;
  ClockModule* clock_ = nullptr;
  std::size_t twin_ = 0;
  sc_core::sc_event wake_;
  State state_ = State::idle;
  Duration duration_;
  std::int64_t start_ = 0;
  std::int64_t end_ = 0;
};

}  // namespace npusim::kernel
