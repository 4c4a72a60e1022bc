// Speed of the FR-FCFS controller in requests per CPU second, event-driven beside per-clock in one run:
// compare their ratio, not runs on different days.
#include <benchmark/benchmark.h>

#include <string>

#include "sim/mem/dram/fr_fcfs_controller.h"
#include "sim/mem/dram/replay.h"
#include "tests/mem/ticking_controller.h"

namespace {

using namespace npusim::mem;

template <class Controller>
void stream(benchmark::State& state, const std::string& model, const std::string& mapping,
            const std::string& name, std::int64_t rate) {
  const DramRules rules = dram_rules(model, Flavour::dramsim3, "benchmark");
  const AddressMapping map(rules, mapping, "benchmark");
  const RequestStream requests = named_stream(name, rules, rate);
  constexpr std::int64_t kRequests = 50'000;
  std::int64_t clocks = 0;
  std::int64_t events = 0;
  for (auto _ : state) {
    Controller controller(rules, dramsim3_policy(), map);
    clocks += replay(controller, requests, kRequests).clocks;
    events += controller.counters().events;
  }
  const auto total = static_cast<double>(state.iterations() * kRequests);
  state.counters["requests/s"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
  state.counters["clocks/s"] = benchmark::Counter(static_cast<double>(clocks), benchmark::Counter::kIsRate);
  state.counters["events/request"] = static_cast<double>(events) / total;
}

void add(const std::string& model, const std::string& mapping, const std::string& name, std::int64_t rate) {
  const std::string label = model + "/" + name + "/" + std::to_string(rate);
  benchmark::RegisterBenchmark(("event/" + label).c_str(), [=](benchmark::State& state) {
    stream<FrFcfsController>(state, model, mapping, name, rate);
  });
  benchmark::RegisterBenchmark(("clock/" + label).c_str(), [=](benchmark::State& state) {
    stream<test::TickingController>(state, model, mapping, name, rate);
  });
}

}  // namespace

int main(int argc, char** argv) {
  for (const char* name : {"seq_read", "rand_read", "rand_2r1w", "dma_4r1w", "copy_512", "row_conflict"}) {
    add("lpddr4-3200", "ro ba co", name, 100);
    add("ddr4-2400", "ro ba co bg", name, 100);
  }
  add("lpddr4-3200", "ro ba co", "seq_read", 10);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
