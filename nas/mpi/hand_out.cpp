#include "nas/mpi/hand_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <thread>

#include "sim/base/error.h"

namespace npusim::mpi {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kNap{300};
/// A rank whose jobs are shorter than this has the next one waiting, so that it need not wait for it.
constexpr std::chrono::milliseconds kShort{20};
constexpr int kMostDeaths = 2;  ///< of ranks that had one job

/// What rank 0 knows of another.
struct Rank {
  bool greeted = false;
  bool gone = false;
  bool quick = false;            ///< its last job was short
  std::deque<std::size_t> jobs;  ///< that it has, the first being simulated
  Clock::time_point started;     ///< of the first
  Clock::time_point heard = Clock::now();
};

class HandOut {
 public:
  HandOut(Transport& transport, const HandOutOptions& how, const std::vector<std::size_t>& jobs,
          const jobs::PoolOptions& options, const jobs::Done& done, std::vector<bool>& gone)
      : transport_(transport),
        how_(how),
        options_(options),
        done_(done),
        gone_(gone),
        waiting_(jobs.begin(), jobs.end()),
        open_(jobs.size()),
        ranks_(static_cast<std::size_t>(transport.size())) {
    gone_.assign(ranks_.size(), false);
  }

  bool run() {
    while (open_ > 0) {
      if (options_.stop()) return false;
      bool heard = false;
      int from = 0;
      for (std::string line; transport_.receive(from, line); heard = true) {
        hear(static_cast<std::size_t>(from), line);
      }
      for (std::size_t rank = 1; rank < ranks_.size(); ++rank) feed(rank);
      watch();
      options_.tick();
      if (!heard) std::this_thread::sleep_for(kNap);
    }
    return true;
  }

 private:
  void hear(std::size_t at, const std::string& line) {
    Rank& rank = ranks_[at];
    if (rank.gone) return;  // its jobs are with others
    rank.heard = Clock::now();
    const std::size_t blank = line.find(' ');
    const std::string verb = line.substr(0, blank);
    const std::string rest = blank == std::string::npos ? "" : line.substr(blank + 1);
    if (verb == "alive") return;
    if (verb == "hello") return greet(at, rest);
    std::size_t digits = 0;
    const std::size_t job = std::stoull(rest, &digits);
    const std::string text = rest.substr(digits + 1);
    if (verb == "retry") return options_.retrying(job, text);
    ensure(!rank.jobs.empty() && rank.jobs.front() == job, "a rank answers what it was asked, in order");
    rank.jobs.pop_front();
    rank.quick = rank.heard - rank.started < kShort;
    rank.started = rank.heard;
    finish(job, {verb == "lost", text});
  }

  void greet(std::size_t at, const std::string& hash) {
    if (hash != how_.hash) {
      throw UserError(
          fmt::format("--executor mpi: rank {} has other jobs than rank 0: its npusim or a file that the "
                      "command names is another one there",
                      at));
    }
    ranks_[at].greeted = true;
  }

  void feed(std::size_t at) {
    Rank& rank = ranks_[at];
    const std::size_t most = rank.quick ? 2 : 1;
    while (rank.greeted && !rank.gone && !waiting_.empty() && rank.jobs.size() < most) {
      if (rank.jobs.empty()) rank.started = Clock::now();
      rank.jobs.push_back(waiting_.front());
      waiting_.pop_front();
      if (!transport_.send(static_cast<int>(at), fmt::format("job {}", rank.jobs.back()))) {
        give_up(at, "cannot be reached");
      }
    }
  }

  /// Tells the ranks that this one lives, and gives up those of which that is no longer known.
  void watch() {
    const auto now = Clock::now();
    const bool beat = now >= next_beat_;
    if (beat) next_beat_ = now + kBeat;
    for (std::size_t at = 1; at < ranks_.size(); ++at) {
      if (ranks_[at].gone) continue;
      if (now - ranks_[at].heard > how_.silence) {
        give_up(at, "has been silent for too long");
      } else if (beat && ranks_[at].greeted) {
        transport_.send(static_cast<int>(at), "alive");
      }
    }
  }

  void give_up(std::size_t at, const std::string& why) {
    Rank& rank = ranks_[at];
    rank.gone = true;
    gone_[at] = true;
    std::fprintf(stderr, "npusim: rank %zu %s; others do its jobs\n", at, why.c_str());
    const std::deque<std::size_t> jobs = std::move(rank.jobs);
    rank.jobs.clear();
    for (std::size_t i = jobs.size(); i-- > 0;) {
      // Only the first was being simulated.
      if (i == 0 && ++deaths_[jobs[i]] == kMostDeaths) {
        finish(jobs[i], {true, "lost with its rank"});
      } else {
        waiting_.push_front(jobs[i]);
      }
    }
    if (std::all_of(ranks_.begin() + 1, ranks_.end(), [](const Rank& one) { return one.gone; })) {
      throw UserError("--executor mpi: all other ranks are gone; what was done is kept in the store");
    }
  }

  void finish(std::size_t job, const jobs::Outcome& outcome) {
    --open_;
    done_(job, outcome);
  }

  Transport& transport_;
  const HandOutOptions& how_;
  const jobs::PoolOptions& options_;
  const jobs::Done& done_;
  std::vector<bool>& gone_;
  std::deque<std::size_t> waiting_;
  std::size_t open_;  ///< jobs not finished
  std::vector<Rank> ranks_;
  std::map<std::size_t, int> deaths_;
  Clock::time_point next_beat_ = Clock::now();
};

}  // namespace

bool hand_out(Transport& transport, const HandOutOptions& hand_out_options,
              const std::vector<std::size_t>& jobs, const jobs::PoolOptions& options, const jobs::Done& done,
              std::vector<bool>& gone) {
  return HandOut(transport, hand_out_options, jobs, options, done, gone).run();
}

}  // namespace npusim::mpi
