// Links, co-runners and foreign memories in whole machines: exact on paper, the same in both kernels.
#include <tlm_utils/simple_target_socket.h>

#include <functional>
#include <memory>
#include <systemc>

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "sim/kernel/tlm_memory.h"
#include "sim/kernel/tlm_plugin.h"
#include "sim/kernel/tlm_target.h"
#include "sim/mem/corunner.h"
#include "tests/catch.h"
#include "tests/kernel/toy.h"
#include "tests/program/draft.h"

namespace npusim::kernel::test {
namespace {

constexpr std::int64_t kLinkBase = INT64_C(1) << 34U;

mem::HostLinkSpec usb() {
  mem::HostLinkSpec link;
  link.name = "usb";
  link.base = kLinkBase;
  link.bytes = INT64_C(1) << 30U;
  link.read.rate_num = 1;
  link.read.rate_den = 2;
  link.write.rate_num = 1;
  link.write.rate_den = 16;
  return link;
}

mem::PortSpec corunner(mem::TrafficPattern::Kind kind, std::int64_t issue_num, std::int64_t issue_den) {
  mem::TrafficPattern pattern;
  pattern.name = "neighbour";
  pattern.kind = kind;
  pattern.base = 64 << 20U;
  pattern.bytes = 8 << 20U;
  pattern.read_percent = 67;
  if (kind == mem::TrafficPattern::Kind::trace) {
    pattern.trace = {{0, 64 << 20U, 300, false}, {0, 65 << 20U, 64, true}, {90, 66 << 20U, 1000, false}};
    pattern.period = 400;
  }
  mem::PortSpec port;
  port.name = pattern.name;
  port.request_bytes = pattern.burst_bytes;
  port.issue_num = port.sram_issue_num = issue_num;
  port.issue_den = port.sram_issue_den = issue_den;
  port.traffic = std::make_shared<const mem::TrafficPattern>(pattern);
  return port;
}

/// Everything of a run, memory's counters included.
std::string all_of(const RunResult& result) {
  std::string text = to_text(result);
  const mem::MemoryCounters& m = result.memory;
  const auto add = [&text](std::int64_t value) { text += " " + std::to_string(value); };
  for (const std::int64_t value :
       {m.dram_read_bytes, m.dram_write_bytes, m.sram_read_bytes, m.sram_write_bytes, m.requests, m.bursts,
        m.row_hits, m.row_misses, m.refreshes}) {
    add(value);
  }
  for (const mem::LinkCounters& link : m.links) {
    for (const mem::LinkTraffic& one : {link.read, link.write}) {
      text += "\n" + link.name;
      for (const std::int64_t value :
           {one.bytes, one.packets, one.pieces, one.busy_cycles, one.wait_cycles}) {
        add(value);
      }
    }
  }
  for (const mem::CoRunnerCounters& one : m.corunners) {
    text += "\n" + one.name;
    for (const std::int64_t value : {one.read_bytes, one.write_bytes, one.requests}) add(value);
  }
  for (const mem::PortWaits& one : m.waits) {
    text += "\nwaits";
    for (const std::int64_t value : {one.service, one.own, one.refresh}) add(value);
    for (const std::int64_t value : one.others) add(value);
  }
  return text;
}

MachineSpec random_machine(const program::Target& target, Rng& rng) {
  MachineSpec spec = machine_for(target);
  mem::MemorySpec& memory = spec.memory;
  memory.dram.channels = std::int64_t{1} << rng.uniform(0, 2);
  memory.dram.write_queue = rng.uniform(0, 1) * 8;
  if (rng.uniform(0, 1) == 0) {
    memory.dram.policy = mem::DramPolicy::fr_fcfs;
    memory.dram.fr_fcfs.arbitration = static_cast<mem::Arbitration>(rng.uniform(0, 3));
  }
  if (rng.uniform(0, 1) == 0) {
    // Part of the programs' addresses lie behind the link.
    mem::HostLinkSpec link = usb();
    link.base = 1024;
    link.bytes = 2048;
    link.read.rate_num = rng.uniform(1, 20);
    link.read.rate_den = rng.uniform(1, 20);
    link.write.rate_num = rng.uniform(1, 20);
    link.write.rate_den = rng.uniform(1, 20);
    link.read.latency_cycles = rng.uniform(0, 50);
    link.packet_bytes = rng.uniform(16, 300);
    link.packet_overhead_bytes = rng.uniform(0, 20);
    link.piece_cycles = rng.uniform(0, 30);
    link.half_duplex = rng.uniform(0, 1) == 0;
    memory.links = {link};
  }
  const std::int64_t others = rng.uniform(memory.links.empty() ? 1 : 0, 2);
  for (std::int64_t i = 0; i < others; ++i) {
    const std::int64_t den = rng.uniform(1, 9);
    memory.ports.push_back(
        corunner(static_cast<mem::TrafficPattern::Kind>(rng.uniform(0, 2)), den + rng.uniform(0, 100), den));
  }
  return spec;
}

/// A toy that loads `bytes` from `offset` in one task.
program::Program load_program(const Toy& toy, std::int64_t offset, std::int64_t bytes, int tasks = 1) {
  Script script(toy);
  for (int i = 0; i < tasks; ++i) script.task("t" + std::to_string(i)).move(kLoad, offset + i * bytes, bytes);
  return script.done();
}

/// One request at a time, each a fixed time, written with plain SystemC.
class FixedMemory : public sc_core::sc_module {
 public:
  FixedMemory(const sc_core::sc_module_name& name, sc_core::sc_time latency)
      : sc_module(name), latency_(latency) {
    socket.register_b_transport(this, &FixedMemory::transport);
  }
  tlm_utils::simple_target_socket<FixedMemory> socket{"socket"};

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    wait(delay + latency_);
    delay = sc_core::SC_ZERO_TIME;
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
  sc_core::sc_time latency_;
};

void use_fixed_memory(mem::MemorySpec& spec, std::int64_t picoseconds) {
  spec.external = [picoseconds](const mem::MemorySpec& memory) {
    return make_tlm_memory(
        [picoseconds](tlm::tlm_initiator_socket<>& npusim) {
          auto fixed = std::make_unique<FixedMemory>(
              "fixed", sc_core::sc_time(static_cast<double>(picoseconds), sc_core::SC_PS));
          npusim.bind(fixed->socket);
          return fixed;
        },
        memory.clock_hz, memory.dram.controller_cycles);
  };
}

}  // namespace

TEST_CASE("1000 bytes through a link of half a byte a cycle and 30 cycles' latency take 2032 cycles",
          "[link]") {
  for (const KernelKind kind : kKinds) {
    Toy toy;
    toy.spec().memory.links = {usb()};
    toy.spec().memory.links[0].read.latency_cycles = 30;
    toy.spec().memory.ports[0].issue_num = 1;
    toy.spec().memory.ports[0].issue_den = 1;
    const RunResult result = run(toy, load_program(toy, kLinkBase, 1000), kind);
    // The first request is issued in cycle 1 and arrives in 2; the rest wait behind it on the wire.
    CHECK(result.total_cycles == 2 + 2000 + 30);
    REQUIRE(result.memory.links.size() == 1);
    CHECK(result.memory.links[0].read.bytes == 1000);
    CHECK(result.memory.links[0].read.busy_cycles == 2000);
    CHECK(result.memory.links[0].write.bytes == 0);
    CHECK(result.memory.dram_read_bytes == 0);
    CHECK(result.memory.requests == 4);
  }
}

TEST_CASE("A half-duplex link makes a load wait for a store, a full-duplex one does not", "[link]") {
  for (const KernelKind kind : kKinds) {
    std::int64_t cycles[2] = {0, 0};
    for (const bool half : {false, true}) {
      Toy toy;
      toy.spec().memory.links = {usb()};
      toy.spec().memory.links[0].half_duplex = half;
      Script script(toy);
      script.task("t").move(kStore, kLinkBase, 256).move(kLoad, kLinkBase + 4096, 4096);
      const RunResult result = run(toy, script.done(), kind);
      cycles[half ? 1 : 0] = result.total_cycles;
      CHECK(result.memory.links[0].write.bytes == 256);
    }
    CHECK(cycles[0] == 2 + 4096 * 2);
    // The store takes its 4096 cycles first, but for the packet that the load had begun in the same cycle:
    // none, as writes go first.
    CHECK(cycles[1] == 2 + 256 * 16 + 4096 * 2);
  }
}

TEST_CASE(
    "150 random machines with links and co-runners take the same cycles and count the same in both kernels",
    "[link][corunner]") {
  Rng rng(2026);
  std::int64_t link_bytes = 0;
  std::int64_t corunner_bytes = 0;
  for (int i = 0; i < 150; ++i) {
    const program::Target target = program::test::random_target(rng);
    const program::Program program = program::test::random_pipeline(target, rng);
    const MachineSpec spec = random_machine(target, rng);
    INFO("program " << i << "\n" << program::print(program));
    Machine ahead(target, spec, KernelKind::run_ahead);
    Machine stepped(target, spec, KernelKind::systemc);
    const RunResult one = ahead.run(program, {.spans = true});
    const std::string expected = all_of(stepped.run(program, {.spans = true}));
    REQUIRE(all_of(one) == expected);
    REQUIRE(sums_fault(one) == "");
    REQUIRE(all_of(ahead.run(program, {.spans = true})) == expected);
    REQUIRE(all_of(stepped.run(program, {.spans = true})) == expected);
    for (const auto& link : one.memory.links) link_bytes += link.read.bytes + link.write.bytes;
    for (const auto& other : one.memory.corunners) corunner_bytes += other.read_bytes + other.write_bytes;
  }
  CHECK(link_bytes > 100'000);
  CHECK(corunner_bytes > 100'000);
}

TEST_CASE("A co-runner below saturation gets its rate to the request: 64 bytes every 20 cycles",
          "[corunner]") {
  for (const KernelKind kind : kKinds) {
    Toy toy;
    toy.spec().memory.ports.push_back(corunner(mem::TrafficPattern::Kind::constant, 20, 1));
    toy.spec().memory.ports.back().outstanding = 64;  // enough to hide refreshes
    Script script(toy);
    script.task("t").work(kA, 10'000);
    const RunResult result = run(toy, script.done(), kind);
    CHECK(result.total_cycles == 10'000);
    REQUIRE(result.memory.corunners.size() == 1);
    const mem::CoRunnerCounters& other = result.memory.corunners[0];
    CHECK(other.requests == 500);  // cycles 1, 21, ..., 9981
    CHECK(other.read_bytes + other.write_bytes == 500 * 64);
    CHECK(other.read_bytes == 335 * 64);  // 67 %
    CHECK(result.memory.dram_read_bytes == 0);
    CHECK(result.memory.bursts == 1000);
  }
}

TEST_CASE("A co-runner slows a load down, the more the higher its rate", "[corunner]") {
  for (const mem::DramPolicy policy : {mem::DramPolicy::in_order, mem::DramPolicy::fr_fcfs}) {
    std::int64_t before = 0;
    for (const std::int64_t interval : {1000, 100, 40, 12}) {
      Toy toy;
      toy.spec().memory.dram.policy = policy;
      const program::Program program = load_program(toy, 0, 262'144);
      const std::int64_t alone = run(toy, program, KernelKind::run_ahead).total_cycles;
      toy.spec().memory.ports.push_back(corunner(mem::TrafficPattern::Kind::random, interval, 1));
      const std::int64_t together = run(toy, program, KernelKind::run_ahead).total_cycles;
      INFO("interval " << interval << ", policy " << static_cast<int>(policy));
      CHECK(together > before);
      CHECK(together >= alone);
      if (interval == 1000) CHECK(together < alone * 11 / 10);
      if (interval == 12) CHECK(together > alone * 13 / 10);
      before = together;
    }
  }
}

TEST_CASE("A load that a co-runner of higher priority starves is an error in both kernels, and none below it",
          "[corunner]") {
  for (const KernelKind kind : kKinds) {
    for (const std::int64_t priority : {-1, 1}) {
      Toy toy;
      mem::MemorySpec& memory = toy.spec().memory;
      memory.dram.policy = mem::DramPolicy::fr_fcfs;
      memory.dram.fr_fcfs.arbitration = mem::Arbitration::fixed_priority;
      mem::PortSpec port = corunner(mem::TrafficPattern::Kind::trace, 1, 1);
      mem::TrafficPattern pattern = *port.traffic;
      // 1024 rows of one bank of the first channel, which is busy with few commands and merges none.
      pattern.trace.clear();
      for (std::int64_t row = 64; row < 1088; ++row) pattern.trace.push_back({0, row << 20U, 32, false});
      pattern.period = 1;
      port.traffic = std::make_shared<const mem::TrafficPattern>(pattern);
      port.outstanding = 256;
      port.priority = priority;
      memory.ports.push_back(port);
      const program::Program program = load_program(toy, 0, 4096);
      const std::string error = message_of<UserError>([&] { (void)run(toy, program, kind); });
      INFO(error);
      CHECK((error.find("memory port 'load' has waited 67108864 DRAM clocks") != std::string::npos) ==
            (priority > 0));
      CHECK(error.empty() == (priority < 0));
    }
  }
}

TEST_CASE("Co-runners and links that do not fit the memory are refused by name", "[corunner][link]") {
  const auto refusal = [](const std::function<void(mem::MemorySpec&)>& change) {
    Toy toy;
    toy.spec().memory.dram.channel_bytes = INT64_C(1) << 30U;
    change(toy.spec().memory);
    return message_of<UserError>([&toy] { mem::check(toy.spec().memory); });
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const auto add = [](mem::MemorySpec& m, const std::function<void(mem::TrafficPattern&)>& change) {
    mem::PortSpec port = corunner(mem::TrafficPattern::Kind::constant, 4, 1);
    mem::TrafficPattern pattern = *port.traffic;
    change(pattern);
    port.traffic = std::make_shared<const mem::TrafficPattern>(pattern);
    m.ports.push_back(port);
  };
  CHECK(refusal([&](auto& m) { add(m, [](auto&) {}); }) == "");
  contains(refusal([&](auto& m) { add(m, [](auto& p) { p.base = INT64_C(1) << 40U; }); }),
           "co-runner 'neighbour': expected a range within the memory, 2048 MiB, but it is of 8 MiB from "
           "1048576 MiB on");
  contains(refusal([&](auto& m) { add(m, [](auto& p) {
                                    p.trace = {{0, INT64_C(1) << 40U, 64, false}};
                                  }); }),
           "expected a trace within the memory");
  contains(refusal([&](auto& m) {
             add(m, [](auto&) {});
             m.ports.push_back(m.ports[0]);
           }),
           "memory port 'load': expected a place before all co-runners");
  contains(refusal([](auto& m) {
             m.links = {usb(), usb()};
             m.links[1].name = "pcie";
           }),
           "host link 'pcie': expected a window apart from that of link 'usb'");
}

TEST_CASE("A foreign memory of 100 ns a request serves a machine's loads one after another", "[tlm]") {
  for (const KernelKind kind : kKinds) {
    for (const std::int64_t picoseconds : {99'999, 100'000}) {
      Toy toy;
      toy.spec().memory.dram.controller_cycles = 0;
      use_fixed_memory(toy.spec().memory, picoseconds);
      const RunResult result = run(toy, load_program(toy, 0, 1024), kind);
      // Four requests of 256 bytes; the first arrives in cycle 2 of 1 ns, answers are back at the next edge.
      CHECK(result.total_cycles == 2 + 400 + (picoseconds == 100'000 ? 1 : 0));
      CHECK(result.memory.dram_read_bytes == 1024);
    }
  }
}

TEST_CASE("A memory model from a shared library serves a machine; a file that is none is refused", "[tlm]") {
  for (const KernelKind kind : kKinds) {
    Toy toy;
    toy.spec().memory.dram.controller_cycles = 7;
    toy.spec().memory.external = load_tlm_memory(NPUSIM_TLM_PLUGIN);
    CHECK(run(toy, load_program(toy, 0, 1024), kind).total_cycles == 2 + 401 + 7);
  }
  const auto refusal = [](const std::string& path) {
    return message_of<UserError>([&path] { (void)load_tlm_memory(path); });
  };
  CHECK(refusal("nowhere.so").find("nowhere.so: cannot be loaded") == 0);
  CHECK(refusal(NPUSIM_SOURCE_DIR "/README.md").find("cannot be loaded") != std::string::npos);
  CHECK(refusal(NPUSIM_NO_PLUGIN).find("has no function 'npusim_tlm_memory'") != std::string::npos);
}

TEST_CASE("40 random machines on foreign memories agree in both kernels, run after run", "[tlm]") {
  Rng rng(77);
  for (int i = 0; i < 40; ++i) {
    const program::Target target = program::test::random_target(rng);
    const program::Program program = program::test::random_pipeline(target, rng);
    MachineSpec spec = machine_for(target);
    if (i % 2 == 0) {
      use_fixed_memory(spec.memory, rng.uniform(500, 40'000));
    } else {
      TlmTargetSpec dram;
      dram.rules = mem::dram_rules("lpddr4-3200", mem::Flavour::jedec, "test");
      dram.channels = 2;
      spec.memory.external = [dram](const mem::MemorySpec& memory) {
        return make_tlm_memory(
            [dram](tlm::tlm_initiator_socket<>& npusim) {
              auto target_module = std::make_unique<TlmTarget>("dram", dram);
              npusim.bind(target_module->socket);
              return target_module;
            },
            memory.clock_hz, 5);
      };
    }
    if (rng.uniform(0, 1) == 0) {
      spec.memory.ports.push_back(corunner(mem::TrafficPattern::Kind::random, rng.uniform(50, 300), 1));
    }
    INFO("program " << i << "\n" << program::print(program));
    Machine ahead(target, spec, KernelKind::run_ahead);
    Machine stepped(target, spec, KernelKind::systemc);
    const std::string expected = all_of(stepped.run(program, {.spans = true}));
    REQUIRE(all_of(ahead.run(program, {.spans = true})) == expected);
    REQUIRE(all_of(ahead.run(program, {.spans = true})) == expected);
    REQUIRE(all_of(stepped.run(program, {.spans = true})) == expected);
  }
}

}  // namespace npusim::kernel::test
