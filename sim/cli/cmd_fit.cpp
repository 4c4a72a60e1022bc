// npusim fit: an analytical or learned model of a chip's latency, from simulations.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "hw_models/api/npu.h"
#include "nas/fit/dataset.h"
#include "nas/fit/model.h"
#include "nas/table/measure.h"
#include "sim/base/error.h"
#include "sim/cli/batch_options.h"
#include "sim/cli/commands.h"
#include "sim/cli/fit_options.h"
#include "sim/cli/output.h"

namespace npusim::cli {
namespace {

struct FitCommand {
  SampleOptions samples;
  std::vector<std::string> data;
  std::string save_data;
  std::string features;
  std::string output;
  fit::FitOptions fit;
};

fit::Dataset read_data(const std::vector<std::string>& files) {
  std::vector<fit::Dataset> parts;
  for (const std::string& file : files) parts.push_back(fit::parse_dataset(read_file(file), file));
  return fit::merge(std::move(parts), files);
}

/// The additive model is a latency table in every context, with error bars; the best context predicts.
void measure_additive(const FitCommand& options) {
  const SampleOptions& samples = options.samples;
  if (samples.space.empty())
    throw UserError("--model additive sums blocks of a search space: name it with --space");
  const Config description = resolve(samples.hardware);
  table::MeasureOptions measure;
  measure.contexts = {table::Context::isolated, table::Context::stacked, table::Context::behind_stem,
                      table::Context::network};
  measure.dtype = choose_dtype(samples.dtype, hw::make_npu(description)->dtypes(), description.raw("chip"));
  measure.batch = samples.batch;
  measure.error_networks = samples.count;
  measure.seed = samples.seed;
  const auto space = space::make_space(samples.space);
  const jobs::Chip chip{std::make_shared<const Config>(description), {}, hw::hardware_hash(description)};
  table::Plan plan = table::make_plan(space->all_blocks(), space.get(), chip, measure);
  plan.table.version = jobs::version_text(NPUSIM_VERSION);
  const jobs::BatchResult results = run_batch_from(samples.run, plan.batch);
  const table::Table table = table::finish(std::move(plan), results);
  if (!options.output.empty()) write_output(options.output, table::to_json(table));
  write_output("", table::summary_text(table));
  complain_about(samples.run, results);
}

void fit_and_write(const FitCommand& options) {
  check_writable(options.output);
  if (options.fit.model == "additive") return measure_additive(options);
  if (options.data.empty() == options.samples.empty()) {
    throw UserError("expected networks to simulate (--hw with --space or networks), or --data FILE");
  }
  const fit::Dataset data = options.data.empty() ? simulate(options.samples) : read_data(options.data);
  if (!options.save_data.empty()) write_output(options.save_data, fit::to_json(data));
  fit::FitOptions choices = options.fit;
  std::istringstream in(options.features);
  for (std::string name; std::getline(in, name, ',');) choices.features.push_back(name);
  fit::FitResult result = fit::fit(data, choices);
  result.model.data_source = options.data.empty() ? options.samples.describe()
                                                  : fmt::format("{} networks of {}", data.networks.size(),
                                                                fmt::join(options.data, ", "));
  if (!options.output.empty()) write_output(options.output, fit::to_json(result.model));
  write_output("", fit::to_text(result));
}

}  // namespace

void add_fit(CLI::App& app) {
  auto options = std::make_shared<FitCommand>();
  CLI::App* command = app.add_subcommand("fit", "a model that predicts latencies, fitted to simulations");
  add_sample_options(*command, options->samples);
  command
      ->add_option("--data", options->data, "fit to these files of --save-data instead; separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("FILES");
  command->add_option("--save-data", options->save_data, "keep what is fitted to in this file")
      ->type_name("FILE");
  command
      ->add_option(
          "--model", options->fit.model,
          "apm (roofline with several ceilings; default), linear, ridge, omp, bayes, sgd, svr, xgb, mlp, "
          "or additive (a latency table of the space's blocks with error bars from -n networks)")
      ->type_name("MODEL");
  command
      ->add_option(
          "--features", options->features,
          "what linear and learned models see, separated by commas; isynet: m,v,d; default: all that "
          "vary")
      ->type_name("NAMES");
  command->add_option("--folds", options->fit.folds, "of the cross-validation; default: 5")
      ->type_name("K")
      ->check(CLI::Range(std::size_t{2}, std::size_t{100}));
  command->add_option("--hold-out", options->fit.hold_out, "networks, the last ones, that are only judged")
      ->type_name("N");
  command->add_option("--interval", options->fit.coverage, "coverage of the interval; default: 0.9")
      ->type_name("SHARE")
      ->check(CLI::Range(0.5, 0.999));
  command->add_option("-o,--output", options->output, "the model file to write")->type_name("FILE");
  command->callback([options] {
    options->fit.seed = options->samples.seed;
    fit_and_write(*options);
  });
}

}  // namespace npusim::cli
