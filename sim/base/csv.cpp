#include "sim/base/csv.h"

namespace npusim {

std::vector<CsvRow> parse_csv(std::string_view text) {
  std::vector<CsvRow> rows(1, {1, {""}});
  std::size_t line = 1;
  bool hidden = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    std::vector<std::string>& cells = rows.back().cells;
    if (c == '"' && hidden && i + 1 < text.size() && text[i + 1] == '"') {
      cells.back() += text[i++];
    } else if (c == '"') {
      hidden = !hidden;
    } else if (c == ',' && !hidden) {
      cells.emplace_back();
    } else if (c == '\n' && !hidden) {
      rows.push_back({line, {""}});
    } else if (c != '\r' || hidden) {
      cells.back() += c;
    }
  }
  if (rows.back().cells == std::vector<std::string>{""}) rows.pop_back();
  return rows;
}

}  // namespace npusim
