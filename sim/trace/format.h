// Numbers and tables for people. Widths count code points of UTF-8 text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace npusim::trace {

/// "1,234,567".
std::string grouped(std::int64_t value);
/// Three significant digits or more with an SI prefix: si(51200000, "B") is "51.2 MB", si(999, "B") "999 B".
/// Works for fractions down to nano: si(0.0000123, "s") is "12.3 us".
std::string si(double value, std::string_view unit);
/// "37.5 %" of a ratio.
std::string percent(double ratio);

/// Code points of UTF-8 text.
std::size_t width_of(std::string_view text);
/// At most `width` (>= 3) code points: the middle of a longer text becomes "..".
std::string shorten_middle(std::string_view text, std::size_t width);

/// Rows of cells under a header, aligned by column.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::right;
    std::size_t most = 0;  ///< wider cells are shortened in the middle; 0: never
  };
  /// `gap` blanks between two columns.
  explicit Table(std::vector<Column> columns, std::size_t gap = 2)
      : columns_(std::move(columns)), gap_(gap) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  /// Lines ending in '\n'. The first column is shortened in the middle so that no
  /// line is longer than `width`.
  [[nodiscard]] std::string text(std::size_t width) const;

 private:
  std::vector<Column> columns_;
  std::size_t gap_;
  std::vector<std::vector<std::string>> rows_;
};

/// "label     text": the label padded to `indent`, then `text` broken at blanks into lines of at most `width`
/// that all start at `indent`. A word that is longer than a line is cut.
std::string labelled(std::string_view label, std::string_view text, std::size_t indent, std::size_t width);

}  // namespace npusim::trace
