#include "sim/cli/batch_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <thread>
#include <tuple>

#include "nas/mpi/cluster.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"

namespace npusim::cli {
namespace {

constexpr std::size_t kMostShards = 100'000;

/// Of "2/5": {1, 5}.
std::pair<std::size_t, std::size_t> shard_of(const std::string& text) {
  if (text.empty()) return {0, 1};
  const char* const end = text.data() + text.size();
  std::size_t part = 0;
  std::size_t parts = 0;
  const auto [slash, first] = std::from_chars(text.data(), end, part);
  const bool divided = first == std::errc() && slash != end && *slash == '/';
  const auto [stop, second] = std::from_chars(divided ? slash + 1 : end, end, parts);
  if (!divided || second != std::errc() || stop != end || part < 1 || part > parts || parts > kMostShards) {
    throw UserError(fmt::format("--shard {}: expected PART/PARTS, such as 1/4 to 4/4", text));
  }
  return {part - 1, parts};
}

}  // namespace

bool is_helper(const BatchRunOptions& options) {
  return options.executor == "mpi" && mpi::launched_rank() != 0;
}

WorkerFlags add_worker_options(CLI::App& command, WorkerOptions& options) {
  auto* workers = command.add_option("-j,--jobs", options.workers, "worker processes; default: one a core")
                      ->type_name("N")
                      ->check(CLI::Range(std::int64_t{1}, std::int64_t{4096}));
  auto* store = command
                    .add_option("--store", options.store,
                                "file that keeps results; default: npusim/results.db in the cache folder")
                    ->type_name("FILE");
  auto* none =
      command.add_flag("--no-store", options.no_store, "neither reuse nor keep results")->excludes(store);
  return {workers, store, none};
}

std::size_t worker_count(const WorkerOptions& options) {
  return options.workers > 0 ? static_cast<std::size_t>(options.workers)
                             : std::max(1U, std::thread::hardware_concurrency());
}

std::optional<jobs::Store> open_store(const WorkerOptions& options) {
  if (options.no_store) return std::nullopt;
  return std::optional<jobs::Store>(std::in_place,
                                    options.store.empty() ? jobs::default_store_path() : options.store);
}

std::vector<CLI::Option*> add_batch_options(CLI::App& command, BatchRunOptions& options) {
  const auto [workers, store, none] = add_worker_options(command, options);
  auto* fresh =
      command.add_flag("--fresh", options.fresh, "simulate again what the store has, and replace it")
          ->excludes(none);
  auto* resume =
      command
          .add_flag(
              "--resume", options.resume,
              "continue a stopped command: an error when the store has nothing of it (without --resume, what "
              "there is is reused just the same)")
          ->excludes(none)
          ->excludes(fresh);
  auto* executor =
      command
          .add_option("--executor", options.executor,
                      "local: worker processes here; mpi: the ranks of mpirun or srun; default: local")
          ->type_name("KIND");
  auto* shard = command
                    .add_option("--shard", options.shard,
                                "run one of several parts, such as 2/5, into the store (see npusim store "
                                "merge); nothing else is written")
                    ->type_name("PART/PARTS")
                    ->excludes(none);
  return {workers, store, none, fresh, resume, executor, shard};
}

jobs::BatchResult run_batch_from(const BatchRunOptions& options, const jobs::Batch& batch) {
  jobs::BatchOptions run;
  run.workers = worker_count(options);
  run.version = jobs::version_text(NPUSIM_VERSION);
  run.fresh = options.fresh;
  run.resume = options.resume;
  std::tie(run.shard, run.shards) = shard_of(options.shard);
  std::unique_ptr<mpi::Cluster> cluster;
  if (choose("--executor", options.executor, {"local", "mpi"}) == 1) {
    cluster = std::make_unique<mpi::Cluster>(batch, run.version);
    if (!cluster->first()) {
      cluster->serve();
      cluster.reset();
      throw CLI::Success();
    }
    run.executor = cluster->executor();
  }
  std::optional<jobs::Store> store = open_store(options);
  if (store) run.store = &*store;
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
