// Speed of the memory domain: requests and simulated main-clock cycles per CPU second.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "sim/mem/memory.h"

namespace {

using namespace npusim;
using namespace npusim::mem;

/// Like Ascend 310: 680 MHz, 128-bit LPDDR4X at 3200 MT/s, 256 B packages at 67 B a cycle.
MemorySpec chip(std::int64_t ports, std::int64_t write_queue) {
  MemorySpec spec;
  spec.clock_hz = 680'000'000;
  spec.dram.timing = read_timing(dram_table("lpddr4x-3200", "benchmark"));
  spec.dram.channels = 8;
  spec.dram.controller_cycles = 80;
  spec.dram.write_queue = write_queue;
  spec.sram.base = INT64_C(1) << 40U;
  spec.sram.bytes = 8 << 20U;
  spec.sram.read_bytes_per_cycle = 256;
  spec.sram.write_bytes_per_cycle = 128;
  spec.sram.latency_cycles = 40;
  for (std::int64_t i = 0; i < ports; ++i) {
    PortSpec port;
    port.name = fmt::format("port{}", i);
    port.write = i % 2 == 1;
    port.outstanding = 64;
    port.issue_num = 256;
    port.issue_den = 67;
    spec.ports.push_back(port);
  }
  return spec;
}

program::Region region(std::int64_t offset, std::int64_t bytes, std::int64_t runs, std::int64_t stride) {
  program::Region one;
  one.offset = offset;
  one.bytes = bytes;
  one.inner = runs;
  one.inner_stride = stride;
  return one;
}

/// Every port repeats transfers of `shape`, each from another place.
void stream(benchmark::State& state, const MemorySpec& spec, const program::Region& shape) {
  const auto domain = make_memory_domain(spec);
  const auto ports = static_cast<std::int64_t>(spec.ports.size());
  std::vector<std::int64_t> count(spec.ports.size(), 0);
  const auto start = [&](std::size_t port, Cycles at) {
    program::Region runs = shape;
    const std::int64_t turn = count[port]++ * ports + static_cast<std::int64_t>(port);
    runs.offset += turn % 512 * (INT64_C(1) << 16U);
    domain->start(port, std::span(&runs, 1), at);
  };
  for (std::size_t port = 0; port < spec.ports.size(); ++port) start(port, Cycles(0));
  Cycles now(0);
  for (auto _ : state) {
    const Completion done = domain->next_completion().value();
    now = done.end;
    start(done.port, now);
  }
  const MemoryCounters& counters = domain->counters();
  using benchmark::Counter;
  state.counters["requests/s"] = Counter(static_cast<double>(counters.requests), Counter::kIsRate);
  state.counters["cycles/s"] = Counter(static_cast<double>(now.count()), Counter::kIsRate);
  state.counters["row_hits"] =
      static_cast<double>(counters.row_hits) / static_cast<double>(counters.row_hits + counters.row_misses);
  state.counters["B/cycle"] = static_cast<double>(counters.dram_read_bytes + counters.dram_write_bytes) /
                              static_cast<double>(now.count());
}

void one_port_64k(benchmark::State& state) { stream(state, chip(1, 0), region(0, 1 << 16, 1, 0)); }
void ports_64k(benchmark::State& state) {
  stream(state, chip(state.range(0), state.range(1)), region(0, 1 << 16, 1, 0));
}
void ports_4k(benchmark::State& state) {
  stream(state, chip(state.range(0), state.range(1)), region(0, 1 << 12, 1, 0));
}
void strided_runs(benchmark::State& state) { stream(state, chip(2, 0), region(0, 96, 128, 448)); }
void shared_sram(benchmark::State& state) {
  MemorySpec spec = chip(2, 0);
  spec.sram.base = 0;
  spec.sram.bytes = INT64_C(1) << 40U;
  stream(state, spec, region(0, 1 << 16, 1, 0));
}

/// The same streams on the exact controller.
MemorySpec exact(MemorySpec spec) {
  spec.dram.policy = DramPolicy::fr_fcfs;
  spec.dram.fr_fcfs.rules = dram_rules("lpddr4x-3200", Flavour::jedec, "benchmark");
  spec.dram.fr_fcfs.mapping = "ra ro ba co ba^ro";
  return spec;
}
void exact_ports_64k(benchmark::State& state) {
  stream(state, exact(chip(state.range(0), 0)), region(0, 1 << 16, 1, 0));
}
/// Requests of one burst, each in another row.
void exact_scattered(benchmark::State& state) {
  stream(state, exact(chip(state.range(0), 0)), region(0, 32, 1024, (1 << 14) + 32));
}

BENCHMARK(exact_ports_64k)->Arg(1)->Arg(2)->Arg(4)->Arg(8);
BENCHMARK(exact_scattered)->Arg(2)->Arg(4);
BENCHMARK(one_port_64k);
BENCHMARK(ports_64k)->Args({2, 0})->Args({2, 16})->Args({4, 0})->Args({4, 16})->Args({8, 16});
BENCHMARK(ports_4k)->Args({4, 16});
BENCHMARK(strided_runs);
BENCHMARK(shared_sram);

}  // namespace
