// Whose request goes next: turns, priorities, weights, starvation, by cycle.
#include "sim/base/rng.h"
#include "sim/mem/arbitrated_sram.h"
#include "sim/mem/fr_fcfs_channel.h"
#include "sim/mem/shared_sram.h"
#include "tests/catch.h"
#include "tests/mem/scripts.h"

namespace npusim::mem::test {
namespace {

std::vector<PortSpec> write_ports(std::size_t count) {
  std::vector<PortSpec> ports(count);
  for (PortSpec& port : ports) port.write = true;
  return ports;
}

/// One LPDDR4 channel in its own clock, so that a write of n bursts accepted at clocks t to t+n-1 is answered
/// at t+n. Its write queue holds all that these tests write.
DramSpec channel_spec(Arbitration arbitration) {
  DramSpec spec = fr_fcfs_dram("lpddr4-3200");
  spec.fr_fcfs.arbitration = arbitration;
  spec.fr_fcfs.policy.write_queue = spec.fr_fcfs.policy.write_high = 4096;
  return spec;
}

struct Bench {
  Bench(Arbitration arbitration, const std::vector<PortSpec>& ports)
      : spec(channel_spec(arbitration)), channel(spec, spec.timing.clock_hz, ports) {}
  /// A write of `bursts` bursts by `port` that arrives at `clock`, to an address of its own.
  void write(std::uint16_t port, std::int64_t clock, std::int64_t bursts = 8) {
    Request request;
    request.port = port;
    request.write = true;
    request.bytes = static_cast<std::int32_t>(32 * bursts);
    request.offset = next_address;
    request.slot = static_cast<std::uint16_t>(next_address / 4096);
    next_address += 4096;
    channel.push(request, Cycles(clock));
  }
  /// Ports in the order of their answers, of all that is answered at or before `clock`.
  std::vector<int> order(std::int64_t clock) {
    channel.advance_to(Cycles(clock));
    std::vector<int> ports;
    for (const Response& one : channel.done()) {
      if (one.finish.count() <= clock) ports.push_back(one.port);
    }
    return ports;
  }

  DramSpec spec;
  FrFcfsChannel channel;
  std::int64_t next_address = 0;
};

}  // namespace

TEST_CASE("Under fifo four writes of 8 bursts that arrive at 5, 4, 4 and 6 go by arrival, then by port",
          "[mem][arbitration]") {
  Bench bench(Arbitration::fifo, write_ports(4));
  bench.write(1, 4);
  bench.write(3, 4);
  bench.write(0, 5);
  bench.write(2, 6);
  CHECK(bench.order(11).empty());
  CHECK(bench.order(12) == std::vector{1});
  CHECK(bench.order(19) == std::vector{1});
  CHECK(bench.order(20) == std::vector{1, 3});
  CHECK(bench.order(36) == std::vector{1, 3, 0, 2});
}

TEST_CASE("Under round robin a late master waits for one request of each other, to the clock",
          "[mem][arbitration]") {
  Bench bench(Arbitration::round_robin, write_ports(3));
  for (int i = 0; i < 5; ++i) {
    bench.write(0, 0);
    bench.write(2, 0);
  }
  bench.write(1, 1);
  // 0 goes first, at clocks 0 to 7; then 1, which is there by then; then 2 and 0 take turns.
  CHECK(bench.order(15) == std::vector{0});
  CHECK(bench.order(16) == std::vector{0, 1});
  CHECK(bench.order(48) == std::vector{0, 1, 2, 0, 2, 0});
  CHECK(bench.order(200) == std::vector{0, 1, 2, 0, 2, 0, 2, 0, 2, 0, 2});
}

TEST_CASE("Under fixed priority the lowest master starves until clock 80, when the others have finished",
          "[mem][arbitration]") {
  std::vector<PortSpec> ports = write_ports(3);
  ports[0].priority = -1;
  ports[2].priority = 7;
  Bench bench(Arbitration::fixed_priority, ports);
  bench.write(0, 0);
  for (int i = 0; i < 6; ++i) bench.write(1, 0);
  for (int i = 0; i < 3; ++i) bench.write(2, 8 + 16 * i);
  // Port 2's three requests interrupt port 1's six; a request that has begun is not interrupted.
  CHECK(bench.order(8) == std::vector{1});
  CHECK(bench.order(16) == std::vector{1, 2});
  CHECK(bench.order(72) == std::vector{1, 2, 1, 2, 1, 2, 1, 1, 1});
  CHECK(bench.order(79).size() == 9);
  CHECK(bench.order(80).back() == 0);
}

TEST_CASE("Under weights 3, 1 and 2 backlogged masters get 3, 1 and 2 of every 6 requests",
          "[mem][arbitration]") {
  std::vector<PortSpec> ports = write_ports(3);
  ports[0].weight = 3;
  ports[2].weight = 2;
  Bench bench(Arbitration::weighted, ports);
  for (int i = 0; i < 12; ++i) {
    for (std::uint16_t port = 0; port < 3; ++port) bench.write(port, 0);
  }
  CHECK(bench.order(96) == std::vector{0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 2, 2});
}

TEST_CASE("A master that pauses loses the rest of its turn, not its next one", "[mem][arbitration]") {
  std::vector<PortSpec> ports = write_ports(2);
  ports[0].weight = 3;
  Bench bench(Arbitration::weighted, ports);
  bench.write(0, 0);
  for (int i = 0; i < 3; ++i) bench.write(1, 0);
  for (int i = 0; i < 4; ++i) bench.write(0, 12);
  CHECK(bench.order(64) == std::vector{0, 1, 0, 0, 0, 1, 0, 1});
}

TEST_CASE(
    "A read passes writers that keep the write queue full, within a queue's length; without read_turns it "
    "starves",
    "[mem][arbitration]") {
  const auto answers = [](bool read_turns) {
    DramSpec spec = fr_fcfs_dram("lpddr4-3200");  // a write queue of 32 bursts, drained to 8
    spec.fr_fcfs.policy.read_turns = read_turns;
    std::vector<PortSpec> ports = write_ports(2);
    ports[1].write = false;
    FrFcfsChannel channel(spec, spec.timing.clock_hz, ports);
    Request request;
    request.write = true;
    request.bytes = 256 * 32;
    channel.push(request, Cycles(0));
    request = Request();
    request.port = 1;
    request.offset = 1 << 20U;
    request.bytes = 32;
    channel.push(request, Cycles(10));
    channel.advance_to(Cycles(20'000));
    std::vector<std::int64_t> finish(2);
    for (const Response& one : channel.done()) finish[one.port] = one.finish.count();
    return finish;
  };
  const std::vector<std::int64_t> fair = answers(true);
  const std::vector<std::int64_t> starved = answers(false);
  // What is queued when the read comes goes first: at most a write queue and eight in each of four banks.
  CHECK(fair[1] < (32 + 4 * 8) * 8 + 200);
  CHECK(fair[1] < fair[0]);
  CHECK(starved[1] > starved[0]);
}

TEST_CASE("The arbitrated SRAM under fifo answers as the prompt one, on 20,000 random requests",
          "[mem][arbitration]") {
  Rng rng(12);
  SharedSramSpec spec{0, 1 << 20U, 100, 37, 11};
  std::vector<PortSpec> ports = write_ports(5);
  for (std::size_t i = 0; i < 3; ++i) ports[i].write = false;
  ArbitratedSram late(spec, ports);
  SharedSram prompt(spec);
  std::vector<std::vector<std::int64_t>> expected(ports.size()), actual(ports.size());
  std::int64_t now = 1;
  for (int i = 0; i < 20'000; ++i) {
    now += rng.uniform(0, 3) == 0 ? rng.uniform(0, 12) : 1;
    Request request;
    request.port = static_cast<std::uint16_t>(rng.uniform(0, 4));
    request.write = ports[request.port].write;
    request.bytes = static_cast<std::int32_t>(rng.uniform(1, 256));
    late.push(request, Cycles(now));
    expected[request.port].push_back(prompt.serve(request, Cycles(now)).count());
    late.advance_to(Cycles(now + 1));
    now += 1;
  }
  while (late.next_event() < kNever) late.advance_to(late.next_event() + Cycles(1));
  for (const Response& one : late.done()) actual[one.port].push_back(one.finish.count());
  CHECK(actual == expected);
}

TEST_CASE("The SRAM gives a backlogged low priority nothing before cycle 12 and all of it from then on",
          "[mem][arbitration]") {
  SharedSramSpec spec{0, 1 << 20U, 64, 64, 0, Arbitration::fixed_priority};
  std::vector<PortSpec> ports = write_ports(2);
  ports[1].priority = 1;
  ArbitratedSram sram(spec, ports);
  Request request;
  request.write = true;
  request.bytes = 256;
  sram.push(request, Cycles(0));
  sram.push(request, Cycles(0));
  request.port = 1;
  sram.push(request, Cycles(0));
  sram.push(request, Cycles(3));
  sram.push(request, Cycles(8));
  sram.advance_to(Cycles(100));
  std::vector<std::pair<int, std::int64_t>> answers;
  for (const Response& one : sram.done()) answers.emplace_back(one.port, one.finish.count());
  const std::vector<std::pair<int, std::int64_t>> expected = {{1, 4}, {1, 8}, {1, 12}, {0, 16}, {0, 20}};
  CHECK(answers == expected);
}

TEST_CASE(
    "Port 0 of four backlogged readers gets a quarter of the channel under round robin, less as fifo's "
    "latecomer",
    "[mem][arbitration]") {
  const auto finish_of_small = [](Arbitration arbitration) {
    MemorySpec spec;
    spec.dram = channel_spec(arbitration);
    spec.clock_hz = spec.dram.timing.clock_hz;
    for (int i = 0; i < 4; ++i) {
      PortSpec port;
      port.issue_num = port.issue_den = 1;
      port.outstanding = i == 0 ? 2 : 64;  // the others flood the channel
      spec.ports.push_back(port);
    }
    Script script(4);
    script[0] = {{200, {run(0, 256 * 20)}}};
    for (std::size_t i = 1; i < 4; ++i) {
      script[i] = {{0, {run(static_cast<std::int64_t>(i) << 20U, 256 * 1000)}}};
    }
    const auto domain = make_memory_domain(spec);
    for (const Completion& done : play(*domain, script)) {
      if (done.port == 0) return (done.end - done.start).count();
    }
    return std::int64_t{-1};
  };
  const std::int64_t fair = finish_of_small(Arbitration::round_robin);
  const std::int64_t queued = finish_of_small(Arbitration::fifo);
  CHECK(fair > 0);
  CHECK(queued > 4 * fair);  // fifo: each of its requests waits behind the others' 192
}

}  // namespace npusim::mem::test
