// Typed, validated YAML: dotted keys, file and line in every error, unknown keys refused, provenance of
// every number.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace npusim {

/// How well a parameter is known.
enum class Grade { published, fitted, guessed };

/// "published", "fitted" or "guessed".
std::string_view to_string(Grade grade);

/// Where a parameter's value comes from.
struct Provenance {
  Grade grade = Grade::guessed;
  std::string source;
  double low = 0;  ///< plausible range of a guessed value; low == high when none is given
  double high = 0;
  bool ranged = false;              ///< [low, high] was given, be it of one value
  std::vector<std::string> values;  ///< what a guessed word could be: "guessed {open, closed} | why"
};

/// A flat view of a YAML mapping: "cube: {m: 16}" is the leaf "cube.m".
///
/// The top-level key `sources` maps a dotted key, or the prefix of several, to
/// "published | where", "fitted | to what", "guessed [low, high] | why" or, of words, "guessed {a, b} | why".
/// Readers ask for each key with its type and range; `finish()` then refuses keys nobody asked for.
/// All errors are UserError with file and line.
class Config {
 public:
  /// Parses `text`; `file` is only used in messages. Throws UserError on malformed YAML, on a list of
  /// mappings and on duplicate keys.
  static Config parse(std::string_view text, const std::string& file);
  /// Reads and parses a file. Throws UserError when it cannot be read.
  static Config load(const std::string& path);

  /// Values of `other` replace or extend this configuration's; its provenance likewise.
  void merge(const Config& other);
  /// Overrides one existing leaf from "key=value" (the command line's --set). Throws UserError for an
  /// unknown key (with the nearest one) or a missing '='.
  void set(std::string_view assignment);

  /// Removes a leaf, if there.
  void erase(const std::string& key) { leaves_.erase(key); }

  [[nodiscard]] bool has(const std::string& key) const;
  /// An integer in [low, high]. Throws UserError when missing, not an integer or out of range.
  [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t low, std::int64_t high) const;
  /// A finite number in [low, high].
  [[nodiscard]] double number(const std::string& key, double low, double high) const;
  [[nodiscard]] bool boolean(const std::string& key) const;
  [[nodiscard]] std::string text(const std::string& key) const;
  /// One of `choices`; the error suggests the nearest.
  [[nodiscard]] std::string choice(const std::string& key, const std::vector<std::string>& choices) const;
  /// A list of integers, written [a, b, c].
  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& key, std::int64_t low,
                                                   std::int64_t high) const;

  /// Throws UserError naming the first key that no reader asked for, with the nearest key that one did.
  void finish() const;

  /// All leaf keys in order, without `sources`.
  [[nodiscard]] std::vector<std::string> keys() const;
  /// The leaf's text as written.
  [[nodiscard]] std::string raw(const std::string& key) const;
  /// "file:line" of a leaf.
  [[nodiscard]] std::string where(const std::string& key) const;
  /// Provenance of a leaf: the entry with the longest matching prefix. nullptr when there is none.
  [[nodiscard]] const Provenance* provenance(const std::string& key) const;
  /// Keys (or prefixes) that `sources` lists.
  [[nodiscard]] std::vector<std::string> source_keys() const;
  /// "key: value" lines in key order; equal text means equal hardware. The hash of a description is of this.
  [[nodiscard]] std::string canonical() const;

 private:
  struct Leaf {
    std::string value;
    std::string file;
    int line = 0;
  };
  [[nodiscard]] const Leaf& leaf(const std::string& key) const;
  [[noreturn]] void fail(const std::string& key, const std::string& expected) const;

  std::string file_;
  std::map<std::string, Leaf> leaves_;
  std::map<std::string, Provenance> sources_;
  mutable std::set<std::string> used_;
};

}  // namespace npusim
