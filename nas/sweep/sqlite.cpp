#include "nas/sweep/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "sim/base/error.h"

namespace npusim::sweep {
namespace {

template <class Value>
bool is_a(const std::string& cell) {
  Value value{};
  const auto [stop, status] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return status == std::errc() && stop == cell.data() + cell.size();
}

const char* type_of(const Column& column) {
  if (!column.numeric) return "TEXT";
  const bool whole = std::all_of(column.cells.begin(), column.cells.end(), [](const std::string& cell) {
    return cell.empty() || is_a<std::int64_t>(cell);
  });
  return whole ? "INTEGER" : "REAL";
}

/// An identifier: "cube.m" needs quotes.
std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

/// A file that is being written.
class File {
 public:
  File(std::string path, std::string shown) : path_(std::move(path)), shown_(std::move(shown)) {
    std::remove(path_.c_str());
    check(sqlite3_open_v2(path_.c_str(), &connection_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr));
  }
  ~File() {
    sqlite3_finalize(insert_);
    sqlite3_close(connection_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void check(int code) const {
    if (code == SQLITE_OK || code == SQLITE_DONE) return;
    const std::string text = connection_ != nullptr ? sqlite3_errmsg(connection_) : sqlite3_errstr(code);
    throw UserError(fmt::format("{}: cannot be written: {}", shown_, text));
  }
  void run(const std::string& sql) const {
    check(sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr));
  }
  void prepare(const std::string& sql) {
    check(sqlite3_prepare_v2(connection_, sql.c_str(), -1, &insert_, nullptr));
  }
  /// SQLite turns the text into the column's type.
  void insert(const std::vector<Column>& table, std::size_t row) {
    for (std::size_t c = 0; c < table.size(); ++c) {
      const std::string& cell = table[c].cells[row];
      const int at = static_cast<int>(c) + 1;
      check(cell.empty() ? sqlite3_bind_null(insert_, at)
                         : sqlite3_bind_text(insert_, at, cell.data(), static_cast<int>(cell.size()),
                                             SQLITE_TRANSIENT));
    }
    check(sqlite3_step(insert_));
    check(sqlite3_reset(insert_));
  }

 private:
  std::string path_;
  std::string shown_;
  sqlite3* connection_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

void fill(File& file, const std::vector<Column>& table) {
  std::vector<std::string> columns;
  for (const Column& column : table) columns.push_back(quoted(column.name) + " " + type_of(column));
  file.run("PRAGMA journal_mode=OFF");
  file.run("PRAGMA synchronous=OFF");
  file.run("BEGIN");
  file.run(fmt::format("CREATE TABLE sweep({})", fmt::join(columns, ", ")));
  const std::vector<std::string> marks(table.size(), "?");
  file.prepare(fmt::format("INSERT INTO sweep VALUES({})", fmt::join(marks, ",")));
  for (std::size_t row = 0; row < table[0].cells.size(); ++row) file.insert(table, row);
  file.run("COMMIT");
}

}  // namespace

void write_sqlite(const std::string& path, const std::vector<Column>& table) {
  const std::string draft = fmt::format("{}.{}.part", path, ::getpid());
  try {
    File file(draft, path);
    fill(file, table);
  } catch (...) {
    std::remove(draft.c_str());
    throw;
  }
  std::error_code failed;
  std::filesystem::rename(draft, path, failed);
  if (failed) {
    std::remove(draft.c_str());
    throw UserError(fmt::format("{}: cannot be written: {}", path, failed.message()));
  }
}

}  // namespace npusim::sweep
