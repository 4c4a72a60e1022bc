// What the commands that run many simulations share: workers, the results store.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "nas/jobs/batch.h"

namespace npusim::cli {

struct BatchRunOptions {
  std::int64_t workers = 0;  ///< 0: as many as cores
  std::string store;         ///< "": the default
  bool no_store = false;
  bool fresh = false;
  bool resume = false;
};
void add_batch_options(CLI::App& command, BatchRunOptions& options);

/// Opens the store, runs the batch and says on standard error what was reused. Throws UserError.
jobs::BatchResult run_batch_from(const BatchRunOptions& options, const jobs::Batch& batch);

/// Throws what the exit code must tell, after the results are written: UserError when the batch was stopped,
/// InternalError when npusim failed on some of it.
void complain_about(const BatchRunOptions& options, const jobs::BatchResult& results);

}  // namespace npusim::cli
