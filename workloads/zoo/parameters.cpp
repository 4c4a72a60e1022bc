#include "workloads/zoo/parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "sim/base/error.h"

namespace npusim::zoo {

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Size split_image(const std::string& name, std::string& text) {
  std::size_t at = text.find('@'), skip = 1;
  if (at == std::string::npos) {
    constexpr std::string_view kSuffix = "_imgsize";
    at = text.find(kSuffix);
    skip = kSuffix.size();
  }
  if (at == std::string::npos) return 0;
  const char* const end = text.data() + text.size();
  const std::size_t offset = name.size() - text.size();
  const auto number = [&](const char*& from) {
    std::int64_t value = 0;
    const auto [stop, status] = std::from_chars(from, end, value);
    if (status != std::errc() || value < 1 || value > 8192) value = 0;
    if (value > 0) from = stop;
    return value;
  };
  const char* from = text.data() + at + skip;
  const std::int64_t height = number(from);
  std::int64_t width = height;
  if (height > 0 && from != end && *from == 'x') width = number(++from);
  if (height == 0 || width == 0 || from != end) {
    throw UserError(fmt::format("'{}', character {}: expected an image size such as 14 or 360x640", name,
                                offset + static_cast<std::size_t>(from - text.data()) + 1));
  }
  text.resize(at);
  return {height, width};
}

Parameters::Parameters(const std::string& name, const std::vector<std::string>& keys) : name_(name) {
  const std::size_t begin = name.find(':') + 1;
  std::string text = name.substr(begin);
  image_ = split_image(name, text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('_', at), text.size());
    const std::string token = text.substr(at, end - at);
    const std::string key = token.substr(
        0, static_cast<std::size_t>(std::find_if(token.begin(), token.end(), digit) - token.begin()));
    if (key.size() < token.size() && std::find(keys.begin(), keys.end(), key) != keys.end()) {
      const Field field{token.substr(key.size()), begin + at + key.size()};
      if (!numbers_.emplace(key, field).second) fail_at(begin + at, fmt::format("'{}' is given twice", key));
    } else {
      words_.push_back({token, begin + at});
    }
    at = end + 1;
  }
}

void Parameters::fail_at(std::size_t at, const std::string& what) const {
  throw UserError(fmt::format("'{}', character {}: {}", name_, at + 1, what));
}

void Parameters::fail(const std::string& key, const std::string& what) const {
  const auto found = numbers_.find(key);
  fail_at(found == numbers_.end() ? name_.size() : found->second.at, what);
}

std::vector<std::int64_t> Parameters::numbers(const std::string& key, std::vector<std::int64_t> fallback,
                                              std::int64_t least, std::int64_t most) const {
  const auto found = numbers_.find(key);
  if (found == numbers_.end()) return fallback;
  const Field& field = found->second;
  std::vector<std::int64_t> values;
  const char* from = field.text.data();
  const char* const end = from + field.text.size();
  for (;; ++from) {
    std::int64_t value = 0;
    const auto [stop, status] = std::from_chars(from, end, value);
    if (status != std::errc() || value < least || value > most) {
      fail_at(field.at + static_cast<std::size_t>(from - field.text.data()),
              fmt::format("expected a number from {} to {}", least, most));
    }
    values.push_back(value);
    from = stop;
    if (from == end) return values;
    if (*from != ',') {
      fail_at(field.at + static_cast<std::size_t>(from - field.text.data()),
              fmt::format("expected the end of '{}', or a comma and a number", key));
    }
  }
}

std::int64_t Parameters::number(const std::string& key, std::int64_t fallback, std::int64_t least,
                                std::int64_t most) const {
  const auto values = numbers(key, {fallback}, least, most);
  if (values.size() != 1) fail(key, fmt::format("expected one number for '{}'", key));
  return values.front();
}

std::size_t Parameters::word(const std::vector<std::string>& choices, std::size_t fallback) {
  // A choice of several words matches as many fields in a row.
  for (std::size_t first = 0; first < words_.size(); ++first) {
    std::string joined;
    for (std::size_t last = first; last < words_.size(); ++last) {
      joined += (last == first ? "" : "_") + words_[last].text;
      const auto found = std::find(choices.begin(), choices.end(), joined);
      // The longest choice wins: "depthwise" must not take the start of "depthwise_separable".
      if (found == choices.end()) continue;
      const bool longer =
          last + 1 < words_.size() &&
          std::find(choices.begin(), choices.end(), joined + "_" + words_[last + 1].text) != choices.end();
      if (longer) continue;
      words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(first),
                   words_.begin() + static_cast<std::ptrdiff_t>(last) + 1);
      return static_cast<std::size_t>(found - choices.begin());
    }
  }
  if (fallback >= choices.size()) {
    fail_at(words_.empty() ? name_.find(':') + 1 : words_.front().at,
            fmt::format("expected one of {}{}", fmt::join(choices, ", "),
                        words_.empty() ? "" : suggestion(words_.front().text, choices)));
  }
  return fallback;
}

void Parameters::expect_no_more() const {
  if (!words_.empty())
    fail_at(words_.front().at, fmt::format("nothing is called '{}' here", words_.front().text));
}

}  // namespace npusim::zoo
