// Throughput and memory of a batch of many small jobs, with a store, as npusim sweep and npusim table run
// them.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "hw_models/api/npu.h"
#include "nas/jobs/batch.h"
#include "sim/base/rng.h"
#include "workloads/zoo/builder.h"

namespace {

using namespace npusim;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPart = 1000;  ///< jobs at the start and at the end that are compared

ir::Graph layer(std::int64_t size, std::int64_t channels) {
  zoo::Builder builder(fmt::format("conv{}x{}", size, channels), {1, 16, size, size});
  return builder.finish(builder.conv_act("conv", builder.input(), {.out = channels, .kernel = 3}));
}

jobs::Chip chip(const std::shared_ptr<const Config>& base, std::vector<std::string> overrides) {
  jobs::Chip one{base, std::move(overrides), ""};
  one.hash = hw::hardware_hash(one.description());
  return one;
}

/// Neighbours cost alike; the first and the last thousand shall not differ by that.
template <class Item>
void shuffle(std::vector<Item>& items) {
  Rng rng(1);
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1],
              items[static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(i) - 1))]);
  }
}

/// One chip, `count` layers.
jobs::Batch many_layers(std::size_t count) {
  jobs::Batch batch;
  batch.chips.push_back(chip(std::make_shared<const Config>(hw::describe("ascend310")), {}));
  for (std::size_t i = 0; i < count; ++i) {
    batch.graphs.push_back(
        layer(8 + static_cast<std::int64_t>(i % 40), 1 + static_cast<std::int64_t>(i / 40)));
    batch.jobs.push_back({0, i});
  }
  shuffle(batch.jobs);
  return batch;
}

/// One layer, `count` chips.
jobs::Batch many_chips(std::size_t count) {
  jobs::Batch batch;
  const auto base = std::make_shared<const Config>(hw::describe("ascend310"));
  batch.graphs.push_back(layer(32, 64));
  for (std::size_t i = 0; i < count; ++i) {
    batch.chips.push_back(chip(base, {fmt::format("mte2.start_cycles={}", i % 100),
                                      fmt::format("l2.latency_cycles={}", 20 + i / 100)}));
    batch.jobs.push_back({i, 0});
  }
  shuffle(batch.chips);
  return batch;
}

double resident_mb() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  long total = 0;
  long resident = 0;
  if (file != nullptr) {
    if (std::fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

double peak_mb(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1e3;
}

void run(benchmark::State& state, jobs::Batch (*make)(std::size_t)) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const jobs::Batch batch = make(count);
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("npusim-benchmark-{}", ::getpid());
  std::vector<Clock::time_point> ends;
  double early_mb = 0;
  for (auto _ : state) {
    std::filesystem::remove_all(folder);
    jobs::Store store((folder / "results.db").string());
    jobs::BatchOptions options;
    options.workers = 2;
    options.version = "benchmark";
    options.store = &store;
    ends = {Clock::now()};
    options.executor = [&](const auto& list, const auto& work, const auto& pool, const jobs::Done& done) {
      return jobs::run_pool(list, work, pool, [&](std::size_t job, const jobs::Outcome& outcome) {
        done(job, outcome);
        ends.push_back(Clock::now());
        if (ends.size() == kPart) early_mb = resident_mb();
      });
    };
    const jobs::BatchResult result = jobs::run_batch(batch, options);
    if (result.simulated != count) state.SkipWithError("not every job was simulated");
  }
  std::filesystem::remove_all(folder);
  const auto rate = [&](std::size_t from, std::size_t to) {
    return static_cast<double>(to - from) / std::chrono::duration<double>(ends[to] - ends[from]).count();
  };
  state.counters["jobs/s"] = rate(0, count);
  state.counters["first_1000/s"] = rate(0, kPart);
  state.counters["last_1000/s"] = rate(count - kPart, count);
  state.counters["parent_MB_after_1000"] = early_mb;
  state.counters["parent_MB_at_end"] = resident_mb();
  state.counters["parent_peak_MB"] = peak_mb(RUSAGE_SELF);
  state.counters["worker_peak_MB"] = peak_mb(RUSAGE_CHILDREN);
}

void layers(benchmark::State& state) { run(state, many_layers); }
void chips(benchmark::State& state) { run(state, many_chips); }

// Peaks only grow: the small run comes first.
BENCHMARK(layers)->Arg(1000)->Arg(10000)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(chips)->Arg(1000)->Arg(10000)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
