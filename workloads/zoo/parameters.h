// Names with parameters: "<prefix>:<kind>_<key><number>_...@<size>".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/zoo/size.h"

namespace npusim::zoo {

/// Cuts "@14", "@360x640" or "_imgsize14" off the end of `text`, which ends `name`, and returns the size;
/// height 0 where there is none. Throws UserError naming the position in `name`.
Size split_image(const std::string& name, std::string& text);

/// The fields behind a prefix, each at most once, in any order. Reading one marks it as known. Errors are
/// UserErrors that name the position in the whole name.
class Parameters {
 public:
  /// Parses `name` behind its first colon; `keys` are those that carry numbers, other fields are words.
  Parameters(const std::string& name, const std::vector<std::string>& keys);

  /// The image, or `fallback` when the name has none.
  [[nodiscard]] Size image(Size fallback) const { return image_.h > 0 ? image_ : fallback; }
  /// One number from `least` to `most`.
  [[nodiscard]] std::int64_t number(const std::string& key, std::int64_t fallback, std::int64_t least,
                                    std::int64_t most) const;
  /// Numbers with commas between them.
  [[nodiscard]] std::vector<std::int64_t> numbers(const std::string& key, std::vector<std::int64_t> fallback,
                                                  std::int64_t least, std::int64_t most) const;
  /// Index of the one word that is among `choices`; `fallback` when none is. Underscores may be inside a
  /// word.
  [[nodiscard]] std::size_t word(const std::vector<std::string>& choices, std::size_t fallback);
  /// Throws for a word that no call of word() took.
  void expect_no_more() const;
  /// Throws a UserError about `key`'s value.
  [[noreturn]] void fail(const std::string& key, const std::string& what) const;

 private:
  [[noreturn]] void fail_at(std::size_t at, const std::string& what) const;

  struct Field {
    std::string text;
    std::size_t at = 0;  ///< in the name
  };
  std::string name_;
  Size image_ = 0;
  std::map<std::string, Field> numbers_;
  std::vector<Field> words_;
};

}  // namespace npusim::zoo
