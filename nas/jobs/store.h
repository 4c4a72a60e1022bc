// The results store: an SQLite file that keeps every simulation's result under the hash of all its inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace npusim::jobs {

/// Everything that a result depends on. Results are shared between runs with equal keys, so a new input of a
/// simulation must become part of it.
struct Key {
  std::string hw_hash;     ///< hw::hardware_hash()
  std::string graph_hash;  ///< ir::content_hash() of the graph before any pass
  std::string options;     ///< "dtype=fp16": what else decides the cycles, in a fixed order
  std::string version;     ///< version_text()
  auto operator<=>(const Key&) const = default;
};

/// `version` and a hash of the running executable ("0.1.0+89ab..."): another build may count other cycles.
std::string version_text(const std::string& version);

/// $XDG_CACHE_HOME/npusim/results.db, else ~/.cache/npusim/results.db. Throws UserError when neither
/// environment variable is set.
std::string default_store_path();

/// What a key leads to.
struct Stored {
  std::string payload;  ///< JSON
  double wall_s = 0;    ///< what the simulation took when it was run
};

/// An open results store. Several processes may use one file at the same time (write-ahead log; a writer
/// waits up to 60 s for another). Every put() is durable against the death of the process at once. Nothing
/// but put() changes the file's rows; a file that is not a store is refused and left as it is.
///
/// All errors are UserError and name the file: no access, not a store, of another layout, damaged,
/// disk full. Not to be used in a process forked from the one that opened it.
class Store {
 public:
  /// Opens the file, making it and its folder when there is none.
  explicit Store(const std::string& path);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// The result of that key. A row whose payload does not match its checksum counts as absent and as
  /// damaged().
  [[nodiscard]] std::optional<Stored> find(const Key& key);
  /// Adds the result, replacing an earlier one of the same key.
  void put(const Key& key, const Stored& stored);
  [[nodiscard]] std::int64_t rows();
  /// Adds what another store has and this one lacks; gives how many rows that were. Throws UserError when
  /// there is no such file.
  std::int64_t merge(const std::string& other);
  /// Damaged rows that find() met.
  [[nodiscard]] std::int64_t damaged() const { return damaged_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Database;
  std::string path_;
  std::unique_ptr<Database> database_;
  std::int64_t damaged_ = 0;
};

}  // namespace npusim::jobs
