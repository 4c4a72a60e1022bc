// A whole memory domain as one SystemC process.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <systemc>

#include "sim/kernel/shared.h"
#include "sim/mem/memory.h"

namespace npusim::kernel {

/// Asks a memory domain for its completions. In KernelKind::run_ahead it lets the domain run ahead to the
/// next completion; it is notified one tick ahead, so that every engine that can still start a transfer has
/// done so. In KernelKind::systemc it asks every cycle, while transfers are under way, with the present as
/// horizon.
class DomainModule : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(DomainModule);
  DomainModule(const sc_core::sc_module_name& name, Shared& shared,
               std::function<void(const mem::Completion&)> deliver);
  void start(std::size_t port, std::span<const program::Region> runs, std::int64_t at);
  void reset();
  /// Brings the domain to the program's end.
  void finish(std::int64_t end);
  [[nodiscard]] const mem::MemoryCounters& counters() const { return domain_->counters(); }

 private:
  void activate();
  void run_ahead();
  void run_in_time();
  Shared& shared_;
  std::unique_ptr<mem::MemoryDomain> domain_;
  std::function<void(const mem::Completion&)> deliver_;
  sc_core::sc_event wake_;
  std::int64_t under_way_ = 0;
};

}  // namespace npusim::kernel
