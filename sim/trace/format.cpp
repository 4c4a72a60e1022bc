#include "sim/trace/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace npusim::trace {

std::string grouped(std::int64_t value) {
  const std::string digits = fmt::format("{}", value);
  const std::size_t first = value < 0 ? 1 : 0;
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > first && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string si(double value, std::string_view unit) {
  struct Prefix {
    double scale;
    const char* name;
  };
  static constexpr std::array<Prefix, 9> kPrefixes{{{1e15, "P"},
                                                    {1e12, "T"},
                                                    {1e9, "G"},
                                                    {1e6, "M"},
                                                    {1e3, "k"},
                                                    {1, ""},
                                                    {1e-3, "m"},
                                                    {1e-6, "u"},
                                                    {1e-9, "n"}}};
  const double size = std::abs(value);
  if (size == 0) return unit.empty() ? "0" : fmt::format("0 {}", unit);
  std::size_t pick = kPrefixes.size() - 1;
  for (std::size_t i = 0; i < kPrefixes.size(); ++i) {
    if (size >= kPrefixes[i].scale * 0.9995) {  // 999.6 kB reads better as 1.00 MB
      pick = i;
      break;
    }
  }
  const double scaled = value / kPrefixes[pick].scale;
  const double magnitude = std::abs(scaled);
  const bool whole = kPrefixes[pick].scale == 1 && value == std::floor(value);
  const int decimals = whole || magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
  std::string text = fmt::format("{:.{}f} {}{}", scaled, decimals, kPrefixes[pick].name, unit);
  if (text.back() == ' ') text.pop_back();
  return text;
}

std::string percent(double ratio) { return fmt::format("{:.1f} %", 100 * ratio); }

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

namespace {

/// Byte offset of code point `index`.
std::size_t offset_of(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) continue;
    if (index-- == 0) break;
  }
  return at;
}

void pad(std::string& line, const std::string& cell, std::size_t width, Table::Align align) {
  const std::string blanks(width - std::min(width, width_of(cell)), ' ');
  line += align == Table::Align::left ? cell + blanks : blanks + cell;
}

}  // namespace

std::string shorten_middle(std::string_view text, std::size_t width) {
  const std::size_t length = width_of(text);
  if (length <= width) return std::string(text);
  const std::size_t head = (width - 2) / 2;
  const std::size_t tail = width - 2 - head;
  return std::string(text.substr(0, offset_of(text, head))) + ".." +
         std::string(text.substr(offset_of(text, length - tail)));
}

std::string Table::text(std::size_t width) const {
  const auto cell_of = [&](const std::string& cell, std::size_t column) {
    return columns_[column].most == 0 ? cell : shorten_middle(cell, columns_[column].most);
  };
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(width_of(column.title));
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], width_of(cell_of(row[c], c)));
    }
  }
  std::size_t others = 0;
  for (std::size_t c = 1; c < widths.size(); ++c) others += widths[c] + gap_;
  widths[0] = std::min(widths[0], std::max<std::size_t>(width - std::min(width, others), 3));
  std::string text;
  const auto print = [&](const auto& cell_at) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) line.append(gap_, ' ');
      pad(line, shorten_middle(cell_at(c), widths[c]), widths[c], columns_[c].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  print([&](std::size_t c) { return columns_[c].title; });
  for (const auto& row : rows_) {
    print([&](std::size_t c) { return c < row.size() ? cell_of(row[c], c) : std::string(); });
  }
  return text;
}

std::string labelled(std::string_view label, std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::string line(label);
  line.resize(std::max(line.size(), indent), ' ');
  bool any = false;  // the line holds a word
  const auto flush = [&] {
    out += line + "\n";
    line = std::string(indent, ' ');
    any = false;
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (any && width_of(line) + 1 + width_of(word) > width) flush();
    if (any) line += ' ';
    while (width_of(line) + width_of(word) > width) {
      const std::size_t cut = offset_of(word, width - width_of(line));
      line += word.substr(0, cut);
      word.remove_prefix(cut);
      flush();
    }
    line += word;
    any = true;
  }
  return out + line + "\n";
}

}  // namespace npusim::trace
