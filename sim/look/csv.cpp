#include "sim/look/csv.h"

namespace npusim::look {

std::vector<std::vector<std::string>> parse_csv(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  bool quoted = false;
  bool fresh = true;  // at the start of a row
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (fresh) rows.push_back({""});
    fresh = false;
    if (quoted) {
      if (c != '"') {
        rows.back().back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        rows.back().back() += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      rows.back().emplace_back();
    } else if (c == '\n') {
      fresh = true;
    } else if (c != '\r') {
      rows.back().back() += c;
    }
  }
  return rows;
}

}  // namespace npusim::look
