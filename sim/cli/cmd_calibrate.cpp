// npusim calibrate: chosen parameters of a chip fitted to measured latencies.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

#include "hw_models/api/npu.h"
#include "nas/calibrate/report.h"
#include "sim/base/error.h"
#include "sim/cli/batch_options.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "workloads/ir/graph.h"

namespace npusim::cli {
namespace {

struct CalibrateOptions {
  HardwareOptions hardware;
  std::string measured;
  std::vector<std::string> free;
  std::vector<std::string> bounds;
  std::vector<std::string> columns;
  std::string dtype;
  std::string method = "bobyqa";
  calibrate::Options fit;
  std::string output;
  std::string ledger;
  std::string format = "text";
  BatchRunOptions run;
};

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw UserError(fmt::format("--measured {}: cannot be read", path));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::map<std::string, std::string> renamed_columns(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> names;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      throw UserError(fmt::format("--column {}: expected NAME=COLUMN, such as network=model", text));
    }
    names[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return names;
}

/// Loads each network of the rows once; errors name the row.
void load_networks(const CalibrateOptions& options, calibrate::Problem& problem) {
  const auto npu = hw::make_npu(problem.description);
  std::map<std::pair<std::string, std::int64_t>, std::size_t> loaded;
  for (const calibrate::Row& row : problem.measured.rows) {
    try {
      const auto [at, added] = loaded.emplace(std::pair{row.network, row.batch}, problem.graphs.size());
      if (added) problem.graphs.push_back(load({row.network, row.batch, {}}));
      const std::string& type = row.dtype.empty() ? options.dtype : row.dtype;
      problem.targets.push_back({at->second, choose_dtype(type, npu->dtypes(), options.hardware.hw,
                                                          ir::is_quantized(problem.graphs[at->second]))});
    } catch (const UserError& error) {
      throw UserError(fmt::format("{}:{}: {}", problem.measured.file, row.line, error.what()));
    }
  }
}

/// Says how far it has come: on a terminal one line, rewritten; elsewhere a line every ten seconds.
class Teller {
 public:
  ~Teller() {
    if (terminal_) std::fputs("\r\033[K", stderr);
  }
  void tell(const calibrate::Progress& progress) {
    const auto now = Clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::seconds(terminal_ ? 1 : 10);
    std::fprintf(stderr, "%snpusim: %s, %zu settings, %zu simulations%s", terminal_ ? "\r\033[K" : "",
                 progress.stage.c_str(), progress.settings, progress.simulations, terminal_ ? "" : "\n");
    std::fflush(stderr);
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool terminal_ = ::isatty(STDERR_FILENO) != 0;
  Clock::time_point next_ = Clock::now() + std::chrono::seconds(terminal_ ? 1 : 10);
};

calibrate::Calibration fit(const CalibrateOptions& options, const calibrate::Problem& problem) {
  jobs::BatchOptions run;
  run.workers = worker_count(options.run);
  run.version = jobs::version_text(NPUSIM_VERSION);
  run.fresh = options.run.fresh;
  std::optional<jobs::Store> store = open_store(options.run);
  if (store) run.store = &*store;
  Teller teller;
  std::size_t simulated = 0;
  const auto simulate = [&](const jobs::Batch& batch) {
    jobs::BatchResult result = jobs::run_batch(batch, run);
    simulated += result.simulated;
    return result;
  };
  calibrate::Calibration done = calibrate::calibrate(
      problem, options.fit, simulate, [&](const calibrate::Progress& progress) { teller.tell(progress); });
  std::fprintf(stderr, "npusim: %zu simulations, %zu of them run now\n", done.spent.simulations, simulated);
  return done;
}

void append(const std::string& path, const std::string& text) {
  const bool empty = !std::ifstream(path) || std::ifstream(path).peek() == std::ifstream::traits_type::eof();
  std::ofstream out(path, std::ios::app);
  out << (empty ? "" : "\n") << text;
  if (!out.flush()) throw UserError(fmt::format("--ledger {}: cannot be written", path));
}

void calibrate_and_write(CalibrateOptions& options) {
  options.fit.search.method =
      static_cast<calibrate::Method>(choose("--method", options.method, {"bobyqa", "cobyla", "sbplx"}));
  const bool as_json = choose("--format", options.format, {"text", "json"}) == 1;
  check_writable(options.output);
  calibrate::Problem problem;
  problem.description = resolve(options.hardware);
  hw::make_npu(problem.description);
  problem.measured =
      calibrate::read_rows(read_text(options.measured), options.measured, renamed_columns(options.columns));
  problem.free = calibrate::parse_parameters(problem.description, options.free, options.bounds);
  load_networks(options, problem);
  const calibrate::Calibration done = fit(options, problem);
  Config fitted = problem.description;
  for (std::size_t j = 0; j < problem.free.size(); ++j) {
    if (done.fitted[j] != done.start[j]) fitted.set(problem.free[j].key() + "=" + done.fitted[j]);
  }
  if (!options.output.empty()) {
    const Config built_in = hw::describe(problem.description.text("chip"));
    write_output(options.output, calibrate::to_yaml(problem, done, built_in, fitted));
    ensure(hw::describe(options.output).canonical() == fitted.canonical(),
           "the description that was written is the one that was fitted");
  }
  if (!options.ledger.empty())
    append(options.ledger, calibrate::to_ledger(options.hardware.hw, problem, done));
  write_output("", as_json ? calibrate::to_json(options.hardware.hw, problem, done)
                           : calibrate::to_text(options.hardware.hw, problem, done));
  if (!options.output.empty()) {
    std::fprintf(stderr, "npusim: the fitted chip is in %s: use it as --hw %s\n", options.output.c_str(),
                 options.output.c_str());
  }
}

void add_files(CLI::App& command, CalibrateOptions& options) {
  command
      .add_option("--measured", options.measured,
                  "CSV file: network, latency_ms or latency_us or cycles; optionally batch, dtype, weight, "
                  "sigma, split (train, test)")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--column", options.columns, "what the file calls a column: network=model; may be repeated")
      ->type_name("NAME=COLUMN")
      ->allow_extra_args(false);
  command
      .add_option("-o,--output", options.output,
                  "write the fitted chip here, for --hw; a name that ends in .yaml")
      ->type_name("FILE");
  command.add_option("--format", options.format, "text or json (docs/calibrate.md); default: text")
      ->type_name("FORMAT");
  command.add_option("--ledger", options.ledger, "append an entry in Markdown here")->type_name("FILE");
}

void add_fitting(CLI::App& command, CalibrateOptions& options) {
  command
      .add_option("--free", options.free,
                  "keys to fit, separated by commas: launch.task_us=1..20,dram.interleave_bytes={256,512}; "
                  "without bounds the range of the key's source is taken")
      ->required()
      ->type_name("KEY[=BOUNDS],...")
      ->allow_extra_args(false);
  command.add_option("--bounds", options.bounds, "the same bounds, apart: KEY=LOW..HIGH,...")
      ->type_name("KEY=BOUNDS,...")
      ->allow_extra_args(false);
  command.add_option("--folds", options.fit.folds, "of the cross-validation; 0: none; default: 5")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1000}));
  command
      .add_option("--starts", options.fit.search.starts,
                  "local searches, from the best of a design; default: 2")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1000}));
  command
      .add_option("--evaluations", options.fit.search.evaluations,
                  "of each local search, at most; default: 15 and 10 a key")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100000}));
  command.add_option("--method", options.method, "NLopt's bobyqa, cobyla or sbplx; default: bobyqa")
      ->type_name("NAME");
  command.add_option("--seed", options.fit.search.seed, "of the design and the folds; default: 1")
      ->type_name("S");
}

}  // namespace

void add_calibrate(CLI::App& app) {
  auto options = std::make_shared<CalibrateOptions>();
  CLI::App* command = app.add_subcommand("calibrate", "fit a chip's parameters to measured latencies");
  add_hardware_options(*command, options->hardware);
  add_files(*command, *options);
  add_fitting(*command, *options);
  command->add_option("--dtype", options->dtype, "of rows that name none; default: the chip's first")
      ->type_name("TYPE");
  add_batch_options(*command, options->run);
  for (const char* name : {"--shard", "--executor", "--resume"}) {
    command->remove_option(command->get_option(name));
  }
  command->callback([options] { calibrate_and_write(*options); });
}

}  // namespace npusim::cli
