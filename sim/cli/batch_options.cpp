#include "sim/cli/batch_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <thread>

#include "sim/base/error.h"

namespace npusim::cli {

void add_batch_options(CLI::App& command, BatchRunOptions& options) {
  command.add_option("-j,--jobs", options.workers, "worker processes; default: one a core")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{4096}));
  auto* store = command
                    .add_option("--store", options.store,
                                "file that keeps results; default: npusim/results.db in the cache folder")
                    ->type_name("FILE");
  auto* none =
      command.add_flag("--no-store", options.no_store, "neither reuse nor keep results")->excludes(store);
  auto* fresh =
      command.add_flag("--fresh", options.fresh, "simulate again what the store has, and replace it")
          ->excludes(none);
  command
      .add_flag(
          "--resume", options.resume,
          "continue a stopped command: an error when the store has nothing of it (without --resume, what "
          "there is is reused just the same)")
      ->excludes(none)
      ->excludes(fresh);
}

jobs::BatchResult run_batch_from(const BatchRunOptions& options, const jobs::Batch& batch) {
  jobs::BatchOptions run;
  run.workers = options.workers > 0 ? static_cast<std::size_t>(options.workers)
                                    : std::max(1U, std::thread::hardware_concurrency());
  run.version = jobs::version_text(NPUSIM_VERSION);
  run.fresh = options.fresh;
  run.resume = options.resume;
  std::optional<jobs::Store> store;
  if (!options.no_store) {
    store.emplace(options.store.empty() ? jobs::default_store_path() : options.store);
    run.store = &*store;
  }
  jobs::BatchResult results = jobs::run_batch(batch, run);
  std::fprintf(stderr, "npusim: %s\n", jobs::describe(results, run).c_str());
  return results;
}

void complain_about(const BatchRunOptions& options, const jobs::BatchResult& results) {
  std::size_t failed = 0;
  std::size_t open = 0;
  std::string first;
  for (const jobs::Result& result : results.results) {
    if (result.status == jobs::Status::not_run) ++open;
    if (result.status != jobs::Status::failed) continue;
    if (failed++ == 0) first = result.message;
  }
  if (results.stopped) {
    throw UserError(
        fmt::format("stopped with {} of {} simulations not run{}", open, results.results.size(),
                    options.no_store ? "" : "; what was done is kept: repeat the command to continue"));
  }
  if (failed > 0) {
    throw InternalError(
        fmt::format("{} of {} simulations failed, the first: {}", failed, results.results.size(), first));
  }
}

}  // namespace npusim::cli
