// A pool of worker processes: jobs go out as lines over sockets, results come back the same way.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "nas/jobs/worker.h"

namespace npusim::jobs {

/// How a job ended.
struct Outcome {
  bool lost = false;  ///< its worker died, twice
  std::string
      text;  ///< the result's line; of a lost job, how its worker ended: "killed by signal 9 (Killed)"
};

struct PoolOptions {
  std::size_t workers = 1;
  /// Asked several times a second; true stops the pool: nothing more is handed out, workers are killed.
  std::function<bool()> stop = [] { return false; };
  /// Called several times a second, in the caller's process.
  std::function<void()> tick = [] {};
  /// A worker died and its job is tried once more.
  std::function<void(std::size_t job, const std::string& how)> retrying = [](std::size_t,
                                                                             const std::string&) {};
};

/// Takes a job's end, in the caller's process.
using Done = std::function<void(std::size_t job, const Outcome& outcome)>;

/// Runs `jobs` in worker processes, handed out one by one in the order given; `done` is called in the
/// caller's process as results arrive, in any order. `make` is called once in each worker. Workers are forks,
/// so they have whatever the caller has in memory; the caller must be single-threaded. A worker that dies
/// loses only its own job, which is tried once more in a fresh worker. Workers do not outlive the caller.
/// Returns true when all jobs were done, false when stopped. Throws UserError when no process can be started.
bool run_pool(const std::vector<std::size_t>& jobs, const std::function<Work()>& make,
              const PoolOptions& options, const Done& done);

/// What runs a batch's jobs: run_pool, or the like of it.
using Executor = std::function<bool(const std::vector<std::size_t>& jobs, const std::function<Work()>& make,
                                    const PoolOptions& options, const Done& done)>;

/// While alive, SIGINT and SIGTERM do not end the process but make requested() true.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
  [[nodiscard]] static bool requested();
};

}  // namespace npusim::jobs
