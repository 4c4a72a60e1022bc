#include "nas/jobs/pool.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "sim/base/error.h"

namespace npusim::jobs {
namespace {

constexpr int kPollMilliseconds = 100;
constexpr std::size_t kChunk = 65536;  ///< bytes read at a time

volatile std::sig_atomic_t interrupted = 0;
struct sigaction previous_int;
struct sigaction previous_term;

/// Sends all of `line`; false when the other side is gone.
bool send_line(int socket, const std::string& line) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t count = ::send(socket, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

/// Appends what has come in; false when the other side is gone.
bool receive(int socket, std::string& buffer) {
  char chunk[kChunk];
  while (true) {
    const ssize_t count = ::recv(socket, chunk, sizeof chunk, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(count));
    return true;
  }
}

/// The first whole line of the buffer, taken out of it.
std::optional<std::string> take_line(std::string& buffer) {
  const std::size_t end = buffer.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer.substr(0, end);
  buffer.erase(0, end + 1);
  return line;
}

/// A worker's life: never returns, and leaves nothing of the caller's behind (no destructor, no buffer).
[[noreturn]] void serve(int socket, const std::function<Work()>& make) {
  try {
    const Work work = make();
    std::string buffer;
    while (receive(socket, buffer)) {
      while (const auto line = take_line(buffer)) {
        const auto job = nlohmann::json::parse(*line).at("job").get<std::size_t>();
        if (!send_line(socket, work(job) + "\n")) ::_exit(0);
      }
    }
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "npusim: a worker ends: %s\n", error.what());
    ::_exit(2);
  }
}

/// "killed by signal 9 (Killed)", "exited with code 2".
std::string describe(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("exited with code {}", WEXITSTATUS(status));
}

struct Worker {
  pid_t process = 0;
  int socket = -1;
  std::size_t job = 0;
  std::string buffer;
};

class Pool {
 public:
  Pool(const std::vector<std::size_t>& jobs, const std::function<Work()>& make, const PoolOptions& options,
       const std::function<void(std::size_t, const Outcome&)>& done)
      : waiting_(jobs.begin(), jobs.end()), make_(make), options_(options), done_(done) {}
  ~Pool() {
    for (const Worker& worker : workers_) {
      ::kill(worker.process, SIGKILL);
      end(worker);
    }
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  bool run() {
    while (!waiting_.empty() || !workers_.empty()) {
      if (options_.stop()) return false;
      while (!waiting_.empty() && workers_.size() < options_.workers) start();
      wait();
      options_.tick();
    }
    return true;
  }

 private:
  /// A fresh worker with the next job.
  void start() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail();
    const pid_t parent = ::getpid();
    const pid_t process = ::fork();
    if (process < 0) {
      ::close(pair[0]);
      ::close(pair[1]);
      fail();
    }
    if (process == 0) {
      ::signal(SIGINT, SIG_IGN);  // a terminal's Ctrl-C reaches all; the caller decides
      ::signal(SIGTERM, SIG_DFL);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(0);
      for (const Worker& other : workers_) ::close(other.socket);
      ::close(pair[0]);
      serve(pair[1], make_);
    }
    ::close(pair[1]);
    workers_.push_back({process, pair[0], 0, ""});
    if (!hand_out(workers_.back())) bury(workers_.size() - 1);
  }

  [[noreturn]] static void fail() {
    throw UserError(fmt::format("-j: a worker process cannot be started: {}", std::strerror(errno)));
  }

  bool hand_out(Worker& worker) {
    worker.job = waiting_.front();
    waiting_.pop_front();
    return send_line(worker.socket, nlohmann::json{{"job", worker.job}}.dump() + "\n");
  }

  void wait() {
    std::vector<pollfd> sockets;
    for (const Worker& worker : workers_) sockets.push_back({worker.socket, POLLIN, 0});
    if (::poll(sockets.data(), sockets.size(), kPollMilliseconds) <= 0) return;
    for (std::size_t i = sockets.size(); i-- > 0;) {  // backwards: workers are erased
      if (sockets[i].revents != 0) listen(i);
    }
  }

  void listen(std::size_t at) {
    Worker& worker = workers_[at];
    if (!receive(worker.socket, worker.buffer)) return bury(at);
    const auto line = take_line(worker.buffer);
    if (!line) return;
    done_(worker.job, {false, *line});
    if (waiting_.empty()) {
      end(worker);
      workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (!hand_out(worker)) {
      bury(at);
    }
  }

  /// Closes the socket, at which a living worker ends, and waits for that; gives its exit status.
  static int end(const Worker& worker) {
    ::close(worker.socket);
    int status = 0;
    while (::waitpid(worker.process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  /// A worker is dead: its job is tried again, or given up.
  void bury(std::size_t at) {
    const Worker worker = workers_[at];
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(at));
    const std::string how = describe(end(worker));
    if (++deaths_[worker.job] == 1) {
      options_.retrying(worker.job, how);
      waiting_.push_front(worker.job);
    } else {
      done_(worker.job, {true, how});
    }
  }

  std::deque<std::size_t> waiting_;
  const std::function<Work()>& make_;
  const PoolOptions& options_;
  const std::function<void(std::size_t, const Outcome&)>& done_;
  std::vector<Worker> workers_;
  std::map<std::size_t, int> deaths_;
};

}  // namespace

bool run_pool(const std::vector<std::size_t>& jobs, const std::function<Work()>& make,
              const PoolOptions& options, const std::function<void(std::size_t, const Outcome&)>& done) {
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
