// Processes that run while a test looks at them, and kills them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace npusim::test {

/// A program in the background; killed at the end of its scope.
class Background {
 public:
  /// What it writes to standard error goes to the file `errors`, its output nowhere.
  Background(std::vector<std::string> words, const std::string& errors);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  [[nodiscard]] pid_t process() const { return process_; }
  [[nodiscard]] bool running() const;
  void kill(int signal) const;
  /// The exit code, or 128 + the signal. -1 when it has not ended after so many seconds.
  int wait(int seconds);

 private:
  pid_t process_ = 0;
  bool ended_ = false;
};

/// Waits until the store has so many results or the process has ended; false when it has.
bool wait_for_rows(const Background& process, const std::string& store, std::int64_t rows);

/// Processes whose parent is `process`, by id.
std::vector<pid_t> children(pid_t process);

/// A variable of a process' environment, "" when it has none.
std::string environment_of(pid_t process, const std::string& name);

}  // namespace npusim::test
