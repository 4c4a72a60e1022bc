#include "nas/table/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace npusim::table {
namespace {

constexpr std::size_t kWorstRows = 10;

using Key = std::pair<std::string, Context>;

std::string text_of(const Key& key) { return fmt::format("{} ({})", key.first, to_string(key.second)); }

std::map<Key, double> measured(const Table& table) {
  std::map<Key, double> rows;
  for (const Row& row : table.rows) {
    if (row.refusal.empty()) rows.emplace(Key{row.block, row.context}, table.to_ms(row.cycles));
  }
  return rows;
}

/// Of sorted values, the one below which a share `at` lies.
double quantile(const std::vector<double>& sorted, double at) {
  return sorted[static_cast<std::size_t>(std::lround(at * static_cast<double>(sorted.size() - 1)))];
}

void list(std::string& text, const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  text += fmt::format("{} {}: {}{}\n", names.size(), what, names.front(), names.size() > 1 ? ", ..." : "");
}

}  // namespace

Diff diff_of(const Table& before, const Table& after) {
  Diff diff;
  const auto a = measured(before);
  const auto b = measured(after);
  for (const auto& [key, ms] : b) {
    if (a.count(key) == 0) diff.added.push_back(text_of(key));
  }
  for (const auto& [key, ms] : a) {
    const auto found = b.find(key);
    if (found == b.end()) {
      diff.removed.push_back(text_of(key));
      continue;
    }
    ++diff.common;
    const Change change{key.first, key.second, ms, found->second};
    diff.ratios.push_back(ms == found->second ? 1 : change.ratio());
    if (ms != found->second) diff.changed.push_back(change);
  }
  std::sort(diff.ratios.begin(), diff.ratios.end());
  const auto size = [](const Change& change) { return std::abs(std::log(change.ratio())); };
  std::stable_sort(diff.changed.begin(), diff.changed.end(),
                   [&](const Change& x, const Change& y) { return size(x) > size(y); });
  const auto compare = [&](const char* name, const std::string& x, const std::string& y) {
    if (x != y) diff.settings.push_back(fmt::format("{}: {}, {}", name, x, y));
  };
  compare("hw", before.hw, after.hw);
  compare("hw_hash", before.hw_hash, after.hw_hash);
  compare("version", before.version, after.version);
  compare("dtype", before.dtype, after.dtype);
  compare("batch", std::to_string(before.batch), std::to_string(after.batch));
  compare("clock_mhz", fmt::format("{}", before.clock_mhz), fmt::format("{}", after.clock_mhz));
  return diff;
}

bool within(const Diff& diff, double tolerance_percent) {
  const auto far = [&](double ratio) { return std::abs(ratio - 1) * 100 > tolerance_percent; };
  return diff.added.empty() && diff.removed.empty() &&
         std::none_of(diff.ratios.begin(), diff.ratios.end(), far);
}

std::string diff_text(const Diff& diff) {
  std::string text;
  for (const std::string& setting : diff.settings) text += setting + "\n";
  list(text, "rows only in the second table", diff.added);
  list(text, "rows only in the first table", diff.removed);
  text += fmt::format("{} rows in both, {} of them changed\n", diff.common, diff.changed.size());
  if (diff.changed.empty()) return text;
  text += "ratio of latencies (second / first):";
  for (const auto& [name, at] :
       {std::pair{"least", 0.0}, {"10 %", 0.1}, {"median", 0.5}, {"90 %", 0.9}, {"most", 1.0}}) {
    text += fmt::format("  {} {:.4f}", name, quantile(diff.ratios, at));
  }
  text += fmt::format("\n{:>12} {:>12} {:>8}  {}\n", "first ms", "second ms", "ratio", "block");
  for (std::size_t i = 0; i < std::min(kWorstRows, diff.changed.size()); ++i) {
    const Change& change = diff.changed[i];
    text += fmt::format("{:>12.6f} {:>12.6f} {:>8.4f}  {}\n", change.before_ms, change.after_ms,
                        change.ratio(), text_of({change.block, change.context}));
  }
  return text;
}

}  // namespace npusim::table
