#include "nas/uncertainty/guesses.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "hw_models/api/npu.h"
#include "sim/base/error.h"

namespace npusim::uncertainty {
namespace {

/// Places in a range at which kinds are tried.
constexpr std::array<double, 5> kProbes{0.13, 0.37, 0.52, 0.71, 0.88};
constexpr std::int64_t kLargestStep = 1024;
constexpr double kWide = 10;  ///< of a range whose whole numbers are fine enough

std::optional<double> number(const std::string& text) {
  try {
    std::size_t used = 0;
    const double value = std::stod(text, &used);
    return used == text.size() && std::isfinite(value) ? std::optional(value) : std::nullopt;
  } catch (const std::logic_error&) {
    return std::nullopt;
  }
}

bool is_power_of_two(double value) {
  int exponent = 0;
  return value >= 1 && std::frexp(value, &exponent) == 0.5;
}

bool is_multiple(double value, std::int64_t step) { return std::fmod(value, static_cast<double>(step)) == 0; }

/// Why the chip cannot have that value, "" when it can.
std::string refusal(const Config& description, const std::string& key, const std::string& value) {
  try {
    Config changed = description;
    changed.set(key + "=" + value);
    hw::make_npu(changed);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

/// The kinds that the ends of a range allow, the finest first. Without `fractions`, between whole ends far
/// apart only whole numbers are tried: they are fine enough, and a parameter that is not in use may not be
/// checked by the chip.
std::vector<Guess> candidates(const Guess& range, bool fractions) {
  const bool whole = is_multiple(range.low, 1) && is_multiple(range.high, 1);
  std::vector<Guess> list;
  if (!whole || fractions || range.high - range.low < kWide) list.push_back(range);
  if (!whole) return list;
  list.push_back(range);
  list.back().kind = Kind::integer;
  if (is_power_of_two(range.low) && is_power_of_two(range.high)) {
    list.push_back(range);
    list.back().kind = Kind::power_of_two;
  }
  for (std::int64_t step = 2; step <= kLargestStep; step *= 2) {
    if (!is_multiple(range.low, step) || !is_multiple(range.high, step)) break;
    list.push_back(range);
    list.back().kind = Kind::multiple;
    list.back().step = step;
  }
  return list;
}

Guess word(const std::string& key, const std::string& value, std::vector<std::string> words) {
  Guess guess{key, value, Kind::word, 0, 0, 1, std::move(words)};
  return guess;
}

void add_guess(const Config& description, const std::string& key, const Provenance& source, Guesses& all) {
  const std::string value = description.raw(key);
  const auto outside = [&](const std::string& range) {
    throw UserError(fmt::format("{}: '{}' is '{}', outside the range {} that its source gives",
                                description.where(key), key, value, range));
  };
  if (value == "true" || value == "false") {
    all.varied.push_back(word(key, value, {"false", "true"}));
    return;
  }
  if (!source.values.empty()) {
    if (std::find(source.values.begin(), source.values.end(), value) == source.values.end()) {
      outside(fmt::format("{{{}}}", fmt::join(source.values, ", ")));
    }
    all.varied.push_back(word(key, value, source.values));
    return;
  }
  const auto here = number(value);
  if (!source.ranged || !here) {
    all.kept.push_back({key, value, fmt::format("no range is given ({})", description.where(key))});
    return;
  }
  if (*here < source.low || *here > source.high) outside(fmt::format("[{}, {}]", source.low, source.high));
  if (source.low == source.high) return;  // known after all
  Guess guess{key, value, Kind::real, source.low, source.high, 1, {}};
  const std::string reason = settle_kind(description, false, guess);
  if (reason.empty()) {
    all.varied.push_back(std::move(guess));
  } else {
    all.kept.push_back({key, value, reason});
  }
}

/// Names tell people which one it is; nothing follows from them.
bool is_name(const std::string& key) { return key == "chip" || key.ends_with(".name"); }

}  // namespace

std::string Guess::describe_kind() const {
  switch (kind) {
    case Kind::real:
      return "a number";
    case Kind::integer:
      return "a whole number";
    case Kind::power_of_two:
      return "a power of two";
    case Kind::multiple:
      return fmt::format("a multiple of {}", step);
    case Kind::word:
      return "a word";
  }
  return "";
}

std::string Guess::at(double u) const {
  /// The place of u among that many.
  const auto nth = [u](double count) { return std::min(std::floor(u * count), count - 1); };
  const double width = high - low;
  switch (kind) {
    case Kind::real:
      return fmt::format("{:.6g}", low + u * width);
    case Kind::integer:
      return fmt::format("{:.0f}", low + nth(width + 1));
    case Kind::power_of_two:
      return fmt::format("{:.0f}", low * std::exp2(nth(std::log2(high / low) + 1)));
    case Kind::multiple: {
      const auto unit = static_cast<double>(step);
      return fmt::format("{:.0f}", low + unit * nth(width / unit + 1));
    }
    case Kind::word:
      return words[static_cast<std::size_t>(nth(static_cast<double>(words.size())))];
  }
  return "";
}

std::vector<std::string> Guess::alternatives() const {
  if (kind != Kind::word) return {fmt::format("{}", low), fmt::format("{}", high)};
  std::vector<std::string> others;
  std::copy_if(words.begin(), words.end(), std::back_inserter(others),
               [this](const std::string& one) { return one != value; });
  return others;
}

std::string settle_kind(const Config& description, bool fractions, Guess& guess) {
  std::size_t most = 0;
  std::string reason;
  for (const Guess& candidate : candidates(guess, fractions)) {
    std::size_t taken = 0;
    for (const double u : kProbes) {
      const std::string why = refusal(description, guess.key, candidate.at(u));
      if (why.empty()) {
        ++taken;
      } else {
        reason = why;
      }
    }
    if (taken <= most) continue;
    most = taken;
    guess = candidate;
    if (most == kProbes.size()) break;
  }
  return most == 0 ? "the chip takes no value of its range: " + reason : "";
}

Guesses find_guesses(const Config& description, const std::set<std::string>& fixed) {
  Guesses all;
  for (const std::string& key : description.keys()) {
    const Provenance* source = description.provenance(key);
    if (source == nullptr || source->grade != Grade::guessed || fixed.count(key) != 0 || is_name(key)) {
      continue;
    }
    add_guess(description, key, *source, all);
  }
  return all;
}

}  // namespace npusim::uncertainty
