// Networks per second that fitted models answer for on one core, from genomes, beside our own simulator on
// the same networks in the same run; all in CPU time of this process.
//
//   predict_benchmark [SPACE [CHIP...]]
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <ctime>
#include <memory>

#include "hw_models/api/npu.h"
#include "nas/fit/additive_predictor.h"
#include "nas/fit/model.h"
#include "nas/fit/space_predictor.h"
#include "nas/table/measure.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"

namespace {

using namespace npusim;

constexpr std::size_t kTraining = 200;
constexpr std::size_t kErrorNetworks = 10;
constexpr std::size_t kGenomes = 5000;  ///< predicted again and again
constexpr double kLeastSeconds = 1;     ///< that a figure is measured for

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// CPU seconds of one call of `what(i)`, i going around below `count`.
template <class What>
double seconds_of(std::size_t count, const What& what) {
  for (std::size_t i = 0; i < count; ++i) what(i);
  const double start = cpu_seconds();
  std::size_t calls = 0;
  while (cpu_seconds() - start < kLeastSeconds) {
    for (std::size_t i = 0; i < count; ++i) what(i);
    calls += count;
  }
  return (cpu_seconds() - start) / static_cast<double>(calls);
}

/// A chip with both models of a space, fitted to simulations.
class Bench {
 public:
  Bench(const std::string& chip, const std::string& space)
      : chip_(chip),
        space_(space::make_space(space)),
        config_(hw::describe(chip)),
        evaluator_(config_, kernel::KernelKind::run_ahead),
        dtype_(evaluator_.npu().dtypes().front()) {
    Rng rng(1);
    for (std::size_t i = 0; i < kGenomes; ++i) genomes_.push_back(space_->sample(rng));
  }

  void run() {
    const double simulation = simulation_seconds();
    const fit::SpacePredictor apm = fit_apm();
    const double canonical = seconds_of(
        kGenomes, [&](std::size_t i) { benchmark::DoNotOptimize(space_->canonical(genomes_[i])); });
    print("apm", apm, simulation, [&](std::size_t i) { return apm.predict_canonical_ns(genomes_[i]); });
    const fit::AdditivePredictor additive = measure_additive();
    print("additive", additive, simulation, [&](std::size_t i) { return additive.predict_ns(genomes_[i]); });
    fmt::print("{:<18} {:<9} {:.0f} ns to make a genome canonical; look-ups: apm {}, additive {}\n", chip_,
               "", canonical * 1e9, apm.tabulated(), additive.tabulated());
  }

 private:
  [[nodiscard]] jobs::BatchResult run_batch(const jobs::Batch& batch) const {
    jobs::BatchOptions options;
    options.version = "benchmark";
    jobs::BatchResult results = jobs::run_batch(batch, options);
    for (const jobs::Result& result : results.results) {
      if (result.status != jobs::Status::ok) throw UserError(result.message);
    }
    return results;
  }
  [[nodiscard]] jobs::Chip chip() const {
    return {std::make_shared<const Config>(config_), {}, hw::hardware_hash(config_)};
  }

  [[nodiscard]] fit::SpacePredictor fit_apm() const {
    jobs::Batch batch;
    batch.chips.push_back(chip());
    for (std::size_t i = 0; i < kTraining; ++i) {
      batch.graphs.push_back(space_->build(genomes_[i]));
      batch.jobs.push_back({0, i, dtype_, true});
    }
    const jobs::BatchResult results = run_batch(batch);
    return {fit::fit(fit::make_dataset(config_, dtype_, batch.graphs, results.results), {}).model, space_,
            config_, "benchmark"};
  }

  [[nodiscard]] fit::AdditivePredictor measure_additive() const {
    table::MeasureOptions options;
    options.dtype = dtype_;
    options.error_networks = kErrorNetworks;
    table::Plan plan = table::make_plan(space_->all_blocks(), space_.get(), chip(), options);
    const jobs::BatchResult results = run_batch(plan.batch);
    return {table::finish(std::move(plan), results), table::Context::isolated, space_};
  }

  /// From genome to report: graph, passes, mapping, simulation; of the first networks that are predicted.
  [[nodiscard]] double simulation_seconds() {
    constexpr std::size_t kNetworks = 50;
    hw::EvaluateOptions options;
    options.dtype = dtype_;
    return seconds_of(kNetworks, [&](std::size_t i) {
      benchmark::DoNotOptimize(evaluator_.evaluate(space_->build(genomes_[i]), options));
    });
  }

  template <class Canonical>
  void print(const char* model, const fit::Predictor& predictor, double simulation,
             const Canonical& canonical) const {
    const double any = seconds_of(
        kGenomes, [&](std::size_t i) { benchmark::DoNotOptimize(predictor.predict_ns(genomes_[i])); });
    const double known = seconds_of(kGenomes, [&](std::size_t i) { benchmark::DoNotOptimize(canonical(i)); });
    const double interval = seconds_of(
        kGenomes, [&](std::size_t i) { benchmark::DoNotOptimize(predictor.interval_ns(genomes_[i])); });
    fmt::print("{:<18} {:<9} {:>10.0f} {:>10.0f} {:>10.0f} {:>12.0f} {:>10.2f} {:>9.0f} x\n", chip_, model,
               any * 1e9, known * 1e9, interval * 1e9, 1 / any, simulation * 1e3, simulation / any);
    std::fflush(stdout);
  }

  std::string chip_;
  std::shared_ptr<const space::Space> space_;
  Config config_;
  hw::Evaluator evaluator_;
  ir::DType dtype_;
  std::vector<space::Genome> genomes_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string space = argc > 1 ? argv[1] : "mnasnet-edgetpu";
  std::vector<std::string> chips(argv + std::min(argc, 2), argv + argc);
  if (chips.empty()) chips = {"edgetpu-coral-usb", "midap", "vpu-meteorlake", "ascend310"};
  try {
    fmt::print("{}: CPU time a network\n{:<18} {:<9} {:>10} {:>10} {:>10} {:>12} {:>10} {:>11}\n", space,
               "chip", "model", "any ns", "canon. ns", "interv. ns", "networks/s", "simul. ms", "ratio");
    for (const std::string& chip : chips) Bench(chip, space).run();
  } catch (const UserError& error) {
    fmt::print(stderr, "predict_benchmark: {}\n", error.what());
    return 1;
  }
  return 0;
}
