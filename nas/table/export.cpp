#include "nas/table/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::table {

const std::vector<Format>& formats() {
  static const std::vector<Format> kList{
      {"csv", "the canonical table", false, true,
       [](const Table& table) {
         return std::vector<File>{{"", to_csv(table)}};
       }},
      {"json", "the canonical table", false, true,
       [](const Table& table) {
         return std::vector<File>{{"", to_json(table)}};
       }},
  };
  return kList;
}

const Format& format_of(const std::string& name) {
  std::vector<std::string> names;
  for (const Format& format : formats()) {
    if (format.name == name) return format;
    names.push_back(format.name);
  }
  throw UserError(
      fmt::format("--format: '{}' is none of {}{}", name, fmt::join(names, ", "), suggestion(name, names)));
}

}  // namespace npusim::table
