// npusim table: a latency table of a search space's blocks, in the formats of other tools.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>

#include "hw_models/api/npu.h"
#include "nas/space/space.h"
#include "nas/table/block_list.h"
#include "nas/table/diff.h"
#include "nas/table/export.h"
#include "nas/table/kernels.h"
#include "nas/table/measure.h"
#include "sim/base/error.h"
#include "sim/cli/batch_options.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"

namespace npusim::cli {
namespace fs = std::filesystem;
namespace {

struct TableOptions {
  HardwareOptions hardware;
  std::string space;
  std::string blocks;
  std::string contexts;
  std::string dtype;
  std::int64_t batch = 1;
  std::int64_t copies = 4;
  std::size_t error_networks = 0;
  std::uint64_t seed = 1;
  std::string format = "csv";
  std::string output;
  std::vector<std::string> diff;
  double tolerance = 0;
  BatchRunOptions run;
};

std::vector<table::Context> contexts_of(const TableOptions& options, const std::string& chip) {
  // S3NAS measured MIDAP's blocks behind a stem.
  if (options.contexts.empty()) {
    const bool s3nas = chip == "midap" && options.space.rfind("s3nas", 0) == 0;
    return {s3nas ? table::Context::behind_stem : table::Context::isolated};
  }
  std::vector<table::Context> list;
  std::istringstream in(options.contexts);
  for (std::string name; std::getline(in, name, ',');) {
    const table::Context context = table::context_of(name);
    if (std::find(list.begin(), list.end(), context) == list.end()) list.push_back(context);
  }
  return list;
}

/// Before long work: the format can hold what will be measured, and its place can be written.
void check_output(const TableOptions& options, const table::Format& format, std::size_t contexts) {
  if (contexts > 1 && !format.contexts) {
    throw UserError(fmt::format("--format {} holds one context, not {}", format.name, options.contexts));
  }
  if (!format.folder) return check_writable(options.output);
  if (options.output.empty()) {
    throw UserError(fmt::format("--format {} is several files: name a folder with -o", format.name));
  }
  std::error_code error;
  fs::create_directories(options.output, error);
  if (error) throw UserError(fmt::format("{}: cannot be created: {}", options.output, error.message()));
  check_writable((fs::path(options.output) / ".npusim").string());
}

void write_files(const TableOptions& options, const table::Format& format, const table::Table& table) {
  for (const table::File& file : format.write(table)) {
    if (!format.folder) {
      write_output(options.output, file.text);
      continue;
    }
    const fs::path path = fs::path(options.output) / file.path;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) throw UserError(fmt::format("{}: cannot be created: {}", path.string(), error.message()));
    write_output(path.string(), file.text);
  }
}

void measure_and_write(const TableOptions& options) {
  const table::Format& format = table::format_of(options.format);
  if (options.space.empty() && options.blocks.empty()) {
    throw UserError("expected --space NAME, --blocks FILE or both");
  }
  const Config description = resolve(options.hardware);
  table::MeasureOptions measure;
  measure.contexts = contexts_of(options, description.raw("chip"));
  measure.dtype = choose_dtype(options.dtype, hw::make_npu(description)->dtypes(), description.raw("chip"));
  measure.batch = options.batch;
  measure.copies = options.copies;
  measure.error_networks = options.error_networks;
  measure.seed = options.seed;
  if (!is_helper(options.run)) check_output(options, format, measure.contexts.size());

  const std::unique_ptr<space::Space> space =
      options.space.empty() ? nullptr : space::make_space(options.space);
  std::vector<space::Block> blocks;
  if (space != nullptr) blocks = space->all_blocks();
  if (!options.blocks.empty()) {
    for (space::Block& block : table::read_blocks(options.blocks)) blocks.push_back(std::move(block));
  }
  if (format.kernels) blocks = table::kernels_of(blocks);
  const jobs::Chip chip{std::make_shared<const Config>(description), {}, hw::hardware_hash(description)};
  table::Plan plan = table::make_plan(blocks, space.get(), chip, measure);
  plan.table.version = jobs::version_text(NPUSIM_VERSION);
  const jobs::BatchResult results = run_batch_from(options.run, plan.batch);
  if (!options.run.shard.empty()) return complain_about(options.run, results);
  const table::Table table = table::finish(std::move(plan), results);
  write_files(options, format, table);
  // Standard output is the table's when it has no file.
  std::FILE* people = options.output.empty() ? stderr : stdout;
  std::fputs(table::summary_text(table).c_str(), people);
  std::fflush(people);
  complain_about(options.run, results);
}

void compare(const TableOptions& options) {
  const table::Diff diff =
      table::diff_of(table::read_table(options.diff.at(0)), table::read_table(options.diff.at(1)));
  write_output(options.output, table::diff_text(diff));
  if (!table::within(diff, options.tolerance)) {
    throw UserError(fmt::format("the tables differ by more than {} %", options.tolerance));
  }
}

std::string format_help() {
  std::vector<std::string> lines;
  for (const table::Format& format : table::formats()) lines.push_back(format.name);
  return fmt::format("{}; default: csv", fmt::join(lines, ", "));
}

void add_measure_options(CLI::App& command, TableOptions& options) {
  command
      .add_option("--context", options.contexts,
                  "what blocks are measured in, separated by commas: isolated (alone), stacked (in a row of "
                  "copies), behind-stem (behind a 7x7 convolution, as S3NAS does; default of its spaces on "
                  "midap), network (in networks of the space); default: isolated")
      ->type_name("CONTEXTS");
  command.add_option("--copies", options.copies, "of a block in a stack; default: 4")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{64}));
  command.add_option("--dtype", options.dtype, "fp16, int8, ...; default: the chip's first")
      ->type_name("TYPE");
  command.add_option("--batch", options.batch, "images at once; default: 1")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}));
  command
      .add_option("--error-bar", options.error_networks,
                  "compare the sum of rows with this many random networks simulated whole")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
  command.add_option("--seed", options.seed, "of the random networks; default: 1")->type_name("N");
}

}  // namespace

void add_table(CLI::App& app) {
  auto options = std::make_shared<TableOptions>();
  CLI::App* command = app.add_subcommand("table", "a latency table of a search space's blocks");
  add_hardware_options(*command, options->hardware);
  command->add_option("--space", options->space, "search space whose blocks are measured")
      ->type_name("SPACE");
  command
      ->add_option("--blocks", options->blocks,
                   "YAML list of blocks (docs/tables.md), in addition to the space's when both are given")
      ->type_name("FILE");
  add_measure_options(*command, *options);
  command->add_option("--format", options->format, format_help())->type_name("FORMAT");
  command
      ->add_option("-o,--output", options->output,
                   "write the table here instead of standard output; a folder for s3nas and nnmeter")
      ->type_name("PATH");
  auto* diff = command
                   ->add_option("--diff", options->diff,
                                "compare two tables (csv or json) instead: exit code 1 when they differ")
                   ->type_name("TABLE TABLE")
                   ->expected(2);
  command
      ->add_option("--tolerance", options->tolerance,
                   "of --diff: per cent by which a row's latency may differ; default: 0")
      ->type_name("PERCENT")
      ->check(CLI::NonNegativeNumber)
      ->needs(diff);
  add_batch_options(*command, options->run);
  command->callback([options] {
    if (options->diff.empty()) {
      measure_and_write(*options);
    } else {
      compare(*options);
    }
  });
}

}  // namespace npusim::cli
