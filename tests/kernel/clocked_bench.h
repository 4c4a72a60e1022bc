// Runs single commands on a twin, edge by edge.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "sim/kernel/clocked.h"
#include "sim/program/program.h"
#include "sim/program/storage.h"

namespace npusim::kernel::test {

/// A twin, a clock and a SystemC context of their own.
class Bench {
 public:
  using Make = std::function<std::unique_ptr<ClockedEngine>()>;
  /// `target` must outlive the bench.
  Bench(const program::Target& target, const Make& make);
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  /// The scratchpads, which commands share.
  program::Storage& storage();
  /// Gives the twin a command and clocks it until it is idle. Returns the rising edges that took; fails after
  /// `limit`.
  std::int64_t run(const program::Program& program, const program::Command& command,
                   std::int64_t limit = 10'000'000);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace npusim::kernel::test
