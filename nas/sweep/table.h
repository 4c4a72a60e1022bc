// A sweep's rows as columns, and what they say together: the front, the sensitivities.
#pragma once

#include <string>
#include <vector>

#include "nas/sweep/sweep.h"

namespace npusim::sweep {

/// A column: its cells by row, "" where a row has none.
struct Column {
  std::string name;
  bool numeric = false;  ///< all cells that are not empty are numbers
  std::vector<std::string> cells;
};

/// hw, network, every key with more than one value, cycles, latency_ms, macs, utilisation, dram bytes, row
/// hit rate, shares of all engines' time (busy, and stalled by reason), peak, area proxy, batch, dtype,
/// status ("ok", "invalid: why", "failed: how", "not run").
std::vector<Column> columns(const Plan& plan);

/// Inserts a column "pareto" before the status: 1 for rows that no other row of the same network beats, i.e.
/// is at least as good in all objectives and better in one; 0 for other rows, empty for rows without result.
/// An objective is the name of a numeric column, to be minimised; with a leading '-', maximised. Throws
/// UserError for other names, with the nearest.
void mark_pareto(const std::vector<std::string>& objectives, std::vector<Column>& table);

/// RFC 4180, lines ended by '\n'.
std::string to_csv(const std::vector<Column>& table);
/// {"schema": "npusim.sweep/1", "rows": [{column: value, ...}, ...]}.
std::string to_json(const std::vector<Column>& table);

/// How latency follows one axis on one chip and network, the other axes kept.
struct Sensitivity {
  std::string hw;
  std::string network;
  std::string axis;       ///< its keys
  std::size_t pairs = 0;  ///< of neighbouring values with a latency
  bool elastic = false;   ///< the values are positive numbers, so that the elasticities are known
  double elasticity = 0;  ///< mean over pairs of d ln(latency) / d ln(value), the axis' first key
  double lowest = 0;      ///< of the pairs
  double highest = 0;
  double largest_change = 0;  ///< largest latency / smallest - 1 along the axis, at worst
};
std::vector<Sensitivity> sensitivities(const Plan& plan);
/// For people, within 100 columns; "" when nothing was varied.
std::string sensitivity_text(const Plan& plan);

}  // namespace npusim::sweep
