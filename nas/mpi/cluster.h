// This process' place among those that mpirun or srun started for one command.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "nas/jobs/batch.h"
#include "nas/mpi/keeper.h"
#include "nas/mpi/transport.h"

namespace npusim::mpi {

/// The rank by the launcher's word (Open MPI, PMIx, PMI or Slurm), before MPI is started: for messages that
/// one rank alone should print. 0 when none of them started this process.
int launched_rank();

/// All ranks run the same command and make the same batch; rank 0 hands its jobs out by number, the others
/// simulate, and only rank 0 has a store and results.
class Cluster {
 public:
  /// Loads the plug-in, starts this rank's keeper and then MPI. The caller must be single-threaded, and there
  /// is one Cluster in a process. `batch` must outlive it. Throws UserError when npusim has no plug-in, and
  /// when there are fewer than two ranks.
  Cluster(const jobs::Batch& batch, const std::string& version);
  /// Rank 0 sends the others home. Waits for all ranks, unless some are given up.
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] bool first() const { return transport_->rank() == 0; }
  /// What rank 0 runs its batch with.
  [[nodiscard]] jobs::Executor executor();
  /// What the others do, until rank 0 ends it. Throws UserError when rank 0 is silent for a minute.
  void serve();

 private:
  using Clock = std::chrono::steady_clock;
  void forward();
  bool obey();

  std::string hash_;
  std::function<jobs::Work()> make_;
  jobs::Child keeper_;
  std::string buffer_;  ///< from the keeper
  Transport* transport_ = nullptr;
  std::vector<bool> gone_;                  ///< by rank
  bool abandoned_ = false;                  ///< rank 0 does not answer
  std::optional<Clock::time_point> heard_;  ///< of rank 0, last
};

}  // namespace npusim::mpi
