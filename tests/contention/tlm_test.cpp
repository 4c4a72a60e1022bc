// TLM-2.0 at both edges: npusim's DRAM as a target for others, others' memories in place of npusim's DRAM.
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <functional>
#include <memory>
#include <optional>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "sim/kernel/systemc_context.h"
#include "sim/kernel/tlm_memory.h"
#include "sim/kernel/tlm_target.h"
#include "sim/mem/memory.h"
#include "tests/catch.h"

namespace npusim::kernel::test {
namespace {

using sc_core::SC_NS;
using sc_core::SC_PS;
using sc_core::sc_time;
using sc_core::sc_time_stamp;
using Payload = tlm::tlm_generic_payload;

/// A memory of somebody else's: one request at a time, each takes `latency`. Approximately timed.
class FixedMemory : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(FixedMemory);
  FixedMemory(const sc_core::sc_module_name& name, sc_time latency) : sc_module(name), latency_(latency) {
    socket.register_nb_transport_fw(this, &FixedMemory::forward);
    SC_THREAD(serve);
  }
  tlm_utils::simple_target_socket<FixedMemory> socket{"socket"};
  tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;

 private:
  tlm::tlm_sync_enum forward(Payload& payload, tlm::tlm_phase& phase, sc_time& delay) {
    if (phase == tlm::BEGIN_REQ) {
      payload.acquire();
      request_ = &payload;
      begin_.notify(delay);
      return tlm::TLM_ACCEPTED;
    }
    return tlm::TLM_COMPLETED;
  }
  void serve() {
    while (true) {
      wait(begin_);
      Payload& payload = *request_;
      sc_time none;
      wait(latency_);
      payload.set_response_status(status);
      tlm::tlm_phase phase = tlm::BEGIN_RESP;  // stands for END_REQ, too
      (void)socket->nb_transport_bw(payload, phase, none);
      payload.release();
    }
  }
  sc_time latency_;
  Payload* request_ = nullptr;
  sc_core::sc_event begin_;
};

/// The same with the blocking interface only.
class BlockingMemory : public sc_core::sc_module {
 public:
  BlockingMemory(const sc_core::sc_module_name& name, sc_time latency) : sc_module(name), latency_(latency) {
    socket.register_b_transport(this, &BlockingMemory::transport);
  }
  tlm_utils::simple_target_socket<BlockingMemory> socket{"socket"};

 private:
  void transport(Payload& payload, sc_time& delay) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    delay += latency_;
  }
  sc_time latency_;
};

template <class Memory, class... Arguments>
TlmMemoryFactory factory(Arguments... arguments) {
  return [=](tlm::tlm_initiator_socket<>& npusim) {
    auto memory = std::make_unique<Memory>("memory", arguments...);
    npusim.bind(memory->socket);
    return memory;
  };
}

mem::Request request(std::int64_t offset, std::int32_t bytes, bool write = false, std::uint16_t slot = 0) {
  mem::Request one;
  one.offset = offset;
  one.bytes = bytes;
  one.write = write;
  one.slot = slot;
  return one;
}

/// Finish cycles by slot, the executor going `stride` cycles at a time.
std::vector<std::int64_t> play(mem::LateTarget& memory,
                               const std::vector<std::pair<std::int64_t, mem::Request>>& all,
                               std::int64_t stride) {
  std::vector<std::int64_t> finish(all.size(), -1);
  const auto to = [&](std::int64_t cycle) {
    while (memory.now().count() < cycle) {
      memory.advance_to(Cycles(std::min(cycle, memory.now().count() + stride)));
      for (const mem::Response& one : memory.done()) {
        REQUIRE(one.finish > Cycles(memory.now().count() - stride));
        finish.at(one.slot) = one.finish.count();
      }
      memory.done().clear();
    }
  };
  for (const auto& [at, one] : all) {
    to(at);
    memory.push(one, Cycles(at));
  }
  while (memory.next_event() < kNever) to(memory.next_event().count() + 1);
  return finish;
}

constexpr std::int64_t kClock = 500'000'000;  // 2 ns

TlmTargetSpec lpddr4(std::int64_t channels = 1) {
  TlmTargetSpec spec;
  spec.rules = mem::dram_rules("lpddr4-3200", mem::Flavour::jedec, "test");
  spec.mapping = "ra ro ba co";
  spec.channels = channels;
  return spec;
}

/// Drives a target as an AT initiator: each request at its time or when the one before was accepted.
class Driver : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(Driver);
  Driver(const sc_core::sc_module_name& name, std::vector<std::pair<sc_time, mem::BurstRequest>> requests,
         unsigned int bytes)
      : sc_module(name), requests_(std::move(requests)), data_(bytes), payloads_(requests_.size()) {
    socket.register_nb_transport_bw(this, &Driver::backward);
    accepted.resize(requests_.size());
    answered.resize(requests_.size());
    SC_METHOD(send);
    sensitive << wake_;
  }
  tlm_utils::simple_initiator_socket<Driver> socket{"socket"};
  std::vector<sc_time> accepted, answered;

 private:
  void send() {
    if (busy_ || next_ == requests_.size()) return;
    const auto& [at, one] = requests_[next_];
    if (at > sc_time_stamp()) return wake_.notify(at - sc_time_stamp());
    Payload& payload = payloads_[next_];
    payload.set_command(one.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(one.address);
    payload.set_data_ptr(data_.data());
    payload.set_data_length(static_cast<unsigned int>(data_.size()));
    payload.set_streaming_width(static_cast<unsigned int>(data_.size()));
    busy_ = true;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_time delay;
    REQUIRE(socket->nb_transport_fw(payload, phase, delay) == tlm::TLM_ACCEPTED);
  }
  tlm::tlm_sync_enum backward(Payload& payload, tlm::tlm_phase& phase, sc_time& /*delay*/) {
    const auto index = static_cast<std::size_t>(&payload - payloads_.data());
    if (phase == tlm::END_REQ) {
      accepted[index] = sc_time_stamp();
      busy_ = false;
      ++next_;
      wake_.notify(sc_core::SC_ZERO_TIME);
      return tlm::TLM_ACCEPTED;
    }
    REQUIRE(phase == tlm::BEGIN_RESP);
    REQUIRE(payload.is_response_ok());
    answered[index] = sc_time_stamp();
    return tlm::TLM_COMPLETED;
  }
  std::vector<std::pair<sc_time, mem::BurstRequest>> requests_;
  std::vector<unsigned char> data_;
  std::vector<Payload> payloads_;
  std::size_t next_ = 0;
  bool busy_ = false;
  sc_core::sc_event wake_;
};

/// Acceptance and data clocks of a controller that is driven directly, head of the line first, one a clock.
struct Direct {
  std::vector<std::int64_t> accepted, data;
};
Direct drive(const TlmTargetSpec& spec,
             const std::vector<std::pair<std::int64_t, mem::BurstRequest>>& requests) {
  mem::FrFcfsController controller(spec.rules, spec.policy,
                                   mem::AddressMapping(spec.rules, spec.mapping, "test"));
  Direct result{std::vector<std::int64_t>(requests.size()), std::vector<std::int64_t>(requests.size(), -1)};
  std::int64_t waiting = 0;
  const auto collect = [&] {
    for (const mem::ReadDone& one : controller.done()) {
      result.data[one.id] = one.clock;
      --waiting;
    }
    controller.done().clear();
  };
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto [at, one] = requests[i];
    one.id = static_cast<std::uint32_t>(i);
    if (at > controller.now()) controller.advance_to(at);
    while (!controller.push(one)) controller.advance_to(controller.now() + 1);
    result.accepted[i] = controller.now();
    if (one.write) result.data[i] = controller.now() + 1;
    waiting += one.write ? 0 : 1;
    controller.advance_to(controller.now() + 1);
    collect();
  }
  while (waiting > 0) {
    controller.advance_to(controller.now() + 1);
    collect();
  }
  return result;
}

std::vector<std::pair<std::int64_t, mem::BurstRequest>> random_requests(const mem::DramRules& rules,
                                                                        int count, std::int64_t gap) {
  Rng rng(7);
  std::vector<std::pair<std::int64_t, mem::BurstRequest>> requests;
  std::int64_t at = 0;
  for (int i = 0; i < count; ++i) {
    at += rng.uniform(0, gap);
    mem::BurstRequest one;
    one.address = static_cast<std::uint64_t>(rng.uniform(0, 4095) * rules.burst_bytes);
    one.write = rng.uniform(0, 2) == 0;
    requests.emplace_back(at, one);
  }
  return requests;
}

/// A new context with a target in it, and whatever `body` adds.
template <class Body>
void simulate(const TlmTargetSpec& spec, Body&& body) {
  const std::unique_ptr<sc_core::sc_simcontext> context(new_context());
  const ContextScope scope(context.get());
  TlmTarget target("dram", spec);
  body(target);
}

/// A thread that runs `body`.
class Thread : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(Thread);
  Thread(const sc_core::sc_module_name& name, std::function<void(Thread&)> body)
      : sc_module(name), body_(std::move(body)) {
    SC_THREAD(run);
  }
  tlm_utils::simple_initiator_socket<Thread> socket{"socket"};
  /// A blocking access; the response.
  tlm::tlm_response_status access(bool write, std::uint64_t address, std::vector<unsigned char>& data) {
    Payload payload;
    payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(address);
    payload.set_data_ptr(data.data());
    payload.set_data_length(static_cast<unsigned int>(data.size()));
    payload.set_streaming_width(static_cast<unsigned int>(data.size()));
    sc_time delay;
    socket->b_transport(payload, delay);
    REQUIRE(delay == sc_core::SC_ZERO_TIME);
    return payload.get_response_status();
  }
  bool finished = false;

 private:
  void run() {
    body_(*this);
    finished = true;
  }
  std::function<void(Thread&)> body_;
};

}  // namespace

TEST_CASE(
    "A foreign memory of 50 ns answers a request of cycle 100 (2 ns each) in cycle 126, one of 49.999 ns in "
    "125",
    "[tlm]") {
  for (const auto& [picoseconds, cycle] :
       {std::pair(49'999, 125), std::pair(50'000, 126), std::pair(51'999, 126), std::pair(52'000, 127)}) {
    const auto memory = make_tlm_memory(factory<FixedMemory>(sc_time(picoseconds, SC_PS)), kClock, 0);
    CHECK(play(*memory, {{100, request(0, 64)}}, 1'000'000).at(0) == cycle);
    const auto blocking = make_tlm_memory(factory<BlockingMemory>(sc_time(picoseconds, SC_PS)), kClock, 7);
    CHECK(play(*blocking, {{100, request(0, 64)}}, 1'000'000).at(0) == cycle + 7);
  }
}

TEST_CASE("Taking a request decides nothing: what would have been answered before it is still to come",
          "[tlm]") {
  const auto memory = make_tlm_memory(factory<FixedMemory>(sc_time(50, SC_NS)), kClock, 0);
  memory->push(request(0, 64, false, 0), Cycles(10));
  memory->push(request(64, 64, false, 1), Cycles(200));
  CHECK(memory->done().empty());
  CHECK(memory->earliest_answer() <= Cycles(36));
  memory->advance_to(Cycles(36));
  REQUIRE(memory->done().size() == 1);
  CHECK(memory->done()[0].finish == Cycles(36));
  memory->advance_to(Cycles(300));
  REQUIRE(memory->done().size() == 2);
  CHECK(memory->done()[1].finish == Cycles(226));
}

TEST_CASE("A foreign memory that takes one request at a time holds up the rest: 50, 100, 150 ns", "[tlm]") {
  const auto memory = make_tlm_memory(factory<FixedMemory>(sc_time(50, SC_NS)), kClock, 0);
  const std::vector<std::pair<std::int64_t, mem::Request>> requests = {{10, request(0, 64, false, 0)},
                                                                       {10, request(64, 64, true, 1)},
                                                                       {11, request(128, 64, false, 2)},
                                                                       {200, request(0, 64, false, 3)}};
  const std::vector<std::int64_t> expected = {10 + 26, 10 + 51, 10 + 76, 200 + 26};
  CHECK(play(*memory, requests, 1'000'000) == expected);
  // From the start again, and cycle by cycle.
  memory->reset();
  CHECK(play(*memory, requests, 1'000'000) == expected);
  memory->reset();
  CHECK(play(*memory, requests, 1) == expected);
}

TEST_CASE("A foreign memory's error and silence are the user's to hear", "[tlm]") {
  const auto failing = make_tlm_memory(
      [](tlm::tlm_initiator_socket<>& npusim) {
        auto memory = std::make_unique<FixedMemory>("memory", sc_time(1, SC_NS));
        memory->status = tlm::TLM_ADDRESS_ERROR_RESPONSE;
        npusim.bind(memory->socket);
        return memory;
      },
      kClock, 0);
  failing->push(request(0x1000, 64), Cycles(0));
  CHECK_THROWS_AS(failing->advance_to(Cycles(10)), UserError);

  struct Silent : sc_core::sc_module {
    explicit Silent(const sc_core::sc_module_name& name) : sc_module(name) {
      socket.register_nb_transport_fw(this, &Silent::forward);
    }
    tlm::tlm_sync_enum forward(Payload& /*payload*/, tlm::tlm_phase& /*phase*/, sc_time& /*delay*/) {
      return tlm::TLM_ACCEPTED;
    }
    tlm_utils::simple_target_socket<Silent> socket{"socket"};
  };
  const auto silent = make_tlm_memory(factory<Silent>(), kClock, 0);
  silent->push(request(0, 64), Cycles(0));
  silent->advance_to(Cycles(10));
  CHECK_THROWS_AS(silent->next_event(), UserError);
}

TEST_CASE(
    "A read of npusim's DRAM through TLM is back when ACT, RD and data are over, a write a clock after it "
    "came",
    "[tlm]") {
  // In clock 0 the request reaches its bank's queue, in clock 1 the row is opened.
  const TlmTargetSpec spec = lpddr4();
  const std::int64_t trcd = spec.rules.distance(mem::Scope::bank, mem::Command::activate, mem::Command::read);
  const sc_time expected = sc_time(625, SC_PS) * static_cast<double>(1 + trcd + spec.rules.read_end);
  simulate(spec, [&](TlmTarget& target) {
    mem::BurstRequest read;
    mem::BurstRequest write;
    write.address = 32;
    write.write = true;
    Driver driver("driver", {{sc_core::SC_ZERO_TIME, read}, {sc_time(1'000'100, SC_PS), write}}, 32);
    driver.socket.bind(target.socket);
    sc_core::sc_start(sc_time(10, sc_core::SC_US));
    CHECK(driver.accepted[0] == sc_core::SC_ZERO_TIME);
    CHECK(driver.answered[0] == expected);
    // Between two edges: accepted at the next one, 1601 * 625 ps.
    CHECK(driver.accepted[1] == sc_time(1'000'625, SC_PS));
    CHECK(driver.answered[1] == sc_time(1'001'250, SC_PS));
    CHECK(target.counters().reads == 1);
  });
}

TEST_CASE(
    "Through TLM npusim's DRAM takes and answers 3000 random requests at the clocks of a controller driven "
    "directly",
    "[tlm]") {
  for (const std::string table : {"lpddr4-3200", "ddr4-2400"}) {
    for (const std::int64_t gap : {0, 12}) {
      TlmTargetSpec spec;
      spec.rules = mem::dram_rules(table, mem::Flavour::jedec, "test");
      if (table == "lpddr4-3200") spec.mapping = "ra ro ba co";
      const auto requests = random_requests(spec.rules, 3000, gap);
      const Direct direct = drive(spec, requests);
      simulate(spec, [&](TlmTarget& target) {
        const TickClock clock(spec.rules.clock_hz);
        std::vector<std::pair<sc_time, mem::BurstRequest>> timed;
        for (const auto& [at, one] : requests) timed.emplace_back(clock.time_of(at), one);
        Driver driver("driver", timed, static_cast<unsigned int>(spec.rules.burst_bytes));
        driver.socket.bind(target.socket);
        sc_core::sc_start(sc_time(1, sc_core::SC_MS));
        INFO(table << ", gap " << gap);
        for (std::size_t i = 0; i < requests.size(); ++i) {
          REQUIRE(driver.accepted[i] == clock.time_of(direct.accepted[i]));
          REQUIRE(driver.answered[i] == clock.time_of(direct.data[i]));
        }
        CHECK(direct.accepted.back() > (gap == 0 ? 3000 : 0));  // queues were full at times
      });
    }
  }
}

TEST_CASE("npusim's DRAM behind npusim's own initiator answers as when driven directly", "[tlm]") {
  const TlmTargetSpec spec = lpddr4();
  const auto requests = random_requests(spec.rules, 500, 12);
  const Direct direct = drive(spec, requests);
  std::vector<std::pair<std::int64_t, mem::Request>> pushed;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto& [at, one] = requests[i];
    pushed.emplace_back(
        at, request(static_cast<std::int64_t>(one.address), 32, one.write, static_cast<std::uint16_t>(i)));
  }
  const auto memory = make_tlm_memory(factory<TlmTarget>(spec), spec.rules.clock_hz, 0);
  const auto finish = play(*memory, pushed, 1'000'000);
  for (std::size_t i = 0; i < requests.size(); ++i) REQUIRE(finish[i] == direct.data[i] + 1);
}

TEST_CASE("Blocking accesses take the same time, and the memory remembers what was written", "[tlm]") {
  const TlmTargetSpec spec = lpddr4(2);
  simulate(spec, [&](TlmTarget& target) {
    Thread thread("thread", [&](Thread& self) {
      std::vector<unsigned char> out(600);
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<unsigned char>(i * 7);
      CHECK(self.access(true, 1000, out) == tlm::TLM_OK_RESPONSE);
      std::vector<unsigned char> in(800, 99);
      CHECK(self.access(false, 900, in) == tlm::TLM_OK_RESPONSE);
      CHECK(in[99] == 0);
      CHECK(std::equal(out.begin(), out.end(), in.begin() + 100));
      CHECK(in[700] == 0);
      const sc_time before = sc_time_stamp();
      CHECK(self.access(false, std::uint64_t{1} << 40U, in) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
      CHECK(self.access(false, (std::uint64_t{2} << 30U) - 799, in) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
      CHECK(sc_time_stamp() - before == sc_time(2 * 625, SC_PS));
    });
    thread.socket.bind(target.socket);
    sc_core::sc_start(sc_time(100, sc_core::SC_US));
    CHECK(thread.finished);
    // Bytes 1000 to 1599 touch 19 bursts of 32, 900 to 1699 touch 26: those that still wait answer reads.
    CHECK(target.counters().reads + target.counters().forwarded_reads == 26);
  });
}

TEST_CASE("Two channels serve a stream of 256-byte payloads in about half the time of one", "[tlm]") {
  const auto last = [](std::int64_t channels) {
    sc_time end;
    simulate(lpddr4(channels), [&](TlmTarget& target) {
      std::vector<std::pair<sc_time, mem::BurstRequest>> requests(400);
      for (std::size_t i = 0; i < requests.size(); ++i) requests[i].second.address = i * 256;
      Driver driver("driver", requests, 256);
      driver.socket.bind(target.socket);
      sc_core::sc_start(sc_time(1, sc_core::SC_MS));
      end = driver.answered.back();
    });
    return end;
  };
  const double ratio = last(1) / last(2);
  CHECK(ratio > 1.9);
  CHECK(ratio < 2.05);
}

}  // namespace npusim::kernel::test
