// Co-runners: traffic of others on the same memory, as further masters that always have work.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/base/rng.h"
#include "sim/base/units.h"

namespace npusim::mem {

struct PortSpec;

/// One access of a traffic trace.
struct TracedAccess {
  std::int64_t cycle = 0;  ///< main-clock cycle of the trace's own time, not before which it is issued
  std::int64_t address = 0;
  std::int64_t bytes = 0;
  bool write = false;
};

/// Where accesses go. The port that issues them sets the pace.
struct TrafficPattern {
  enum class Kind : std::uint8_t {
    constant,  ///< consecutive bursts through the range, again and again
    random,    ///< bursts anywhere in the range
    trace      ///< the accesses of a trace, repeated; each cut at multiples of burst_bytes
  };
  std::string name;
  Kind kind = Kind::constant;
  std::int64_t base = 0;          ///< of the range; with the range's bytes a multiple of the burst
  std::int64_t bytes = 0;         ///< of the range
  std::int64_t burst_bytes = 64;  ///< of a request, at most
  std::int64_t read_percent = 100;
  std::uint64_t seed = 1;
  std::vector<TracedAccess> trace;  ///< in order of cycles
  std::int64_t period = 1;          ///< cycles after which the trace begins anew, behind its last access
  /// Times of the trace are multiplied by stretch_num / stretch_den, rounded up.
  std::int64_t stretch_num = 1, stretch_den = 1;
};

/// Walks a pattern, which must outlive it, for ever. Deterministic.
class TrafficSource {
 public:
  explicit TrafficSource(const TrafficPattern& pattern) : pattern_(pattern), rng_(pattern.seed) { reset(); }

  /// The next request: within one burst_bytes block, not to be issued before `cycle`.
  [[nodiscard]] const TracedAccess& next() const { return next_; }
  void advance();
  void reset();

 private:
  void aim();

  const TrafficPattern& pattern_;
  Rng rng_;
  TracedAccess next_;
  std::int64_t count_ = 0;     ///< bursts, or accesses of the trace, before this one
  std::int64_t position_ = 0;  ///< within the access of the trace
};

/// A profile as its file says, before a chip's clock and a load are known.
struct CoRunnerProfile {
  TrafficPattern pattern;
  /// Requests per second, as the exact ratio rate_num / rate_den; of a trace 0: its own times.
  std::int64_t rate_num = 0, rate_den = 1;
  std::int64_t outstanding = 16;
  std::int64_t priority = 0, weight = 1;
};

/// Reads a profile (docs/dram.md has the format). Throws UserError with file and line for unknown, missing,
/// out-of-range and contradicting keys, and for faults in the trace's file.
CoRunnerProfile read_corunner(const std::string& path);

/// Reads a CSV of accesses: a header with the columns cycle, address, bytes and direction (read or write), in
/// any order, others ignored; addresses decimal or 0x. Throws UserError with file and line for missing
/// columns, malformed or negative values, cycles that decrease, and when there is no access.
std::vector<TracedAccess> read_traffic_trace(const std::string& path);

/// The profile as a port of the memory domain of a chip with this clock, at `load_percent` (from 1) of its
/// rate. Throws UserError, naming the co-runner, when that is more than a request a cycle.
PortSpec corunner_port(const CoRunnerProfile& profile, std::int64_t clock_hz, std::int64_t load_percent);

}  // namespace npusim::mem
