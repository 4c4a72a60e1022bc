#include "nas/sweep/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sim/base/error.h"

namespace npusim::sweep {
namespace {

constexpr std::size_t kMostDigits = 15;

/// A decimal number, exactly: 2.50 is 250 with 2 places.
struct Decimal {
  std::int64_t digits = 0;
  std::size_t places = 0;
};

std::optional<Decimal> decimal(std::string_view text) {
  Decimal number;
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  std::size_t count = 0;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point && count > 0) {
      point = true;
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0 && ++count <= kMostDigits) {
      number.digits = number.digits * 10 + (c - '0');
      if (point) ++number.places;
    } else {
      return std::nullopt;
    }
  }
  if (count == 0 || text.back() == '.') return std::nullopt;
  if (negative) number.digits = -number.digits;
  return number;
}

/// With `places` digits after the point. Numbers of so many digits fit for all realistic ranges; nothing
/// when not.
std::optional<std::int64_t> scaled(Decimal number, std::size_t places) {
  for (; number.places < places; ++number.places) {
    if (__builtin_mul_overflow(number.digits, std::int64_t{10}, &number.digits)) return std::nullopt;
  }
  return number.digits;
}

std::string to_text(std::int64_t digits, std::size_t places) {
  std::int64_t unit = 1;
  for (std::size_t i = 0; i < places; ++i) unit *= 10;
  const std::int64_t whole = digits < 0 ? -digits : digits;
  std::string text = fmt::format("{}{}", digits < 0 ? "-" : "", whole / unit);
  if (places == 0 || whole % unit == 0) return text;
  text += fmt::format(".{:0{}}", whole % unit, places);
  return text.substr(0, text.find_last_not_of('0') + 1);
}

/// Reads one option's text; errors name the option and the character.
class Reader {
 public:
  Reader(std::string option, const std::string& text) : option_(std::move(option)), text_(text) {}

  [[noreturn]] void fail(std::size_t at, const std::string& expected) const {
    throw UserError(fmt::format("{} {}: expected {} at character {}", option_, text_, expected, at + 1));
  }

  /// Pieces between commas outside brackets, as [begin, end) in the text.
  struct Piece {
    std::size_t begin = 0, end = 0;
  };
  [[nodiscard]] std::vector<Piece> pieces(std::size_t begin, std::size_t end) const {
    std::vector<Piece> list;
    std::size_t open = 0;
    Piece piece{begin, begin};
    for (std::size_t i = begin; i < end; ++i) {
      if (text_[i] == '[') ++open;
      if (text_[i] == ']' && open > 0) --open;
      if (text_[i] != ',' || open > 0) continue;
      piece.end = i;
      list.push_back(piece);
      piece.begin = i + 1;
    }
    piece.end = end;
    list.push_back(piece);
    return list;
  }

  [[nodiscard]] std::string_view view(Piece piece) const {
    while (piece.begin < piece.end && text_[piece.begin] == ' ') ++piece.begin;
    while (piece.begin < piece.end && text_[piece.end - 1] == ' ') --piece.end;
    return std::string_view(text_).substr(piece.begin, piece.end - piece.begin);
  }

  [[nodiscard]] std::string key(Piece piece) const {
    const std::string_view name = view(piece);
    if (name.empty()) fail(piece.begin, "a key, such as dram.channels,");
    return std::string(name);
  }

  /// Appends the value or the range that a piece stands for.
  void add_values(Piece piece, std::vector<std::string>& values) const {
    const std::string_view text = view(piece);
    if (text.empty()) fail(piece.begin, "a value");
    const std::size_t dots = text.find("..");
    const bool numeric = std::isdigit(static_cast<unsigned char>(text[0])) != 0 || text[0] == '-';
    if (dots == std::string_view::npos || !numeric) {
      values.emplace_back(text);
    } else {
      add_range(piece, text, dots, values);
    }
  }

 private:
  void add_range(Piece piece, std::string_view text, std::size_t dots,
                 std::vector<std::string>& values) const {
    const std::size_t start = static_cast<std::size_t>(text.data() - text_.data());
    std::string_view last = text.substr(dots + 2);
    const std::size_t colon = last.find(':');
    const auto low = decimal(text.substr(0, dots));
    if (!low) fail(start, "a number");
    std::optional<Decimal> step = Decimal{1, 0};
    if (colon != std::string_view::npos) {
      step = decimal(last.substr(colon + 1));
      last = last.substr(0, colon);
      if (!step || step->digits <= 0) fail(start + dots + 2 + colon + 1, "a step above 0");
    }
    const auto high = decimal(last);
    if (!high) fail(start + dots + 2, "the range's last number, as in 1..4 or 100..800:100,");
    const std::size_t places = std::max({low->places, high->places, step->places});
    const auto from = scaled(*low, places);
    const auto to = scaled(*high, places);
    const auto by = scaled(*step, places);
    if (!from || !to || !by) fail(piece.begin, "numbers of fewer digits");
    if (*from > *to)
      fail(start, fmt::format("a range that goes up, as in {}..{},", last, text.substr(0, dots)));
    if ((*to - *from) / *by >= static_cast<std::int64_t>(kMostPoints)) {
      fail(start, fmt::format("at most {} values", kMostPoints));
    }
    for (std::int64_t value = *from; value <= *to; value += *by) values.push_back(to_text(value, places));
  }

  std::string option_;
  const std::string& text_;
};

void refuse_repeated_keys(const Reader& reader, const Axis& axis) {
  for (auto key = axis.keys.begin(); key != axis.keys.end(); ++key) {
    if (std::find(axis.keys.begin(), key, *key) != key) {
      reader.fail(0, fmt::format("each key once, but '{}' is there twice; looked", *key));
    }
  }
}

}  // namespace

Axis parse_set(const std::string& text) {
  const Reader reader("--set", text);
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) reader.fail(text.size(), "'=' and values, as in dram.channels=1,2,4,");
  Axis axis;
  for (const auto& piece : reader.pieces(0, equals)) axis.keys.push_back(reader.key(piece));
  refuse_repeated_keys(reader, axis);
  std::vector<std::string> values;
  for (const auto& piece : reader.pieces(equals + 1, text.size())) reader.add_values(piece, values);
  for (const std::string& value : values) axis.points.emplace_back(axis.keys.size(), value);
  return axis;
}

Axis parse_link(const std::string& text) {
  const Reader reader("--link", text);
  Axis axis;
  std::vector<std::vector<std::string>> columns;
  for (auto piece : reader.pieces(0, text.size())) {
    const std::size_t equals = text.find('=', piece.begin);
    if (equals < piece.end) {
      axis.keys.push_back(reader.key({piece.begin, equals}));
      columns.emplace_back();
      piece.begin = equals + 1;
    } else if (columns.empty()) {
      reader.fail(piece.end, "'=' and values, as in cube.m=8,16,cube.n=16,8,");
    }
    reader.add_values(piece, columns.back());
  }
  refuse_repeated_keys(reader, axis);
  for (std::size_t k = 1; k < columns.size(); ++k) {
    if (columns[k].size() == columns[0].size()) continue;
    throw UserError(fmt::format("--link {}: '{}' has {} values and '{}' has {}; expected as many of each",
                                text, axis.keys[0], columns[0].size(), axis.keys[k], columns[k].size()));
  }
  for (std::size_t i = 0; i < columns[0].size(); ++i) {
    axis.points.emplace_back();
    for (const auto& column : columns) axis.points.back().push_back(column[i]);
  }
  return axis;
}

}  // namespace npusim::sweep
