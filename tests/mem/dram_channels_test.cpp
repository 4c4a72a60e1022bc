// Several channels behind one address space.
#include <algorithm>
#include <functional>

#include "sim/base/error.h"
#include "sim/mem/dram/interleaved_channels.h"
#include "sim/mem/dram/replay.h"
#include "sim/mem/memory.h"
#include "tests/catch.h"

namespace npusim::mem::test {
namespace {

const char* const kMapping = "ra ro ba co";

DramRules rules() { return dram_rules("lpddr4-3200", Flavour::jedec, "test"); }

InterleavedChannels channels_of(std::int64_t channels, std::int64_t interleave = 256) {
  return {rules(), default_policy(), AddressMapping(rules(), kMapping, "test"), channels, interleave, "test"};
}

double bandwidth(const std::string& stream, std::int64_t channels) {
  InterleavedChannels memory = channels_of(channels);
  const ReplayResult result = replay(memory, named_stream(stream, rules(), 100, channels), 40'000, channels);
  return 40'000.0 / static_cast<double>(result.clocks);
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("One interleaved channel is a controller: same clocks, latencies and counts", "[mem][dram]") {
  for (const std::string& stream : stream_names()) {
    InterleavedChannels one = channels_of(1);
    FrFcfsController plain(rules(), default_policy(), AddressMapping(rules(), kMapping, "test"));
    const ReplayResult a = replay(one, named_stream(stream, rules(), 100), 3000);
    const ReplayResult b = replay(plain, named_stream(stream, rules(), 100), 3000);
    INFO(stream);
    CHECK(a.clocks == b.clocks);
    CHECK(a.read_latencies == b.read_latencies);
    CHECK(one.counters().activates == plain.counters().activates);
    CHECK(one.counters().writes == plain.counters().writes);
  }
}

TEST_CASE("Four channels have four times the bandwidth of one on sequential and random streams, within 3 %",
          "[mem][dram]") {
  for (const char* const stream : {"seq_read", "rand_read", "dma_4r1w"}) {
    INFO(stream);
    const double ratio = bandwidth(stream, 4) / bandwidth(stream, 1);
    CHECK(ratio > 4 * 0.97);
    CHECK(ratio < 4 * 1.03);
  }
}

TEST_CASE("Blocks of 256 bytes go to channels in turn, and a channel's own addresses are dense",
          "[mem][dram]") {
  InterleavedChannels memory = channels_of(4);
  std::vector<std::vector<IssuedCommand>> issued(4);
  for (std::size_t i = 0; i < 4; ++i) memory.trace_channel(i, &issued[i]);
  const auto next = [&](std::int64_t n) {
    return TimedRequest{0, static_cast<std::uint64_t>(n) * 32, false};
  };
  replay(memory, next, 128, 4);  // 4 KiB: a KiB a channel, half a row
  for (const auto& commands : issued) {
    std::vector<std::int64_t> columns;
    for (const IssuedCommand& one : commands) {
      if (one.command == Command::read) columns.push_back(one.column);
    }
    std::sort(columns.begin(), columns.end());
    REQUIRE(columns.size() == 32);
    for (std::size_t i = 0; i < 32; ++i) CHECK(columns[i] == static_cast<std::int64_t>(i));
  }
}

TEST_CASE("Impossible channels and addresses are refused", "[mem][dram]") {
  const auto contains = [](const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  contains(refusal([] { channels_of(0); }), "test: 0 channels, expected from 1 to 1024");
  contains(refusal([] { channels_of(2, 48); }),
           "blocks of 48 bytes a channel, expected a power of two from a burst, 32");
  contains(refusal([] { channels_of(2, 16); }), "blocks of 16 bytes");
  contains(refusal([] {
             channels_of(2).push({33, 0, false});
           }),
           "address 0x21 is not a multiple of the 32 bytes");
  contains(refusal([] {
             channels_of(2).push({std::uint64_t{2} << 30U, 0, false});
           }),
           "address 0x80000000 is beyond the 2048 MiB of 2 channels of lpddr4-3200");
  CHECK(refusal([] { channels_of(2).push({(std::uint64_t{2} << 30U) - 32, 0, false}); }) == "no error");
}

}  // namespace npusim::mem::test
