// Host links: exact cycles of packets, pieces and turns, against brackets and a reference in unit steps.
#include "sim/mem/host_link.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <numeric>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"

namespace npusim::mem::test {
namespace {

HostLinkSpec link_of(std::int64_t read_num, std::int64_t read_den, std::int64_t write_num,
                     std::int64_t write_den) {
  HostLinkSpec spec;
  spec.name = "usb";
  spec.bytes = INT64_C(1) << 32U;
  spec.read.rate_num = read_num;
  spec.read.rate_den = read_den;
  spec.write.rate_num = write_num;
  spec.write.rate_den = write_den;
  return spec;
}

struct Arrival {
  std::int64_t at = 0;
  Request request;
};

Arrival arrival(std::int64_t at, bool write, std::int64_t offset, std::int32_t bytes, std::uint16_t port = 0,
                std::uint16_t slot = 0) {
  Arrival one;
  one.at = at;
  one.request.offset = offset;
  one.request.bytes = bytes;
  one.request.write = write;
  one.request.port = port;
  one.request.slot = slot;
  return one;
}

using Finishes = std::map<std::pair<int, int>, std::int64_t>;  ///< by port and slot

/// Pushes everything in order of arrival, advancing by `stride` cycles at a time between arrivals.
Finishes play(HostLink& link, const std::vector<Arrival>& arrivals, std::int64_t stride = 1'000'000'000) {
  Finishes finishes;
  const auto collect = [&] {
    for (const Response& one : link.done()) finishes[{one.port, one.slot}] = one.finish.count();
    link.done().clear();
  };
  const auto to = [&](std::int64_t cycle) {
    while (link.now().count() < cycle) {
      link.advance_to(Cycles(std::min(cycle, link.now().count() + stride)));
      collect();
    }
  };
  for (const Arrival& one : arrivals) {
    to(one.at);
    link.push(one.request, Cycles(one.at));
  }
  while (link.next_event() < kNever) to(link.next_event().count() + 1);
  return finishes;
}

Finishes play(const HostLinkSpec& spec, const std::vector<Arrival>& arrivals, std::size_t ports = 4) {
  HostLink link(spec, ports);
  return play(link, arrivals);
}

/// The rules of HostLink in steps of 1/L cycle, L a common multiple of the rates' numerators.
class SteppingLink {
 public:
  SteppingLink(const HostLinkSpec& spec, std::size_t ports, std::vector<Arrival> arrivals)
      : spec_(spec),
        ports_(ports),
        arrivals_(std::move(arrivals)),
        steps_(std::lcm(spec.read.rate_num, spec.write.rate_num)) {
    for (auto& side : sides_) {
      side.queues.resize(ports);
      side.end_of_piece.assign(ports, -1);
      side.piece.assign(ports, 0);
    }
    for (const Arrival& one : arrivals_) {
      sides_[one.request.write ? 1 : 0].queues[one.request.port].push_back(one);
    }
  }

  Finishes run() {
    for (step_ = 0; finishes_.size() < arrivals_.size(); ++step_) {
      for (const std::size_t side : {1U, 0U}) {
        if (may_start(side)) start(side);
      }
    }
    return finishes_;
  }
  std::int64_t busy[2] = {0, 0};  ///< in steps

 private:
  struct Side {
    std::vector<std::vector<Arrival>> queues;
    std::vector<std::int64_t> end_of_piece, piece;
    std::size_t last = 0;
    std::int64_t until = 0;  ///< the wire is taken before this step
  };
  [[nodiscard]] bool arrived(const std::vector<Arrival>& queue) const {
    return !queue.empty() && queue.front().at <= step_ / steps_;
  }
  [[nodiscard]] bool any_arrived(const Side& side) const {
    return std::any_of(side.queues.begin(), side.queues.end(), [this](const auto& q) { return arrived(q); });
  }
  [[nodiscard]] bool may_start(std::size_t side) const {
    if (sides_[side].until > step_ || !any_arrived(sides_[side])) return false;
    if (!spec_.half_duplex) return true;
    if (round_up(sides_[1 - side].until, steps_) > step_) return false;
    return side == 1 || !any_arrived(sides_[1]);
  }
  void start(std::size_t index) {
    Side& side = sides_[index];
    const LinkDirectionSpec& rate = index == 1 ? spec_.write : spec_.read;
    std::size_t port = side.last;
    do port = (port + 1) % ports_;
    while (!arrived(side.queues[port]));
    side.last = port;
    Request& request = side.queues[port].front().request;
    const bool fresh = side.end_of_piece[port] != request.offset ||
                       (spec_.piece_bytes > 0 && side.piece[port] == spec_.piece_bytes);
    if (fresh) side.piece[port] = 0;
    std::int64_t bytes = std::min<std::int64_t>(request.bytes, spec_.packet_bytes);
    if (spec_.piece_bytes > 0) bytes = std::min(bytes, spec_.piece_bytes - side.piece[port]);
    side.piece[port] += bytes;
    side.end_of_piece[port] = request.offset + bytes;
    const std::int64_t length =
        (bytes + spec_.packet_overhead_bytes) * rate.rate_den * (steps_ / rate.rate_num) +
        (fresh ? spec_.piece_cycles * steps_ : 0);
    busy[index] += length;
    side.until = step_ + length;
    request.offset += bytes;
    request.bytes -= static_cast<std::int32_t>(bytes);
    if (request.bytes > 0) return;
    finishes_[{port, request.slot}] = ceil_div(side.until, steps_) + rate.latency_cycles;
    side.queues[port].erase(side.queues[port].begin());
  }

  HostLinkSpec spec_;
  std::size_t ports_;
  std::vector<Arrival> arrivals_;
  std::int64_t steps_;
  std::int64_t step_ = 0;
  std::array<Side, 2> sides_;  ///< read, write
  Finishes finishes_;
};

HostLinkSpec random_link(Rng& rng) {
  const auto rate = [&rng] { return rng.uniform(1, 12); };
  HostLinkSpec spec = link_of(rate(), rate(), rate(), rate());
  spec.read.latency_cycles = rng.uniform(0, 20);
  spec.write.latency_cycles = rng.uniform(0, 20);
  spec.packet_bytes = rng.uniform(1, 64);
  spec.packet_overhead_bytes = rng.uniform(0, 8);
  spec.piece_bytes = rng.uniform(0, 1) == 0 ? 0 : spec.packet_bytes + rng.uniform(0, 100);
  spec.piece_cycles = rng.uniform(0, 9);
  spec.half_duplex = rng.uniform(0, 1) == 1;
  return spec;
}

std::vector<Arrival> random_arrivals(Rng& rng, std::size_t ports, std::size_t count) {
  std::vector<Arrival> arrivals;
  std::vector<std::int64_t> position(ports, 0);
  std::int64_t at = 0;
  const std::int64_t gap = rng.uniform(0, 60);
  for (std::size_t i = 0; i < count; ++i) {
    at += rng.uniform(0, gap);
    const auto port = static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(ports) - 1));
    const auto bytes = static_cast<std::int32_t>(rng.uniform(1, 150));
    if (rng.uniform(0, 3) == 0) position[port] += rng.uniform(1, 4096);
    arrivals.push_back(arrival(at, port % 2 == 1, position[port], bytes, static_cast<std::uint16_t>(port),
                               static_cast<std::uint16_t>(i)));
    position[port] += bytes;
  }
  return arrivals;
}

}  // namespace

TEST_CASE(
    "A packet of 1024 bytes at 111/125 bytes a cycle (444 MB/s at 500 MHz) is through in 1154 cycles, not "
    "1153",
    "[link]") {
  HostLinkSpec spec = link_of(111, 125, 11, 100);
  spec.read.latency_cycles = 30;
  HostLink link(spec, 1);
  link.push(arrival(7, false, 0, 1024).request, Cycles(7));
  link.advance_to(Cycles(7));
  REQUIRE(link.done().empty());  // the decision of cycle 7 is taken behind it
  link.advance_to(Cycles(8));
  REQUIRE(link.done().size() == 1);
  // 1024 * 125 / 111 = 1153.15
  CHECK(link.done()[0].finish == Cycles(7 + 1154 + 30));
  // Fractions add up: a second packet ends after 2306.3 cycles, a third after 3459.5.
  link.push(arrival(8, false, 1024, 1024).request, Cycles(8));
  link.push(arrival(8, false, 2048, 1024).request, Cycles(8));
  link.advance_to(Cycles(5000));
  REQUIRE(link.done().size() == 3);
  CHECK(link.done()[1].finish == Cycles(7 + 2307 + 30));
  CHECK(link.done()[2].finish == Cycles(7 + 3460 + 30));
}

TEST_CASE("The directions of a full-duplex link do not touch each other", "[link]") {
  const HostLinkSpec spec = link_of(4, 1, 1, 2);
  const Finishes alone = play(spec, {arrival(3, false, 0, 4096, 0, 0)});
  const Finishes both = play(spec, {arrival(2, true, 0, 4096, 1, 1), arrival(3, false, 0, 4096, 0, 0)});
  CHECK(alone.at({0, 0}) == 3 + 1024);
  CHECK(both.at({0, 0}) == alone.at({0, 0}));
  CHECK(both.at({1, 1}) == 2 + 8192);
}

TEST_CASE("On a half-duplex link a read waits for every write that comes before it can start", "[link]") {
  HostLinkSpec spec = link_of(4, 1, 1, 1);
  spec.half_duplex = true;
  spec.packet_bytes = 64;
  // The first write is on the wire from 10 to 74; the read arrives at 20, a second write in cycle 74 still
  // goes before it, one in cycle 139 (behind the read's first packet, 138 to 154) before its second.
  const Finishes in_time = play(spec, {arrival(10, true, 0, 64, 1, 0), arrival(20, false, 0, 128, 0, 1),
                                       arrival(74, true, 64, 64, 1, 2), arrival(139, true, 128, 64, 1, 3)});
  CHECK(in_time.at({1, 0}) == 74);
  CHECK(in_time.at({1, 2}) == 138);
  CHECK(in_time.at({1, 3}) == 154 + 64);
  CHECK(in_time.at({0, 1}) == 154 + 64 + 16);
  // A cycle later the second write finds the read's packet on the wire: 74 to 90.
  const Finishes late = play(spec, {arrival(10, true, 0, 64, 1, 0), arrival(20, false, 0, 128, 0, 1),
                                    arrival(75, true, 64, 64, 1, 2)});
  CHECK(late.at({1, 2}) == 90 + 64);
  CHECK(late.at({0, 1}) == 90 + 64 + 16);
}

TEST_CASE("A change of direction begins with a whole cycle, a further packet of the same direction does not",
          "[link]") {
  HostLinkSpec spec = link_of(3, 1, 3, 1);
  spec.half_duplex = true;
  spec.packet_bytes = 10;
  // 10 bytes at 3 a cycle: 3 1/3 cycles.
  CHECK(play(spec, {arrival(0, true, 0, 20, 1, 0)}).at({1, 0}) == 7);  // 6 2/3
  const Finishes turned = play(spec, {arrival(0, true, 0, 10, 1, 0), arrival(0, false, 0, 9, 0, 1)});
  CHECK(turned.at({1, 0}) == 4);
  CHECK(turned.at({0, 1}) == 7);  // from 4, not from 3 1/3
}

TEST_CASE("Packets of masters take turns: three requests of four packets end within three packets",
          "[link]") {
  HostLinkSpec spec = link_of(1, 1, 1, 1);
  spec.packet_bytes = 100;
  std::vector<Arrival> arrivals;
  for (std::uint16_t port = 0; port < 3; ++port)
    arrivals.push_back(arrival(0, false, port * 4096, 400, port, port));
  HostLink link(spec, 3);
  const Finishes finishes = play(link, arrivals);
  // The turn is behind the master of the last packet, at first master 0: 1, 2, 0.
  CHECK(finishes.at({1, 1}) == 1000);
  CHECK(finishes.at({2, 2}) == 1100);
  CHECK(finishes.at({0, 0}) == 1200);
  // Each waits two packets before each of its own four, but the first for its turn only.
  CHECK(link.waited(1) == 600);
  CHECK(link.waited(2) == 100 + 600);
  CHECK(link.waited(0) == 200 + 600);
  CHECK(link.counters().read.wait_cycles == 600 + 700 + 800);
  CHECK(link.counters().read.busy_cycles == 1200);
  CHECK(link.counters().read.packets == 12);
}

TEST_CASE(
    "Overhead is paid by packet and the hold by piece: 10,000 bytes in packets of 1,000 and pieces of 4,000",
    "[link]") {
  HostLinkSpec spec = link_of(1, 1, 1, 1);
  spec.packet_bytes = 1000;
  spec.packet_overhead_bytes = 20;
  spec.piece_bytes = 4000;
  spec.piece_cycles = 300;
  HostLink link(spec, 1);
  std::vector<Arrival> arrivals;
  for (std::uint16_t i = 0; i < 20; ++i) arrivals.push_back(arrival(i, false, i * 500, 500, 0, i));
  const Finishes finishes = play(link, arrivals);
  // Requests of 500 bytes are packets of their own: 20 overheads, three pieces.
  CHECK(finishes.at({0, 19}) == 10'000 + 20 * 20 + 3 * 300);
  CHECK(link.counters().read.pieces == 3);
  link.reset();
  const Finishes whole = play(link, {arrival(0, false, 0, 10'000)});
  CHECK(whole.at({0, 0}) == 10'000 + 10 * 20 + 3 * 300);
  // An address that does not follow the last one begins a piece.
  link.reset();
  const Finishes apart = play(link, {arrival(0, false, 0, 1000), arrival(0, false, 1001, 1000, 0, 1)});
  CHECK(apart.at({0, 1}) == 2 * (1000 + 20 + 300));
}

TEST_CASE("Bytes of all masters and both directions add up under contention, at the wire's rate", "[link]") {
  HostLinkSpec spec = link_of(111, 125, 11, 100);
  HostLink link(spec, 4);
  std::vector<Arrival> arrivals;
  for (std::int64_t i = 0; i < 400; ++i) {
    const auto port = static_cast<std::uint16_t>(i % 4);
    arrivals.push_back(arrival(i, port >= 2, i * 512, 512, port, static_cast<std::uint16_t>(i)));
  }
  const Finishes finishes = play(link, arrivals);
  REQUIRE(finishes.size() == 400);
  const LinkCounters counters = link.counters();
  CHECK(counters.read.bytes == 200 * 512);
  CHECK(counters.write.bytes == 200 * 512);
  std::int64_t last_read = 0;
  std::int64_t last_write = 0;
  for (const auto& [who, at] : finishes)
    (who.first >= 2 ? last_write : last_read) = std::max(who.first >= 2 ? last_write : last_read, at);
  CHECK(last_read == ceil_div(200 * 512 * 125, 111));
  CHECK(last_write == 2 + ceil_div(200 * 512 * 100, 11));
  CHECK(counters.read.busy_cycles == last_read);
  CHECK(counters.write.busy_cycles == last_write - 2);
}

TEST_CASE("300 random links of up to four masters agree with a reference in steps of a fraction of a cycle",
          "[link]") {
  Rng rng(20261121);
  for (int trial = 0; trial < 300; ++trial) {
    const auto ports = static_cast<std::size_t>(rng.uniform(1, 4));
    const HostLinkSpec spec = random_link(rng);
    const std::vector<Arrival> arrivals = random_arrivals(rng, ports, 60);
    INFO("trial " << trial);
    SteppingLink reference(spec, ports, arrivals);
    const Finishes expected = reference.run();
    HostLink link(spec, ports);
    const Finishes by_event = play(link, arrivals);
    REQUIRE(by_event == expected);
    const std::int64_t steps = std::lcm(spec.read.rate_num, spec.write.rate_num);
    REQUIRE(link.counters().read.busy_cycles == ceil_div(reference.busy[0], steps));
    REQUIRE(link.counters().write.busy_cycles == ceil_div(reference.busy[1], steps));
    const LinkCounters counters = link.counters();
    link.reset();
    REQUIRE(play(link, arrivals, 1) == expected);  // cycle by cycle
    REQUIRE(link.counters() == counters);
  }
}

TEST_CASE("Links that cannot work are refused by name", "[link]") {
  const auto refused = [](const std::function<void(HostLinkSpec&)>& change, const std::string& part) {
    HostLinkSpec spec = link_of(1, 1, 1, 1);
    change(spec);
    PortSpec port;
    port.name = "in";
    try {
      check(spec, {port});
      FAIL("accepted: " << part);
    } catch (const UserError& error) {
      INFO(error.what());
      CHECK(std::string(error.what()).find("host link 'usb'") != std::string::npos);
      CHECK(std::string(error.what()).find(part) != std::string::npos);
    }
  };
  check(link_of(1, 1, 1, 1), {});
  refused([](HostLinkSpec& s) { s.bytes = 0; }, "a window of at least a byte");
  refused([](HostLinkSpec& s) { s.read.rate_num = 0; }, "a read rate with positive terms");
  refused([](HostLinkSpec& s) { s.write.rate_den = INT64_C(1) << 40U; }, "a write rate");
  refused([](HostLinkSpec& s) { s.write.latency_cycles = -1; }, "a write latency");
  refused([](HostLinkSpec& s) { s.packet_bytes = 0; }, "packet_bytes from 1");
  refused([](HostLinkSpec& s) { s.packet_overhead_bytes = -1; }, "packet_overhead_bytes");
  refused([](HostLinkSpec& s) { s.piece_bytes = 100; }, "at least a packet, 1024, not 100");
  refused([](HostLinkSpec& s) { s.piece_cycles = -1; }, "piece_cycles");
  refused([](HostLinkSpec& s) { s.base = 100; }, "multiples of port 'in'");
  CHECK(link_rate(444'000'000, 500'000'000, "usb3").rate_num == 111);
  CHECK(link_rate(444'000'000, 500'000'000, "usb3").rate_den == 125);
  CHECK_THROWS_AS(link_rate(0, 500'000'000, "usb3"), UserError);
  CHECK_THROWS_AS(link_rate(4'000'000'007, 500'000'000, "usb3"), UserError);
}

}  // namespace npusim::mem::test
