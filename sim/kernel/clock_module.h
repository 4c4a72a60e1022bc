// The clock of the clocked twins.
#pragma once

#include <cstdint>
#include <memory>
#include <systemc>
#include <vector>

#include "sim/kernel/clocked.h"
#include "sim/kernel/shared.h"

namespace npusim::kernel {

/// Told that a twin has completed its command.
class TwinClient {
 public:
  virtual ~TwinClient() = default;
  virtual void twin_done(std::int64_t now) = 0;
};

/// Owns the twins and the clock that drives them all: one rising edge a cycle, only while a twin is busy. A
/// command that starts in cycle t meets its first edge in cycle t+1.
///
/// A cycle's edge happens in the cycle's first delta cycles, in this order: commands of the cycles before are
/// handed to their twins; the clock rises; it falls; whoever is no longer busy has completed its command in
/// this cycle. What a twin's busy() depends on may take kSettle delta cycles after the edge.
class ClockModule : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(ClockModule);
  static constexpr int kSettle = 3;

  ClockModule(const sc_core::sc_module_name& name, Shared& shared);
  ~ClockModule() override;
  /// Takes over a twin; its number.
  std::size_t add(std::unique_ptr<ClockedEngine> twin, TwinClient& client);
  /// A command starts in the present cycle; its twin must be idle.
  void start(std::size_t twin, const program::Command& command);

 private:
  enum class State { idle, starting, running };
  struct Twin {
    std::unique_ptr<ClockedEngine> engine;
    TwinClient* client = nullptr;
    State state = State::idle;
    const program::Command* command = nullptr;
    std::int64_t start = 0;
  };

  void activate();
  void step();
  /// Hands over the commands that started before this cycle.
  void begin_commands(std::int64_t now);
  void collect(std::int64_t now);

  Shared& shared_;
  sc_core::sc_signal<bool> clock_{"clock"};
  sc_core::sc_event wake_;
  std::vector<Twin> twins_;
  int delta_ = 0;  ///< delta cycles since the present edge began
};

}  // namespace npusim::kernel
