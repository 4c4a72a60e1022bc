// The guessed parameters of a description, and the values that each could have instead.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "sim/base/config.h"

namespace npusim::uncertainty {

/// What lies between a guess' low and high.
enum class Kind : std::uint8_t { real, integer, power_of_two, multiple, word };

/// A guessed parameter that can be varied.
struct Guess {
  std::string key;
  std::string value;  ///< the description's
  Kind kind = Kind::real;
  double low = 0;  ///< unless a word
  double high = 0;
  std::int64_t step = 1;           ///< of Kind::multiple
  std::vector<std::string> words;  ///< of Kind::word, the description's own among them
  /// "a whole number", "a multiple of 64", ...
  [[nodiscard]] std::string describe_kind() const;
  /// Of u in [0, 1): uniform over the range (of powers of two: over the exponents), as the description
  /// would have it; real numbers have six digits.
  [[nodiscard]] std::string at(double u) const;
  /// What a tornado tries beside the description's value: both ends, or the other words.
  [[nodiscard]] std::vector<std::string> alternatives() const;
};

/// A guessed parameter that keeps its value.
struct Kept {
  std::string key;
  std::string value;
  std::string reason;  ///< "no range is given (ascend310.yaml:61)"
};

struct Guesses {
  std::vector<Guess> varied;  ///< by key
  std::vector<Kept> kept;
};

/// Finds out of what kind the values between guess.low and guess.high are, by trying some on the chip: the
/// finest kind of which the chip takes most. `fractions`: real numbers are tried between whole ends that are
/// ten or more apart, too. Gives the reason when the chip takes none, else "".
std::string settle_kind(const Config& description, bool fractions, Guess& guess);

/// All leaves whose source is "guessed". Booleans need no range: there are two. Whether a range is of real
/// or of whole numbers, multiples or powers of two, is found by trying values of it on the chip (between
/// whole ends ten or more apart: whole numbers at most). `fixed`: keys that the user has set and which are
/// therefore not varied. Throws UserError when a value is outside its own range.
Guesses find_guesses(const Config& description, const std::set<std::string>& fixed);

}  // namespace npusim::uncertainty
