// Rank 0's part: jobs go to the ranks as they ask for more.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "nas/jobs/pool.h"
#include "nas/mpi/transport.h"

namespace npusim::mpi {

/// What the ranks say, a line each. To rank 0: "hello HASH" once (batch_hash()), "alive" every second, and
/// what their keeper says. From rank 0: "job NUMBER", "alive", and "end".
inline constexpr std::chrono::seconds kBeat{1};

struct HandOutOptions {
  std::string hash;  ///< batch_hash() of this rank
  /// A rank that says nothing for so long is given up, and its jobs go to others.
  std::chrono::milliseconds silence{60'000};
};

/// An Executor on the other ranks: `make` and PoolOptions::workers have no meaning. `gone`, by rank, is set
/// for those given up. Throws UserError when a rank has another batch, and when all are gone.
bool hand_out(Transport& transport, const HandOutOptions& hand_out_options,
              const std::vector<std::size_t>& jobs, const jobs::PoolOptions& options, const jobs::Done& done,
              std::vector<bool>& gone);

}  // namespace npusim::mpi
