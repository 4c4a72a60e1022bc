// What a calibration may change: one key of a description and the values it may have.
#pragma once

#include <string>
#include <vector>

#include "nas/uncertainty/guesses.h"
#include "sim/base/config.h"

namespace npusim::calibrate {

using uncertainty::Kind;

/// A free key. Searches see it as a place in [0, 1]: along the range (on a logarithmic scale where that spans
/// more than a decade), or along the list of choices.
class Parameter {
 public:
  /// A number in [low, high] of that kind (not Kind::word).
  Parameter(std::string key, std::string start, Kind kind, double low, double high, std::int64_t step);
  /// One of a list, of words or of numbers (ascending).
  Parameter(std::string key, std::string start, std::vector<std::string> choices);

  [[nodiscard]] const std::string& key() const { return key_; }
  /// The description's value, as written there.
  [[nodiscard]] const std::string& start() const { return start_; }
  /// Number of values; 0: a continuum.
  [[nodiscard]] std::size_t levels() const;
  /// The value nearest to that place, as --set takes it: real numbers have six digits.
  [[nodiscard]] std::string at(double place) const;
  /// The place of a value; of one outside the range, the nearer end. Of a word that is no choice, 0.
  [[nodiscard]] double place(const std::string& value) const;
  /// Whether the values are numbers: words have no elasticity.
  [[nodiscard]] bool numeric() const { return numeric_; }
  [[nodiscard]] bool logarithmic() const { return logarithmic_; }
  /// The change of place for a change of the value's logarithm, there; 0 for a list.
  [[nodiscard]] double place_per_log(const std::string& value) const;
  /// "1..20, a number", "64..1024, a power of two, log scale", "{64, 256}".
  [[nodiscard]] std::string describe() const;
  /// Whether the description's value is no value of the range: the fit could then be worse than no fit.
  [[nodiscard]] bool excludes_start() const;
  /// "low 1", "high 20" when the value is that end of the range; else "".
  [[nodiscard]] std::string bound_hit(const std::string& value) const;

 private:
  [[nodiscard]] std::string text(double number) const;

  std::string key_;
  std::string start_;
  Kind kind_ = Kind::word;
  double low_ = 0, high_ = 0;
  std::int64_t step_ = 1;
  std::vector<std::string> choices_;
  bool numeric_ = true;
  bool logarithmic_ = false;
};

/// A number, wholly read. Throws InternalError for anything else: for values that are known to be numbers.
double number_of(const std::string& text);

/// Parameters of texts as --free and --bounds take them: "a,b=1..20,c={64,128}". A key without bounds takes
/// the range of its source ("guessed [low, high]" or "guessed {a, b}"); a boolean takes both values.
/// `bounds` are for keys among `free`. Throws UserError for unknown keys (with the nearest), keys given
/// twice, keys without any range, empty ranges, ranges without the description's value, and ranges of which
/// the chip takes no value.
std::vector<Parameter> parse_parameters(const Config& description, const std::vector<std::string>& free,
                                        const std::vector<std::string>& bounds);

}  // namespace npusim::calibrate
