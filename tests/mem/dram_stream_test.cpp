// Streams whose bandwidth is bound by timing, against published DRAM simulators' runs of the same streams:
// DRAMsim3, LPDDR4-3200, one x16 channel, mapping row-bank-column, 100,000 requests of one burst each,
// percent of peak.
#include <algorithm>
#include <deque>

#include "tests/catch.h"
#include "tests/mem/channel_bench.h"

namespace npusim::mem::test {
namespace {

/// splitmix64 as a stateless hash: the streams' random numbers.
std::uint64_t hash(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

constexpr std::int64_t kRegion = INT64_C(256) << 20U;
constexpr std::int64_t kRequests = 100'000;

/// Serves a stream as fast as a window of 32 requests allows; percent of the data bus's peak.
template <class Address>
double percent_of_peak(const DramSpec& spec, Address address) {
  DramChannel channel(spec, spec.timing.clock_hz);
  std::deque<std::int64_t> window;
  std::int64_t arrival = 0;
  std::int64_t end = 0;
  for (std::int64_t i = 0; i < kRequests; ++i) {
    Request request;
    request.offset = address(i, request.write);
    request.bytes = static_cast<std::int32_t>(spec.timing.burst_bytes);
    if (window.size() == 32) {
      arrival = std::max(arrival, window.front());
      window.pop_front();
    }
    const std::int64_t response = channel.serve(request, Cycles(arrival)).count();
    window.push_back(response);
    end = std::max(end, response);
  }
  return 100.0 * static_cast<double>(kRequests * spec.timing.burst_clocks) / static_cast<double>(end);
}

void near(double value, double expected, double tolerance) {
  INFO(value << " should be " << expected << " +- " << tolerance);
  CHECK(value >= expected - tolerance);
  CHECK(value <= expected + tolerance);
}

}  // namespace

TEST_CASE("Timing-bound LPDDR4-3200 streams are within a point of DRAMsim3's bandwidth", "[mem][dram]") {
  const DramSpec spec = dram("lpddr4-3200");
  const DramTiming t = spec.timing;
  const auto sequential = [&t](std::int64_t i, bool&) { return i * t.burst_bytes % kRegion; };
  const auto conflict = [&t](std::int64_t i, bool&) { return i * t.page_bytes * t.banks % kRegion; };
  const auto rotate = [&t](std::int64_t i, bool&) { return i * t.page_bytes % kRegion; };
  near(percent_of_peak(spec, sequential), 91.49, 0.3);
  near(percent_of_peak(spec, conflict), 7.62, 0.1);
  near(percent_of_peak(spec, rotate), 45.53, 1.0);
}

TEST_CASE("Known gap: serving in order loses what DRAMsim3's FR-FCFS gains on random and two-row streams",
          "[mem][dram]") {
  const DramSpec spec = dram("lpddr4-3200");
  const DramTiming t = spec.timing;
  const auto random = [&t](std::int64_t i, bool&) {
    return static_cast<std::int64_t>(hash(static_cast<std::uint64_t>(i)) %
                                     static_cast<std::uint64_t>(kRegion / t.burst_bytes)) *
           t.burst_bytes;
  };
  const auto two_rows = [&t](std::int64_t i, bool&) { return i % 2 * (kRegion / 2) + i / 2 * t.burst_bytes; };
  near(percent_of_peak(spec, random), 20.5, 1.0);   // DRAMsim3: 45.37
  near(percent_of_peak(spec, two_rows), 7.7, 1.0);  // DRAMsim3: 74.70
}

TEST_CASE("With bank_xor a stride of one row of banks uses all banks, and a sequential stream loses nothing",
          "[mem][dram]") {
  DramSpec spec = dram("lpddr4-3200");
  const DramTiming t = spec.timing;
  const auto conflict = [&t](std::int64_t i, bool&) { return i * t.page_bytes * t.banks % kRegion; };
  const auto sequential = [&t](std::int64_t i, bool&) { return i * t.burst_bytes % kRegion; };
  const double plain_conflict = percent_of_peak(spec, conflict);
  const double plain_sequential = percent_of_peak(spec, sequential);
  spec.bank_xor = true;
  CHECK(percent_of_peak(spec, conflict) > 5 * plain_conflict);
  near(percent_of_peak(spec, sequential), plain_sequential, 0.3);
}

TEST_CASE("With bank_xor the pages of a row still lie in different banks", "[mem][dram]") {
  DramSpec spec = dram("lpddr4-3200");
  spec.bank_xor = true;
  const DramTiming& t = spec.timing;
  for (std::int64_t row = 0; row < 200; ++row) {
    DramChannel channel(spec, t.clock_hz);
    std::vector<DramCommand> commands;
    channel.trace(&commands);
    for (std::int64_t page = 0; page < t.banks; ++page) {
      Request request;
      request.offset = (row * t.banks + page) * t.page_bytes;
      request.bytes = 32;
      channel.serve(request, Cycles(1000));
    }
    std::vector<std::int64_t> banks;
    for (const DramCommand& one : commands) {
      if (one.kind == DramCommand::Kind::activate) banks.push_back(one.bank);
    }
    std::sort(banks.begin(), banks.end());
    REQUIRE(banks == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7});
  }
}

}  // namespace npusim::mem::test
