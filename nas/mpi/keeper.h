// A rank's simulations, in processes of their own.
#pragma once

#include <functional>

#include "nas/jobs/worker.h"

namespace npusim::mpi {

/// Starts the keeper: a child that takes job numbers, one a line, and has a worker do them, so that a crash
/// costs a job and not the rank. It answers each with "done JOB RESULT" or, when its worker died twice, "lost
/// JOB HOW", and says "retry JOB HOW" in between. It is a process of its own because workers are forked, and
/// after MPI has started its threads a rank must not fork.
jobs::Child start_keeper(const std::function<jobs::Work()>& make);

}  // namespace npusim::mpi
