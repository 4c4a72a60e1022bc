// What changed between two latency tables.
#pragma once

#include <string>
#include <vector>

#include "nas/table/table.h"

namespace npusim::table {

/// A row of both tables whose numbers differ.
struct Change {
  std::string block;
  Context context = Context::isolated;
  double before_ms = 0, after_ms = 0;
  [[nodiscard]] double ratio() const { return after_ms / before_ms; }
};

/// Rows are the same when block and context are; latencies are compared in ms, so that tables of chips with
/// different clocks compare.
struct Diff {
  std::size_t common = 0;             ///< rows measured in both
  std::vector<std::string> added;     ///< measured in the second only
  std::vector<std::string> removed;   ///< measured in the first only
  std::vector<Change> changed;        ///< largest ratio (either way) first
  std::vector<double> ratios;         ///< after / before of all common rows, ascending
  std::vector<std::string> settings;  ///< "hw_hash: a, b" of what else differs
};
Diff diff_of(const Table& before, const Table& after);

/// Whether every common row's latency is within `tolerance_percent` of the first table's, and no row is only
/// in one.
bool within(const Diff& diff, double tolerance_percent);

/// For people: settings, counts, quantiles of the ratios, the worst rows.
std::string diff_text(const Diff& diff);

}  // namespace npusim::table
