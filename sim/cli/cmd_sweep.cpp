// npusim sweep: a chip's parameters varied over networks, on all cores.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "hw_models/api/npu.h"
#include "nas/jobs/batch.h"
#include "nas/sweep/sqlite.h"
#include "nas/sweep/sweep.h"
#include "nas/sweep/table.h"
#include "sim/base/error.h"
#include "sim/cli/batch_options.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"

namespace npusim::cli {
namespace {

struct SweepOptions {
  std::vector<std::string> hw;
  std::vector<std::string> networks;
  std::int64_t batch = 0;
  std::vector<std::string> dims;
  std::vector<std::string> sets;
  std::vector<std::string> links;
  std::string dtype;
  std::string format;
  std::string output;
  std::string pareto;
  BatchRunOptions run;
};

/// Removes later repetitions, which would only repeat rows.
std::vector<std::string> unique(const std::vector<std::string>& names) {
  std::vector<std::string> list;
  for (const std::string& name : names) {
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  }
  return list;
}

sweep::SweepSpec spec_of(const SweepOptions& options) {
  sweep::SweepSpec spec;
  for (const std::string& text : options.sets) spec.axes.push_back(sweep::parse_set(text));
  for (const std::string& text : options.links) spec.axes.push_back(sweep::parse_link(text));
  for (const std::string& name : unique(options.hw)) spec.chips.push_back({name, resolve({name, {}})});
  for (const std::string& name : unique(options.networks)) {
    spec.networks.push_back({name, load({name, options.batch, options.dims})});
  }
  spec.dtype = options.dtype;
  return spec;
}

void list_invalid(const sweep::Plan& plan) {
  if (plan.invalid.empty()) return;
  const std::size_t points = plan.batch.chips.size() + plan.invalid.size();
  std::fprintf(stderr, "npusim: %zu of %zu combinations cannot be built and are not run:\n",
               plan.invalid.size(), points);
  for (const auto& one : plan.invalid) {
    std::fprintf(stderr, "  %s: %s\n", one.combination.c_str(), one.reason.c_str());
  }
}

std::vector<std::string> objectives_of(const std::string& text) {
  std::vector<std::string> list;
  std::istringstream in(text);
  for (std::string name; std::getline(in, name, ',');) list.push_back(name);
  return list;
}

/// 0 for CSV, 1 for JSON, 2 for SQLite: by --format, else by the output's name.
std::size_t format_of(const SweepOptions& options) {
  const auto ends_with = [&](const char* extension) { return options.output.ends_with(extension); };
  if (!options.format.empty()) {
    const std::size_t format = choose("--format", options.format, {"csv", "json", "sqlite"});
    if (format == 2 && options.output.empty()) throw UserError("--format sqlite: name the file with -o");
    return format;
  }
  if (ends_with(".json")) return 1;
  return ends_with(".sqlite") || ends_with(".sqlite3") || ends_with(".db") ? 2 : 0;
}

void sweep_and_write(const SweepOptions& options) {
  const std::size_t format = format_of(options);
  const bool helper = is_helper(options.run);
  if (!helper) check_writable(options.output);
  sweep::Plan plan = sweep::make_plan(spec_of(options));
  const std::vector<std::string> objectives = objectives_of(options.pareto);
  if (!objectives.empty()) {  // unknown names are told before the first run
    std::vector<sweep::Column> empty = sweep::columns(plan);
    sweep::mark_pareto(objectives, empty);
  }
  if (!helper) list_invalid(plan);
  if (plan.batch.jobs.empty()) throw UserError("no combination can be built");
  const jobs::BatchResult results = run_batch_from(options.run, plan.batch);
  if (!options.run.shard.empty()) return complain_about(options.run, results);
  sweep::fill(results, plan);
  std::vector<sweep::Column> table = sweep::columns(plan);
  if (!objectives.empty()) sweep::mark_pareto(objectives, table);
  if (format == 2) {
    sweep::write_sqlite(options.output, table);
  } else {
    write_output(options.output, format == 0 ? sweep::to_csv(table) : sweep::to_json(table));
  }
  // Standard output is the table's when it has no file.
  std::FILE* people = options.output.empty() ? stderr : stdout;
  std::fputs(sweep::sensitivity_text(plan).c_str(), people);
  std::fflush(people);
  complain_about(options.run, results);
}

}  // namespace

void add_sweep(CLI::App& app) {
  auto options = std::make_shared<SweepOptions>();
  CLI::App* command = app.add_subcommand("sweep", "vary a chip's parameters over networks, on all cores");
  command->add_option("--hw", options->hw, "chips, separated by commas: built-in names or YAML files")
      ->required()
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("CHIP");
  command->add_option("networks", options->networks, "ONNX or TFLite files or built-in networks")
      ->required()
      ->type_name("NETWORK");
  command
      ->add_option("--set", options->sets,
                   "values of one key: 8,16,32 or 1..4 or 100..800:100; 'a,b=8,16' changes both together; "
                   "may be repeated")
      ->type_name("KEY=VALUES")
      ->allow_extra_args(false);
  command
      ->add_option("--link", options->links,
                   "keys that change together with values of their own: cube.m=8,16,cube.n=16,8")
      ->type_name("KEY=VALUES,...")
      ->allow_extra_args(false);
  add_shape_options(*command, options->batch, options->dims);
  command->add_option("--dtype", options->dtype, "fp16, int8, ...; default: each chip's first")
      ->type_name("TYPE");
  command
      ->add_option("--format", options->format,
                   "csv, json or sqlite; default: by the output's extension (.json, .sqlite), else csv")
      ->type_name("FORMAT");
  CLI::Option* output =
      command->add_option("-o,--output", options->output, "write the table here instead of standard output")
          ->type_name("FILE");
  command
      ->add_option("--pareto", options->pareto,
                   "mark the rows that no other row of the network beats in these columns, smaller being "
                   "better, with a leading '-' larger: latency_ms,area_proxy")
      ->type_name("COLUMNS");
  add_batch_options(*command, options->run);
  command->get_option("--shard")->excludes(output);
  command->callback([options] { sweep_and_write(*options); });
}

}  // namespace npusim::cli
