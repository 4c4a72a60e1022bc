// Tables with commas (RFC 4180): cells by row, with the line of each row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace npusim {

struct CsvRow {
  std::size_t line = 1;  ///< on which it starts
  std::vector<std::string> cells;
};

/// Rows of cells; quotes hide separators and line ends, "" inside them is a quote. A last line's end makes no
/// row. An empty line is a row of one empty cell.
std::vector<CsvRow> parse_csv(std::string_view text);

}  // namespace npusim
