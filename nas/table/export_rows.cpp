#include "nas/table/export_rows.h"

#include <fmt/format.h>

#include "sim/base/error.h"

namespace npusim::table {

std::string Entry::ratio() const {
  return fmt::format("{}", static_cast<double>(row->form.expanded) / static_cast<double>(in()));
}

std::vector<Entry> entries(const Table& table) {
  std::vector<Entry> list;
  for (const Row& row : table.rows) {
    if (!row.refusal.empty()) continue;
    const double fixed = row.block == table.first_block ? table.fixed_cycles : 0;
    list.push_back({&row, table.to_ms(row.cycles + fixed)});
  }
  return list;
}

std::string comment(const Table& table, const std::string& mark, std::size_t left_out) {
  ensure(!table.rows.empty(), "a table with rows");
  const Context context = table.rows.front().context;
  std::string text;
  const auto line = [&](const std::string& what) { text += mark + " " + what + "\n"; };
  line(fmt::format("npusim {} latency table, {} blocks, milliseconds", table.version, to_string(context)));
  line(fmt::format("hardware {} {}, {} at {} MHz, batch {}", table.hw, table.hw_hash, table.dtype,
                   table.clock_mhz, table.batch));
  if (table.fixed_cycles > 0) {
    line(fmt::format("the first block includes {:.6f} ms that every network takes besides its blocks",
                     table.to_ms(table.fixed_cycles)));
  }
  const auto bar = table.errors.find(context);
  if (bar != table.errors.end()) {
    const ErrorBar& error = bar->second;
    line(fmt::format(
        "sums against {} random networks of {} (seed {}): MAPE {:.3f} %, worst {:+.3f} %, bias "
        "{:+.3f} %, Spearman {:.4f}",
        error.networks, table.space, error.seed, error.mape, error.worst, error.bias, error.spearman));
  }
  if (left_out > 0) line(fmt::format("{} rows have no name in this format and are left out", left_out));
  return text;
}

}  // namespace npusim::table
