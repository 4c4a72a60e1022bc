#include "nas/jobs/worker.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "sim/base/error.h"

namespace npusim::jobs {
namespace {

constexpr std::size_t kChunk = 65536;  ///< bytes read at a time

/// A worker's life: jobs' numbers in, results out.
int serve_jobs(int socket, const std::function<Work()>& make) {
  try {
    const Work work = make();
    std::string buffer;
    while (receive_bytes(socket, buffer)) {
      while (const auto line = take_line(buffer)) {
        std::size_t job = 0;
        std::from_chars(line->data(), line->data() + line->size(), job);
        if (!send_line(socket, work(job))) return 0;
      }
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "npusim: a worker ends: %s\n", error.what());
    return 2;
  }
}

[[noreturn]] void fail() {
  throw UserError(fmt::format("-j: a worker process cannot be started: {}", std::strerror(errno)));
}

}  // namespace

bool send_line(int socket, const std::string& line) {
  const std::string text = line + "\n";
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t count = ::send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

bool receive_bytes(int socket, std::string& buffer) {
  char chunk[kChunk];
  while (true) {
    const ssize_t count = ::recv(socket, chunk, sizeof chunk, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(count));
    return true;
  }
}

std::optional<std::string> take_line(std::string& buffer) {
  const std::size_t end = buffer.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer.substr(0, end);
  buffer.erase(0, end + 1);
  return line;
}

Child start_child(const std::function<int(int socket)>& serve, const std::vector<int>& others) {
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
    for (const int other : others) ::close(other);
    ::close(pair[0]);
    ::_exit(serve(pair[1]));
  }
  ::close(pair[1]);
  return {process, pair[0]};
}

std::string end_child(const Child& child) {
  ::close(child.socket);
  int status = 0;
  while (::waitpid(child.process, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("exited with code {}", WEXITSTATUS(status));
}

Worker::Worker(const std::function<Work()>& make, const std::vector<int>& others)
    : child_(start_child([&make](int socket) { return serve_jobs(socket, make); }, others)) {}

bool Worker::hand_out(std::size_t job) const { return send_line(child_.socket, fmt::format("{}", job)); }

Worker::Heard Worker::listen() {
  if (!receive_bytes(child_.socket, buffer_)) return {false, std::nullopt};
  return {true, take_line(buffer_)};
}

std::string Worker::end(bool now) const {
  if (now) ::kill(child_.process, SIGKILL);
  return end_child(child_);
}

}  // namespace npusim::jobs
