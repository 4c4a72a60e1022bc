#include "sim/cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
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

std::string table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::string> headings;
  std::vector<std::size_t> widths;
  for (const auto& column : columns) {
    headings.push_back(column.heading);
    widths.push_back(column.heading.size());
  }
  for (const auto& row : rows) {
    ensure(row.size() == columns.size(), "a table row with as many cells as columns");
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += columns[i].right ? fmt::format("{:>{}}", row[i], widths[i])
                               : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  add(headings);
  for (const auto& row : rows) add(row);
  return text;
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
