// What the commands that run many simulations share: workers, the results store.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nas/jobs/batch.h"
#include "nas/jobs/store.h"

namespace npusim::cli {

struct WorkerOptions {
  std::int64_t workers = 0;  ///< 0: as many as cores
  std::string store;         ///< "": the default
  bool no_store = false;
};
struct WorkerFlags {
  CLI::Option *workers, *store, *no_store;
};
/// Adds -j, --store and --no-store.
WorkerFlags add_worker_options(CLI::App& command, WorkerOptions& options);
std::size_t worker_count(const WorkerOptions& options);
/// Nothing with --no-store. Throws UserError when the file cannot be used.
std::optional<jobs::Store> open_store(const WorkerOptions& options);

struct BatchRunOptions : WorkerOptions {
  bool fresh = false;
  bool resume = false;
  std::string executor = "local";
  std::string shard;  ///< "2/5"; "": everything
};
/// Whether this process is one of a cluster's that shall say and write nothing.
bool is_helper(const BatchRunOptions& options);

/// Adds all of them; gives what was added.
std::vector<CLI::Option*> add_batch_options(CLI::App& command, BatchRunOptions& options);

/// Opens the store, runs the batch and says on standard error what was reused. Throws UserError, and in the
/// helpers of a cluster, when their work is done, CLI::Success.
jobs::BatchResult run_batch_from(const BatchRunOptions& options, const jobs::Batch& batch);

/// Throws what the exit code must tell, after the results are written: UserError when the batch was stopped,
/// InternalError when npusim failed on some of it.
void complain_about(const BatchRunOptions& options, const jobs::BatchResult& results);

}  // namespace npusim::cli
