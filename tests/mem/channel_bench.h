// A DRAM channel whose main clock is its command clock, so that response cycles are DRAM clocks; addresses by
// bank and row.
#pragma once

#include <cstdint>
#include <string>

#include "sim/mem/dram_channel.h"
#include "tests/mem/scripts.h"

namespace npusim::mem::test {

struct ChannelBench {
  explicit ChannelBench(const DramSpec& dram_spec)
      : spec(dram_spec), timing(spec.timing), channel(dram_spec, dram_spec.timing.clock_hz) {}

  [[nodiscard]] Request request(bool write, std::int64_t bank, std::int64_t row,
                                std::int64_t bytes = 0) const {
    Request one;
    one.offset = (row * timing.banks + bank) * timing.page_bytes;
    one.bytes = static_cast<std::int32_t>(bytes == 0 ? timing.burst_bytes : bytes);
    one.write = write;
    return one;
  }
  std::int64_t read(std::int64_t at, std::int64_t bank, std::int64_t row, std::int64_t bytes = 0) {
    return channel.serve(request(false, bank, row, bytes), Cycles(at)).count();
  }
  std::int64_t write(std::int64_t at, std::int64_t bank, std::int64_t row, std::int64_t bytes = 0) {
    return channel.serve(request(true, bank, row, bytes), Cycles(at)).count();
  }
  /// From a read's column command to its response.
  [[nodiscard]] std::int64_t read_tail() const { return timing.rl + timing.burst_clocks; }
  [[nodiscard]] std::int64_t write_tail() const { return timing.wl + timing.burst_clocks; }

  DramSpec spec;
  DramTiming timing;
  DramChannel channel;
};

}  // namespace npusim::mem::test
