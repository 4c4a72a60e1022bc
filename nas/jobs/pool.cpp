#include "nas/jobs/pool.h"

#include <poll.h>

#include <csignal>
#include <deque>
#include <map>

#include "sim/base/error.h"

namespace npusim::jobs {
namespace {

constexpr int kPollMilliseconds = 100;
constexpr int kMostDeaths = 2;  ///< of one job's workers

volatile std::sig_atomic_t interrupted = 0;
struct sigaction previous_int;
struct sigaction previous_term;

/// A worker with the job it has.
struct Busy {
  Worker worker;
  std::size_t job = 0;
};

class Pool {
 public:
  Pool(const std::vector<std::size_t>& jobs, const std::function<Work()>& make, const PoolOptions& options,
       const Done& done)
      : waiting_(jobs.begin(), jobs.end()), make_(make), options_(options), done_(done) {}
  ~Pool() {
    for (const Busy& one : busy_) static_cast<void>(one.worker.end(true));
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  bool run() {
    while (!waiting_.empty() || !busy_.empty()) {
      if (options_.stop()) return false;
      while (!waiting_.empty() && busy_.size() < options_.workers) start();
      wait();
      options_.tick();
    }
    return true;
  }

 private:
  /// A fresh worker with the next job.
  void start() {
    std::vector<int> sockets;
    for (const Busy& one : busy_) sockets.push_back(one.worker.socket());
    busy_.push_back({Worker(make_, sockets), 0});
    if (!hand_out(busy_.back())) bury(busy_.size() - 1);
  }

  bool hand_out(Busy& one) {
    one.job = waiting_.front();
    waiting_.pop_front();
    return one.worker.hand_out(one.job);
  }

  void wait() {
    std::vector<pollfd> sockets;
    for (const Busy& one : busy_) sockets.push_back({one.worker.socket(), POLLIN, 0});
    if (::poll(sockets.data(), sockets.size(), kPollMilliseconds) <= 0) return;
    for (std::size_t i = sockets.size(); i-- > 0;) {  // backwards: workers are erased
      if (sockets[i].revents != 0) listen(i);
    }
  }

  void listen(std::size_t at) {
    Busy& one = busy_[at];
    const Worker::Heard heard = one.worker.listen();
    if (!heard.alive) return bury(at);
    if (!heard.result) return;
    done_(one.job, {false, *heard.result});
    if (waiting_.empty()) {
      static_cast<void>(one.worker.end(false));
      busy_.erase(busy_.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (!hand_out(one)) {
      bury(at);
    }
  }

  /// A worker died: its job is tried once more, or lost.
  void bury(std::size_t at) {
    const std::size_t job = busy_[at].job;
    const std::string how = busy_[at].worker.end(false);
    busy_.erase(busy_.begin() + static_cast<std::ptrdiff_t>(at));
    if (++deaths_[job] < kMostDeaths) {
      options_.retrying(job, how);
      waiting_.push_front(job);
    } else {
      done_(job, {true, how});
    }
  }

  std::deque<std::size_t> waiting_;
  const std::function<Work()>& make_;
  const PoolOptions& options_;
  const Done& done_;
  std::vector<Busy> busy_;
  std::map<std::size_t, int> deaths_;
};

}  // namespace

bool run_pool(const std::vector<std::size_t>& jobs, const std::function<Work()>& make,
              const PoolOptions& options, const Done& done) {
  ensure(options.workers > 0, "at least one worker");
  return Pool(jobs, make, options, done).run();
}

InterruptScope::InterruptScope() {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  ::sigaction(SIGINT, &action, &previous_int);
  ::sigaction(SIGTERM, &action, &previous_term);
}

InterruptScope::~InterruptScope() {
  ::sigaction(SIGINT, &previous_int, nullptr);
  ::sigaction(SIGTERM, &previous_term, nullptr);
}

bool InterruptScope::requested() { return interrupted != 0; }

}  // namespace npusim::jobs
