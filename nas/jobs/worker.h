// One worker process and the lines that go to and from it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace npusim::jobs {

/// Does one job, in a worker: the job's number to a result, one line of JSON. What it throws ends the worker.
using Work = std::function<std::string(std::size_t job)>;

/// Sends all of `line` and a line's end; false when the other side is gone.
bool send_line(int socket, const std::string& line);
/// Appends what has come in, at least a byte; false when the other side is gone.
bool receive_bytes(int socket, std::string& buffer);
/// The first whole line of the buffer, taken out of it.
std::optional<std::string> take_line(std::string& buffer);

/// A process forked from the caller, at the other end of a socket. It does not outlive the caller.
struct Child {
  pid_t process = 0;
  int socket = -1;
};
/// Forks; the child runs `serve` on its socket and exits with its result, leaving nothing of the caller
/// behind (no destructor, no buffer); it ignores SIGINT and closes `others`. The caller must be
/// single-threaded. Throws UserError when no process can be started.
Child start_child(const std::function<int(int socket)>& serve, const std::vector<int>& others);
/// Closes the socket, at which a living child ends, and waits for that: "killed by signal 9 (Killed)",
/// "exited with code 2".
std::string end_child(const Child& child);

/// A child that does jobs, one at a time, in the order given.
class Worker {
 public:
  /// `make` is called once, in the child. `others`: sockets of the caller that the child must not hold.
  Worker(const std::function<Work()>& make, const std::vector<int>& others);
  /// False when it is dead.
  [[nodiscard]] bool hand_out(std::size_t job) const;
  /// What has come: after a read that found the worker alive, a result if it is whole.
  struct Heard {
    bool alive = true;
    std::optional<std::string> result;
  };
  /// Waits for something to come.
  Heard listen();
  [[nodiscard]] int socket() const { return child_.socket; }
  /// See end_child(); `now` does not wait for the job it has.
  [[nodiscard]] std::string end(bool now) const;

 private:
  Child child_;
  std::string buffer_;
};

}  // namespace npusim::jobs
