// How far a batch has come: a bar on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace npusim::jobs {

/// "12 of 40 jobs, 3.1 jobs/s, 9 s left"; without rate and rest before anything is done.
std::string progress_text(std::size_t done, std::size_t total, double seconds);

/// Writes to standard error: on a terminal one line, rewritten in place and removed at the end; elsewhere a
/// plain line every ten seconds, none in the first ten.
class ProgressBar {
 public:
  explicit ProgressBar(std::size_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// Shows `done` jobs when it is time to.
  void show(std::size_t done);
  /// A line of its own, above the bar.
  void say(const std::string& line) const;

 private:
  using Clock = std::chrono::steady_clock;
  std::size_t total_;
  bool terminal_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_;
};

}  // namespace npusim::jobs
