// What the commands that run many simulations share: workers, the results store.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "nas/jobs/batch.h"

namespace npusim::cli {

struct BatchRunOptions {
  std::int64_t workers = 0;  ///< 0: as many as cores
  std::string store;         ///< "": the default
  bool no_store = false;
  bool fresh = false;
  bool resume = false;
  std::string executor = "local";
  std::string shard;  ///< "2/5"; "": everything
};
/// Whether this process is one of a cluster's that shall say and write nothing.
bool is_helper(const BatchRunOptions& options);

/// Adds -j, --store and their like; gives what was added.
std::vector<CLI::Option*> add_batch_options(CLI::App& command, BatchRunOptions& options);

/// Opens the store, runs the batch and says on standard error what was reused. Throws UserError, and in the
/// helpers of a cluster, when their work is done, CLI::Success.
jobs::BatchResult run_batch_from(const BatchRunOptions& options, const jobs::Batch& batch);

/// Throws what the exit code must tell, after the results are written: UserError when the batch was stopped,
/// InternalError when npusim failed on some of it.
void complain_about(const BatchRunOptions& options, const jobs::BatchResult& results);

}  // namespace npusim::cli
