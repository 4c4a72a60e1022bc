#include "nas/table/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "nas/table/export_formats.h"
#include "sim/base/error.h"

namespace npusim::table {

const std::vector<Format>& formats() {
  const auto csv = [](const Table& table) { return std::vector<File>{{"", to_csv(table)}}; };
  const auto json = [](const Table& table) { return std::vector<File>{{"", to_json(table)}}; };
  static const std::vector<Format> kList{
      {"csv", "the canonical table", false, true, csv, false},
      {"json", "the canonical table", false, true, json, false},
      {"ofa", "Once-for-All's YAML", false, false, to_ofa, false},
      {"proxyless", "ProxylessNAS' YAML", false, false, to_proxyless, false},
      {"singlepath", "Single-Path NAS' JSON", false, false, to_singlepath, false},
      {"s3nas", "S3NAS' folders", true, false, to_s3nas, false},
      {"nnmeter", "kernels and profiled kernels of nn-Meter", true, false, to_nnmeter, true},
      {"hwnasbench", "HW-NAS-Bench's pickle of FBNet's operators", false, false, to_hwnasbench, false},
      {"fbnet", "JSON records in the manner of FBNet's table", false, false, to_fbnet, false},
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
