// Networks per second that a fitted model answers for on one core, from genomes, beside our own simulator on
// the same networks in the same run.
#include <benchmark/benchmark.h>

#include <map>
#include <memory>

#include "hw_models/api/npu.h"
#include "nas/fit/model.h"
#include "nas/fit/space_predictor.h"
#include "sim/base/rng.h"

namespace {

using namespace npusim;

constexpr std::size_t kTraining = 200;
constexpr const char* kSpace = "mnasnet-edgetpu";

/// A chip with a model of the space fitted to a few networks simulated in this process.
struct Bench {
  std::shared_ptr<const space::Space> space = space::make_space(kSpace);
  std::unique_ptr<hw::Evaluator> evaluator;
  ir::DType dtype;
  std::vector<space::Genome> genomes;
  std::unique_ptr<fit::SpacePredictor> predictor;

  Bench(const std::string& chip, const std::string& model) {
    const Config config = hw::describe(chip);
    evaluator = std::make_unique<hw::Evaluator>(config, kernel::KernelKind::run_ahead);
    dtype = evaluator->npu().dtypes().front();
    Rng rng(1);
    std::vector<ir::Graph> graphs;
    std::vector<jobs::Result> results;
    for (std::size_t i = 0; i < kTraining; ++i) {
      genomes.push_back(space->sample(rng));
      graphs.push_back(space->build(genomes.back()));
      const trace::Report report = simulate(graphs.back());
      jobs::Result result{jobs::Status::ok, "", {}};
      result.summary.cycles = report.total_cycles;
      for (const auto& layer : report.layers) {
        result.summary.layers.push_back(
            {layer.name, layer.cycles(), layer.dram_read_bytes, layer.dram_write_bytes});
      }
      results.push_back(std::move(result));
    }
    fit::FitOptions options;
    options.model = model;
    predictor = std::make_unique<fit::SpacePredictor>(
        fit::fit(fit::make_dataset(config, dtype, graphs, results), options).model, space, config,
        "benchmark");
  }

  trace::Report simulate(const ir::Graph& graph) const {
    hw::EvaluateOptions options;
    options.dtype = dtype;
    return evaluator->evaluate(graph, options);
  }
};

const Bench& bench(const std::string& chip, const std::string& model) {
  static std::map<std::pair<std::string, std::string>, std::unique_ptr<Bench>> known;
  auto& one = known[{chip, model}];
  if (!one) one = std::make_unique<Bench>(chip, model);
  return *one;
}

void predict(benchmark::State& state, const std::string& chip, const std::string& model) {
  const Bench& all = bench(chip, model);
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(all.predictor->predict_ns(all.genomes[next]));
    next = next + 1 == all.genomes.size() ? 0 : next + 1;
  }
  state.counters["networks/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

/// From genome to report: graph, passes, mapping, simulation; "simulation_s" is the last alone.
void simulate(benchmark::State& state, const std::string& chip) {
  const Bench& all = bench(chip, "apm");
  std::size_t next = 0;
  double simulation = 0;
  for (auto _ : state) {
    simulation += all.simulate(all.space->build(all.genomes[next])).wall_s;
    next = next + 1 == all.genomes.size() ? 0 : next + 1;
  }
  state.counters["networks/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["simulation_s"] = simulation / static_cast<double>(state.iterations());
}

}  // namespace

int main(int argc, char** argv) {
  for (const std::string chip : {"edgetpu-coral-usb", "ascend310", "midap", "vpu-meteorlake"}) {
    for (const std::string model : {"apm", "linear"}) {
      benchmark::RegisterBenchmark(("predict/" + model + "/" + chip).c_str(),
                                   [=](benchmark::State& state) { predict(state, chip, model); });
    }
    benchmark::RegisterBenchmark(("simulate/" + chip).c_str(),
                                 [=](benchmark::State& state) { simulate(state, chip); });
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
