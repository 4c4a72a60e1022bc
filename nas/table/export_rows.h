// What the formats share: the rows they can hold, with what each network takes besides its blocks.
#pragma once

#include <string>
#include <vector>

#include "nas/table/table.h"

namespace npusim::table {

/// A row with its latency as formats give it.
struct Entry {
  const Row* row = nullptr;
  double ms = 0;
  [[nodiscard]] std::int64_t height() const { return row->input.at(2); }
  [[nodiscard]] std::int64_t width() const { return row->input.at(3); }
  [[nodiscard]] std::int64_t in() const { return row->input.at(1); }
  [[nodiscard]] std::int64_t out() const { return row->output.at(1); }
  /// Inner channels by input channels, "3" or "2.5".
  [[nodiscard]] std::string ratio() const;
  [[nodiscard]] bool is(Kind kind) const { return row->form.kind == kind; }
  [[nodiscard]] bool takes_image() const { return row->input.size() == 4 && in() <= 4; }
};

/// The rows that were measured. The network's first block, which every network has once, carries
/// Table::fixed_cycles: these formats have no place for what belongs to no block.
std::vector<Entry> entries(const Table& table);

/// Lines about the table, each behind `mark`: chip, hash, version, context, error bar, and how many rows
/// the format could not name.
std::string comment(const Table& table, const std::string& mark, std::size_t left_out);

}  // namespace npusim::table
