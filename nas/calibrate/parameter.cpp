#include "nas/calibrate/parameter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "sim/base/error.h"

namespace npusim::calibrate {
namespace {

constexpr double kDecade = 10;

std::optional<double> read_number(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (text.empty() || status != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// Split at commas that are not inside braces.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    depth += static_cast<int>(c == '{') - static_cast<int>(c == '}');
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else if (c != ' ') {
      parts.back() += c;
    }
  }
  return parts;
}

/// Keys in the order given, with what is said of their values ("" when nothing).
using Asked = std::vector<std::pair<std::string, std::string>>;

Asked read_option(const Config& description, const char* option, const std::vector<std::string>& texts) {
  Asked asked;
  for (const std::string& text : texts) {
    for (const std::string& part : split(text)) {
      const std::size_t equals = std::min(part.find('='), part.size());
      const std::string key = part.substr(0, equals);
      if (!description.has(key)) {
        throw UserError(fmt::format("{} {}: the chip has no key '{}'{}", option, part, key,
                                    suggestion(key, description.keys())));
      }
      if (std::any_of(asked.begin(), asked.end(), [&](const auto& one) { return one.first == key; })) {
        throw UserError(fmt::format("{} {}: '{}' is given twice", option, part, key));
      }
      asked.emplace_back(key, equals < part.size() ? part.substr(equals + 1) : "");
    }
  }
  return asked;
}

Parameter ranged(const Config& description, const std::string& key, double low, double high) {
  if (low >= high) {
    throw UserError(fmt::format("--free {}: the range {}..{} holds less than two values", key, low, high));
  }
  uncertainty::Guess guess{key, description.raw(key), Kind::real, low, high, 1, {}};
  const std::string reason = uncertainty::settle_kind(description, true, guess);
  if (!reason.empty()) throw UserError(fmt::format("--free {}={}..{}: {}", key, low, high, reason));
  return {key, guess.value, guess.kind, low, high, guess.step};
}

Parameter chosen(const Config& description, const std::string& key, std::vector<std::string> choices) {
  const bool numbers = std::all_of(choices.begin(), choices.end(),
                                   [](const auto& one) { return read_number(one).has_value(); });
  if (numbers) {
    std::sort(choices.begin(), choices.end(),
              [](const auto& a, const auto& b) { return number_of(a) < number_of(b); });
  }
  for (auto at = choices.begin(); at != choices.end(); ++at) {
    if (at->empty() || std::find(choices.begin(), at, *at) != at) {
      throw UserError(fmt::format("--free {}={{{}}}: expected different values, separated by commas", key,
                                  fmt::join(choices, ",")));
    }
  }
  if (choices.size() < 2) throw UserError(fmt::format("--free {}: a list needs two values or more", key));
  return {key, description.raw(key), std::move(choices)};
}

/// Of "1..20" or "{64,128}".
Parameter bounded(const Config& description, const std::string& key, const std::string& text) {
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
    return chosen(description, key, split(text.substr(1, text.size() - 2)));
  }
  const std::size_t dots = text.find("..");
  const auto low = read_number(text.substr(0, std::min(dots, text.size())));
  const auto high = dots == std::string::npos ? std::nullopt : read_number(text.substr(dots + 2));
  if (!low || !high) {
    throw UserError(
        fmt::format("--free {}={}: expected {}=LOW..HIGH or {}={{A,B,...}}", key, text, key, key));
  }
  return ranged(description, key, *low, *high);
}

Parameter unbounded(const Config& description, const std::string& key) {
  const std::string value = description.raw(key);
  if (value == "true" || value == "false") return {key, value, {"false", "true"}};
  const Provenance* source = description.provenance(key);
  if (source != nullptr && !source->values.empty()) return chosen(description, key, source->values);
  if (source != nullptr && source->ranged) return ranged(description, key, source->low, source->high);
  throw UserError(
      fmt::format("--free {}: its source ({}) gives no range '[low, high]'; give one: --free {}=LOW..HIGH",
                  key, source == nullptr ? "none" : to_string(source->grade), key));
}

}  // namespace

double number_of(const std::string& text) {
  const auto value = read_number(text);
  ensure(value.has_value(), "a number");
  return *value;
}

Parameter::Parameter(std::string key, std::string start, Kind kind, double low, double high,
                     std::int64_t step)
    : key_(std::move(key)),
      start_(std::move(start)),
      kind_(kind),
      low_(low),
      high_(high),
      step_(step),
      logarithmic_(kind != Kind::power_of_two && low > 0 && high / low > kDecade) {}

Parameter::Parameter(std::string key, std::string start, std::vector<std::string> choices)
    : key_(std::move(key)), start_(std::move(start)), choices_(std::move(choices)) {
  numeric_ = std::all_of(choices_.begin(), choices_.end(),
                         [](const std::string& one) { return read_number(one).has_value(); });
}

std::size_t Parameter::levels() const {
  switch (kind_) {
    case Kind::real:
      return 0;
    case Kind::word:
      return choices_.size();
    case Kind::power_of_two:
      return static_cast<std::size_t>(std::lround(std::log2(high_ / low_))) + 1;
    case Kind::integer:
    case Kind::multiple:
      return static_cast<std::size_t>(std::floor((high_ - low_) / static_cast<double>(step_))) + 1;
  }
  return 0;
}

/// As the description writes it, if it is the description's value: equal hardware has equal text.
std::string Parameter::text(double number) const {
  std::string written = fmt::format("{:.6g}", number);
  const auto own = read_number(start_);
  return own && *own == number_of(written) ? start_ : written;
}

std::string Parameter::at(double place) const {
  const double u = std::clamp(place, 0.0, 1.0);
  if (kind_ == Kind::word) {
    return choices_[static_cast<std::size_t>(std::lround(u * static_cast<double>(choices_.size() - 1)))];
  }
  if (kind_ == Kind::power_of_two) {
    return text(low_ * std::exp2(std::round(u * static_cast<double>(levels() - 1))));
  }
  const double value = logarithmic_ ? low_ * std::pow(high_ / low_, u) : low_ + u * (high_ - low_);
  if (kind_ == Kind::real) return text(value);
  const auto unit = static_cast<double>(step_);
  return text(low_ + unit * std::min(std::round((value - low_) / unit), static_cast<double>(levels() - 1)));
}

double Parameter::place(const std::string& value) const {
  if (kind_ == Kind::word) {
    const auto found = std::find(choices_.begin(), choices_.end(), value);
    if (found != choices_.end()) {
      return static_cast<double>(found - choices_.begin()) / static_cast<double>(choices_.size() - 1);
    }
    if (!numeric_ || !read_number(value)) return 0;
    const auto distance = [&](const std::string& one) { return std::abs(number_of(one) - number_of(value)); };
    const auto nearest =
        std::min_element(choices_.begin(), choices_.end(),
                         [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
    return place(*nearest);
  }
  const double number = std::clamp(number_of(value), low_, high_);
  const bool logs = logarithmic_ || kind_ == Kind::power_of_two;
  return logs ? std::log(number / low_) / std::log(high_ / low_) : (number - low_) / (high_ - low_);
}

double Parameter::place_per_log(const std::string& value) const {
  if (kind_ == Kind::word) return 0;
  if (logarithmic_ || kind_ == Kind::power_of_two) return 1 / std::log(high_ / low_);
  return number_of(value) / (high_ - low_);
}

std::string Parameter::describe() const {
  if (kind_ == Kind::word) return fmt::format("{{{}}}", fmt::join(choices_, ", "));
  const uncertainty::Guess guess{key_, start_, kind_, low_, high_, step_, {}};
  return fmt::format("{}..{}, {}{}", low_, high_, guess.describe_kind(), logarithmic_ ? ", log scale" : "");
}

bool Parameter::excludes_start() const {
  if (kind_ == Kind::word) return false;
  const double own = number_of(start_), slack = 1e-9 * (high_ - low_);
  return own < low_ - slack || own > high_ + slack;
}

std::string Parameter::bound_hit(const std::string& value) const {
  if (!numeric_) return "";
  const double number = number_of(value);
  const double low = kind_ == Kind::word ? number_of(choices_.front()) : low_;
  const double high = kind_ == Kind::word ? number_of(choices_.back()) : high_;
  const double near = 1e-4 * (high - low);
  if (number <= low + near) return fmt::format("low {}", low);
  return number >= high - near ? fmt::format("high {}", high) : "";
}

std::vector<Parameter> parse_parameters(const Config& description, const std::vector<std::string>& free,
                                        const std::vector<std::string>& bounds) {
  Asked asked = read_option(description, "--free", free);
  if (asked.empty()) throw UserError("--free: name at least one key");
  std::vector<std::string> names;
  for (const auto& one : asked) names.push_back(one.first);
  for (const auto& [key, text] : read_option(description, "--bounds", bounds)) {
    const auto found = std::find(names.begin(), names.end(), key);
    if (found == names.end() || text.empty()) {
      throw UserError(fmt::format("--bounds {}: expected KEY=LOW..HIGH of a key that --free names{}", key,
                                  found == names.end() ? suggestion(key, names) : ""));
    }
    asked[static_cast<std::size_t>(found - names.begin())].second = text;
  }
  std::vector<Parameter> list;
  for (const auto& [key, text] : asked) {
    list.push_back(text.empty() ? unbounded(description, key) : bounded(description, key, text));
    if (list.back().numeric() && !read_number(list.back().start())) {
      throw UserError(fmt::format("--free {}: its value '{}' is not a number ({})", key, list.back().start(),
                                  description.where(key)));
    }
    if (list.back().excludes_start()) {
      throw UserError(
          fmt::format("--free {}: its value {} ({}) is outside of the bounds {}: widen them, or --set {}=... "
                      "to begin there",
                      key, list.back().start(), description.where(key), list.back().describe(), key));
    }
  }
  return list;
}

}  // namespace npusim::calibrate
