// The published memory: latencies, the bus, and what may be told when.
#include "hw_models/midap/dma.h"

#include <vector>

#include "tests/catch.h"
#include "tests/midap/chip.h"

using namespace npusim;
using namespace npusim::midap;
using npusim::midap::test::spec;

namespace {

LatencyModel model(bool worst) {
  LatencyModel latency = spec().latency;
  latency.worst = worst;
  return latency;
}

program::Region bytes(std::int64_t count) {
  program::Region region;
  region.bytes = count;
  return region;
}

class Bus {
 public:
  explicit Bus(bool worst) : memory_(make_published_memory(model(worst), spec().dma_rate)) {}
  /// A request that the pipeline makes at cycle `t`: a flag takes it to the port one cycle later.
  void request(Port port, std::int64_t count, std::int64_t t) {
    const std::vector<program::Region> runs = {bytes(count)};
    memory_->start(static_cast<std::size_t>(port), runs, Cycles{t == 0 ? 0 : t + 1});
  }
  /// The cycle at which the next data is valid (reported two cycles before).
  std::int64_t next(Cycles horizon = kNever) {
    const auto done = memory_->next_completion(horizon);
    if (!done) return -1;
    last = static_cast<Port>(done->port);
    return done->end.count() + 2;
  }
  Port last = Port::write;

 private:
  std::unique_ptr<mem::MemoryDomain> memory_;
};

}  // namespace

TEST_CASE("a small request waits 42 cycles, at worst 277") {
  CHECK(request_latency(model(false), 1) == 42);
  CHECK(request_latency(model(false), 3584) == 42);
  CHECK(request_latency(model(false), 3585) == 56);
  CHECK(request_latency(model(true), 1) == 277);
  CHECK(request_latency(model(true), 8191) == 277);
  CHECK(request_latency(model(true), 8192) == 291);
}

TEST_CASE("a request beyond 94976 bytes waits for one refresh, one more every 89856 bytes") {
  const auto extra = [](std::int64_t size) {
    const LatencyModel without = [] {
      auto m = model(false);
      m.refresh_delay = 0;
      return m;
    }();
    return request_latency(model(false), size) - request_latency(without, size);
  };
  CHECK(extra(94976) == 0);
  CHECK(extra(94977) == 235);
  CHECK(extra(94976 + 89856) == 235);
  CHECK(extra(94976 + 89856 + 1) == 470);
}

TEST_CASE("a cold 1x1 convolution of 64 channels on 14x14 gets its data as MidapSim's log says") {
  Bus bus(true);
  bus.request(Port::wmem, 1024, 0);   // 277 + 41
  bus.request(Port::bmmem, 64, 0);    // behind it: + 3
  bus.request(Port::fmem, 12544, 1);  // + 502
  bus.request(Port::wmem, 1024, 2);   // cuts in: 318 + 41, and pushes the others
  CHECK(bus.next() == 318);
  CHECK(bus.last == Port::wmem);
  CHECK(bus.next() == 359);
  CHECK(bus.last == Port::wmem);
  CHECK(bus.next() == 362);
  CHECK(bus.last == Port::bmmem);
  CHECK(bus.next() == 864);
  CHECK(bus.last == Port::fmem);
  bus.request(Port::wmem, 1024, 1060);
  CHECK(bus.next() == 1378);
}

TEST_CASE("a feature transfer is told only when no weights can still push it") {
  Bus bus(false);
  bus.request(Port::fmem, 2500, 0);  // 42 + 100
  CHECK(bus.next(Cycles{139}) == -1);
  bus.request(Port::wmem, 250, 138);  // ready at 180: too late to push
  CHECK(bus.next(Cycles{140}) == 142);

  Bus other(false);
  other.request(Port::fmem, 2500, 0);
  CHECK(other.next(Cycles{60}) == -1);
  other.request(Port::wmem, 250, 99);  // ready at 141, one cycle before the features: pushes them by 10
  CHECK(other.next() == 151);
  CHECK(other.last == Port::wmem);
  CHECK(other.next() == 152);
  CHECK(other.last == Port::fmem);
}

TEST_CASE("weights ready in the cycle in which features end do not push them") {
  Bus bus(false);
  bus.request(Port::fmem, 2500, 0);
  bus.request(Port::wmem, 250, 100);
  CHECK(bus.next() == 142);
  CHECK(bus.last == Port::fmem);
}

TEST_CASE("writes take a cycle and no place on the bus") {
  Bus bus(false);
  bus.request(Port::fmem, 2500, 0);
  bus.request(Port::write, 1'000'000, 50);
  CHECK(bus.next() == 54);
  CHECK(bus.last == Port::write);
  CHECK(bus.next() == 142);
}
