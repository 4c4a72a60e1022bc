// npusim diff: what changed between two runs, and why.
#include <fmt/format.h>

#include <memory>

#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/look/diff.h"
#include "sim/look/read_report.h"

namespace npusim::cli {
namespace {

struct DiffOptions {
  std::vector<std::string> files;
  double tolerance = 1;
  std::string format = "text";
  std::string output;
};

void compare(const DiffOptions& options) {
  const std::size_t format = choose("--format", options.format, {"text", "json"});
  check_writable(options.output);
  const look::RunFile before = look::read_run(options.files.at(0));
  const look::RunFile after = look::read_run(options.files.at(1));
  const look::Diff diff = look::diff_of(before.report, after.report);
  write_output(options.output, format == 0 ? look::to_text(diff) : look::to_json(diff, options.tolerance));
  if (look::within(diff, options.tolerance)) return;
  throw UserError(fmt::format("the latencies differ by {:+.2f} %, more than the {} % allowed", diff.percent(),
                              options.tolerance));
}

}  // namespace

void add_diff(CLI::App& app) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* command = app.add_subcommand("diff", "compare two runs: exit code 1 when their latencies differ");
  command->add_option("reports", options->files, "two files of npusim run --format json: before, after")
      ->type_name("REPORT REPORT")
      ->required()
      ->expected(2);
  command
      ->add_option("--tolerance", options->tolerance,
                   "per cent of the first latency by which the second may differ, either way; default: 1")
      ->type_name("PERCENT")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--format", options->format, "text or json; default: text")->type_name("FORMAT");
  command->add_option("-o,--output", options->output, "write here instead of standard output")
      ->type_name("FILE");
  command->callback([options] { compare(*options); });
}

}  // namespace npusim::cli
