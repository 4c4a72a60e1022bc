#include "sim/cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "sim/base/error.h"

namespace npusim::cli {
namespace fs = std::filesystem;

void check_writable(const std::string& path) {
  if (path.empty()) return;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) throw UserError(fmt::format("{}: is a folder, expected a file", path));
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  if (!fs::is_directory(folder, ignored)) {
    throw UserError(fmt::format("{}: the folder '{}' does not exist", path, folder.string()));
  }
  const bool exists = fs::exists(path, ignored);
  if (::access((exists ? fs::path(path) : folder).c_str(), W_OK) != 0) {
    throw UserError(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)));
  }
}

void make_folder(const std::string& path, const std::string& what, const std::string& file) {
  if (path.empty()) throw UserError("-o is missing: the folder for " + what);
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw UserError(fmt::format("{}: cannot be created: {}", path, error.message()));
  check_writable((fs::path(path) / file).string());
}

void write_output(const std::string& path, std::string_view text) {
  if (path.empty()) {
    std::cout.write(text.data(), static_cast<std::streamsize>(text.size()));
    if (!std::cout.flush()) throw UserError(fmt::format("standard output: {}", std::strerror(errno)));
    return;
  }
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) throw UserError(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)));
}

Progress::Progress(std::string what) : what_(std::move(what)) {
  if (::isatty(STDERR_FILENO) != 0) thread_ = std::thread([this] { show(); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Progress::show() {
  std::unique_lock lock(mutex_);
  for (int seconds = 1; !wake_.wait_for(lock, std::chrono::seconds(1), [this] { return done_; }); ++seconds) {
    std::fprintf(stderr, "\r\x1b[Knpusim: %s, %d s", what_.c_str(), seconds);
  }
  std::fprintf(stderr, "\r\x1b[K");
}

}  // namespace npusim::cli
