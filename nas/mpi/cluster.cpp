#include "nas/mpi/cluster.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "nas/mpi/hand_out.h"
#include "sim/base/error.h"

namespace npusim::mpi {
namespace fs = std::filesystem;
namespace {

constexpr int kPollMilliseconds = 1;  ///< MPI cannot wake a poll: this is how late a job may be seen
constexpr std::chrono::seconds kSilence{60};

Join load_plugin() {
  const fs::path self = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& file : {self / kPlugin, self / "../lib/npusim" / kPlugin}) {
    if (!fs::exists(file)) continue;
    // Open MPI's own components look for its symbols among the global ones.
    void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) throw UserError(fmt::format("--executor mpi: {}", ::dlerror()));
    void* symbol = ::dlsym(library, kJoin);
    ensure(symbol != nullptr, "the plug-in has its entry");
    return reinterpret_cast<Join>(symbol);
  }
  throw UserError(fmt::format(
      "--executor mpi: {} is not beside this npusim, which was built without MPI (Debian: install "
      "libboost-mpi-dev and build again)",
      kPlugin));
}

}  // namespace

int launched_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    const char* text = std::getenv(name);
    if (text == nullptr) continue;
    int rank = 0;
    std::from_chars(text, text + std::strlen(text), rank);
    return rank;
  }
  return 0;
}

Cluster::Cluster(const jobs::Batch& batch, const std::string& version)
    : hash_(jobs::batch_hash(batch, version)), make_([&batch] { return jobs::make_work(batch); }) {
  const Join join = load_plugin();
  keeper_ = start_keeper(make_);
  transport_ = join();
  gone_.assign(static_cast<std::size_t>(transport_->size()), false);
  if (transport_->size() > 1) return;
  transport_->leave();
  ::kill(keeper_.process, SIGKILL);
  static_cast<void>(jobs::end_child(keeper_));
  throw UserError(
      "--executor mpi: there is one rank, which would only hand out; start at least two: mpirun -np 3 npusim "
      "...");
}

Cluster::~Cluster() {
  ::kill(keeper_.process, SIGKILL);  // what it may still simulate nobody waits for
  static_cast<void>(jobs::end_child(keeper_));
  if (first()) {
    for (int rank = 1; rank < transport_->size(); ++rank) {
      if (!gone_[static_cast<std::size_t>(rank)]) transport_->send(rank, "end");
    }
  }
  // With a rank gone, leaving would wait for it for ever.
  if (!abandoned_ && std::find(gone_.begin(), gone_.end(), true) == gone_.end()) transport_->leave();
}

jobs::Executor Cluster::executor() {
  return [this](const std::vector<std::size_t>& jobs, const std::function<jobs::Work()>&,
                const jobs::PoolOptions& options, const jobs::Done& done) {
    return hand_out(*transport_, {.hash = hash_}, jobs, options, done, gone_);
  };
}

/// What the keeper says goes to rank 0.
void Cluster::forward() {
  pollfd socket{keeper_.socket, POLLIN, 0};
  if (::poll(&socket, 1, kPollMilliseconds) <= 0) return;
  ensure(jobs::receive_bytes(keeper_.socket, buffer_), "a rank's keeper lives");
  while (const auto line = jobs::take_line(buffer_)) transport_->send(0, *line);
}

/// False when rank 0 has ended it.
bool Cluster::obey() {
  int from = 0;
  std::string line;
  while (transport_->receive(from, line)) {
    heard_ = Clock::now();
    if (line == "end") return false;
    if (line != "alive") jobs::send_line(keeper_.socket, line.substr(line.find(' ') + 1));
  }
  return true;
}

void Cluster::serve() {
  transport_->send(0, "hello " + hash_);
  auto beat = Clock::now();
  while (obey()) {
    forward();
    if (heard_ && Clock::now() - *heard_ > kSilence) {
      abandoned_ = true;
      throw UserError(fmt::format("--executor mpi: rank {} has not heard of rank 0 for {} s and ends",
                                  transport_->rank(), kSilence.count()));
    }
    if (Clock::now() < beat) continue;
    beat = Clock::now() + kBeat;
    transport_->send(0, "alive");
  }
}

}  // namespace npusim::mpi
