// The on-chip memory that all ports share: a read pipe and a write pipe, each with the whole memory's
// bandwidth.
#pragma once

#include <cstdint>

#include "sim/base/units.h"
#include "sim/mem/address_map.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

/// Serves requests in the order of calls; reads and writes do not slow each other down.
class SharedSram {
 public:
  explicit SharedSram(const SharedSramSpec& spec)
      : read_(spec.read_bytes_per_cycle), write_(spec.write_bytes_per_cycle), latency_(spec.latency_cycles) {}

  /// The cycle at which the response is back: later than `arrival`. Arrivals must not decrease.
  Cycles serve(const Request& request, Cycles arrival) {
    Pipe& pipe = request.write ? write_ : read_;
    return Cycles(pipe.pass(request.bytes, arrival.count()) + latency_);
  }

  void reset() {
    read_.free = 0;
    write_.free = 0;
  }

 private:
  /// Bytes flow at a fixed rate. Time is counted in bytes (cycles x rate), so that partial cycles add up
  /// exactly.
  struct Pipe {
    explicit Pipe(std::int64_t bytes_per_cycle) : rate(bytes_per_cycle > 0 ? bytes_per_cycle : 1) {}
    /// The cycle by which `bytes` that arrive at `arrival` are through.
    std::int64_t pass(std::int64_t bytes, std::int64_t arrival) {
      const std::int64_t from = arrival * rate.divisor();
      free = (free > from ? free : from) + bytes;
      return rate.ceil(free);
    }
    Divider rate;
    std::int64_t free = 0;
  };

  Pipe read_;
  Pipe write_;
  std::int64_t latency_;
};

}  // namespace npusim::mem
