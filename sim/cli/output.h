// Where results go: standard output or a file, a progress line.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace npusim::cli {

/// Throws UserError unless `path` ("" is standard output) can be created or replaced: call it before long
/// work.
void check_writable(const std::string& path);
/// Creates the folder `path` of -o for `what`. Throws UserError when it is "" or cannot be created, or when
/// `file` cannot be written there.
void make_folder(const std::string& path, const std::string& what, const std::string& file);
/// Writes `text` to `path`, or to standard output when `path` is "". Throws UserError with the system's
/// reason.
void write_output(const std::string& path, std::string_view text);

/// Of a table whose last column may be as long as it is.
inline constexpr std::size_t kAnyWidth = 4096;

/// While alive: after the first second, a line "npusim: what, 3 s" on standard error, rewritten in place and
/// removed at the end. Does nothing unless standard error is a terminal.
class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  void show();

  std::string what_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace npusim::cli
