#include "nas/jobs/store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "sim/base/error.h"
#include "sim/base/hash.h"

namespace npusim::jobs {
namespace fs = std::filesystem;
namespace {

constexpr int kApplicationId = 0x4e505553;  ///< "NPUS", in the file's header
constexpr int kLayout = 1;                  ///< of the tables
constexpr int kBusyMilliseconds = 60'000;

constexpr const char* kTables =
    "CREATE TABLE results("
    "hw_hash TEXT NOT NULL, graph_hash TEXT NOT NULL, options TEXT NOT NULL, version TEXT NOT NULL,"
    "payload TEXT NOT NULL, checksum TEXT NOT NULL, wall_s REAL NOT NULL,"
    "UNIQUE(hw_hash, graph_hash, options, version))";

/// What the user can do about an error of SQLite.
std::string advice(int code) {
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return "this is not a results store; it was left as it is. Name another file with --store";
    case SQLITE_CORRUPT:
      return "the store is damaged; it was left as it is. Move it away (the command sqlite3 with .recover "
             "saves what is legible) or name another file with --store";
    case SQLITE_FULL:
      return "the disk is full; all results stored so far are kept. Make room and repeat the command";
    case SQLITE_BUSY:
      return "another process has been writing to it for a minute";
    default:
      return "expected a results store that can be read and written; --no-store does without";
  }
}

}  // namespace

/// The connection and its statements.
struct Store::Database {
  std::string path;
  sqlite3* connection = nullptr;
  sqlite3_stmt* find = nullptr;
  sqlite3_stmt* put = nullptr;

  explicit Database(std::string file) : path(std::move(file)) {}
  ~Database() {
    sqlite3_finalize(find);
    sqlite3_finalize(put);
    sqlite3_close(connection);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void check(int code) const {
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
    const char* text = connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
    throw UserError(fmt::format("{}: {}: {}", path, text, advice(code)));
  }
  void run(const std::string& sql) const {
    check(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr));
  }
  [[nodiscard]] std::int64_t number(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(connection, sql.c_str(), -1, &statement, nullptr));
    const int code = sqlite3_step(statement);
    const std::int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    check(code);
    return value;
  }
  void bind(sqlite3_stmt* statement, int at, const std::string& text) const {
    check(sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT));
  }
  void bind(sqlite3_stmt* statement, const Key& key) const {
    bind(statement, 1, key.hw_hash);
    bind(statement, 2, key.graph_hash);
    bind(statement, 3, key.options);
    bind(statement, 4, key.version);
  }

  /// A new file becomes a store; an existing one must be one.
  void prepare() {
    check(sqlite3_busy_timeout(connection, kBusyMilliseconds));
    sqlite3_extended_result_codes(connection, 1);
    run("BEGIN IMMEDIATE");  // one of two processes that start together makes the tables
    const bool empty = number("SELECT count(*) FROM sqlite_master") == 0;
    if (!empty && number("PRAGMA application_id") != kApplicationId) {
      throw UserError(
          fmt::format("{}: is a database of another program; it was left as it is. Name another "
                      "file with --store",
                      path));
    }
    const std::int64_t layout = number("PRAGMA user_version");
    if (layout > kLayout) {
      throw UserError(
          fmt::format("{}: was written by a newer npusim (layout {}, this one knows {}); name "
                      "another file with --store",
                      path, layout, kLayout));
    }
    if (!empty && layout < kLayout) {
      throw UserError(fmt::format(
          "{}: was written by an older npusim (layout {}, this one has {}), none of whose results "
          "this one could use; it was left as it is. Name another file with --store, or delete it",
          path, layout, kLayout));
    }
    if (empty) {
      run(kTables);
      run(fmt::format("PRAGMA application_id={}", kApplicationId));
      run(fmt::format("PRAGMA user_version={}", kLayout));
    }
    run("COMMIT");
    // In WAL mode readers do not wait for writers. NORMAL: a power cut may lose the last results, not the
    // file.
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA synchronous=NORMAL");
    check(sqlite3_prepare_v2(connection,
                             "SELECT payload, checksum, wall_s FROM results WHERE hw_hash=? AND "
                             "graph_hash=? AND options=? AND version=?",
                             -1, &find, nullptr));
    check(sqlite3_prepare_v2(connection, "INSERT OR REPLACE INTO results VALUES(?,?,?,?,?,?,?)", -1, &put,
                             nullptr));
  }
};

std::string version_text(const std::string& version) {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(self), std::istreambuf_iterator<char>()};
  ensure(!bytes.empty(), "an executable that can be read");
  return version + "+" + hex_hash(bytes);
}

std::string default_store_path() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  const std::string cache = variable("XDG_CACHE_HOME");
  if (!cache.empty()) return cache + "/npusim/results.db";
  const std::string home = variable("HOME");
  if (!home.empty()) return home + "/.cache/npusim/results.db";
  throw UserError(
      "neither XDG_CACHE_HOME nor HOME is set: say where results are kept with --store FILE, or --no-store");
}

Store::Store(const std::string& path) : path_(path), database_(std::make_unique<Database>(path)) {
  const fs::path folder = fs::path(path).parent_path();
  std::error_code failed;
  if (!folder.empty()) fs::create_directories(folder, failed);
  if (failed) {
    throw UserError(
        fmt::format("{}: the folder '{}' cannot be made: {}", path, folder.string(), failed.message()));
  }
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  database_->check(sqlite3_open_v2(path.c_str(), &database_->connection, flags, nullptr));
  database_->prepare();
}

Store::~Store() = default;

std::optional<Stored> Store::find(const Key& key) {
  sqlite3_stmt* statement = database_->find;
  database_->bind(statement, key);
  const int code = sqlite3_step(statement);
  std::optional<Stored> found;
  if (code == SQLITE_ROW) {
    const auto text = [&](int column) {
      const unsigned char* bytes = sqlite3_column_text(statement, column);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return std::string(reinterpret_cast<const char*>(bytes), bytes == nullptr ? 0 : size);
    };
    found = Stored{text(0), sqlite3_column_double(statement, 2)};
    if (hex_hash(found->payload) != text(1)) {
      ++damaged_;
      found.reset();
    }
  }
  sqlite3_reset(statement);
  database_->check(code);
  return found;
}

void Store::put(const Key& key, const Stored& stored) {
  sqlite3_stmt* statement = database_->put;
  database_->bind(statement, key);
  database_->bind(statement, 5, stored.payload);
  database_->bind(statement, 6, hex_hash(stored.payload));
  database_->check(sqlite3_bind_double(statement, 7, stored.wall_s));
  const int code = sqlite3_step(statement);
  sqlite3_reset(statement);
  database_->check(code);
}

std::int64_t Store::rows() { return database_->number("SELECT count(*) FROM main.results"); }

std::int64_t Store::merge(const std::string& other) {
  if (!fs::exists(other)) throw UserError(fmt::format("{}: no such file", other));
  { const Store checked(other); }
  sqlite3_stmt* attach = nullptr;
  database_->check(
      sqlite3_prepare_v2(database_->connection, "ATTACH DATABASE ? AS other", -1, &attach, nullptr));
  database_->bind(attach, 1, other);
  const int code = sqlite3_step(attach);
  sqlite3_finalize(attach);
  database_->check(code);
  const std::int64_t before = rows();
  try {
    database_->run("INSERT OR IGNORE INTO main.results SELECT * FROM other.results");
  } catch (const UserError& error) {
    throw UserError(fmt::format("while adding {}: {}", other, error.what()));
  }
  const std::int64_t added = rows() - before;
  database_->run("DETACH DATABASE other");
  return added;
}

}  // namespace npusim::jobs
