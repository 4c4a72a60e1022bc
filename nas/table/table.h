// A latency table: one row a block, with what it was measured on and how well its rows add up.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nas/table/form.h"
#include "sim/trace/report.h"

namespace npusim::table {

/// What a block was measured in.
enum class Context : std::uint8_t {
  isolated,     ///< alone, as a network of its own
  stacked,      ///< in a row of copies (Xu et al. 2023)
  behind_stem,  ///< behind a 7x7 convolution of stride 2, as S3NAS does
  network       ///< in networks of the space: the mean of its layers' cycles
};
inline constexpr std::size_t kContexts = 4;
/// "isolated", "stacked", "behind-stem", "network".
std::string_view to_string(Context context);
/// Throws UserError with the nearest name.
Context context_of(const std::string& name);

/// One block in one context. Numbers are of its own layers: what a network has besides (a host call, the
/// transfer of its image) is Table::fixed_cycles.
struct Row {
  std::string block;
  Context context = Context::isolated;
  Form form;
  ir::Shape input, output;  ///< with the table's batch
  std::int64_t macs = 0;
  /// Main-clock cycles; whole but for stacked (divided by the copies) and network (a mean).
  double cycles = 0;
  double busy_cycles = 0;  ///< of the layers' engines; stacked: of one copy's share
  std::array<double, trace::kStallReasons> stall_cycles{};
  double dram_read_bytes = 0;
  double dram_write_bytes = 0;
  std::int64_t samples = 1;  ///< occurrences that were measured (copies, or places in networks)
  double spread = 0;         ///< context network: standard deviation of the cycles over the places
  std::string refusal;       ///< why the chip cannot run it; "" when measured
};

/// How the sum of rows compares with whole networks. Errors are (sum - simulated) / simulated.
struct ErrorBar {
  std::size_t networks = 0;
  std::uint64_t seed = 0;
  double mape = 0;       ///< mean of the magnitudes, per cent
  double worst = 0;      ///< the largest in magnitude, with its sign, per cent
  double bias = 0;       ///< mean, per cent
  double spearman = 0;   ///< of sums and simulated latencies
  std::string worst_at;  ///< encoding of that network
};

struct Table {
  std::string hw, hw_hash, version, dtype;
  std::string space;  ///< "" for a list of blocks
  std::int64_t batch = 1;
  double clock_mhz = 0;
  std::int64_t copies = 0;   ///< of a stack
  double fixed_cycles = 0;   ///< of every network besides its blocks
  bool fixed_known = false;  ///< false for a list of blocks: there was no network to see it in
  std::string first_block;   ///< of every network: it carries fixed_cycles where a format has no other place
  std::vector<Row> rows;     ///< by context, then in the order of the blocks
  std::map<Context, ErrorBar> errors;

  [[nodiscard]] double to_ms(double cycles) const { return cycles / (clock_mhz * 1e3); }
  [[nodiscard]] double to_ns(double cycles) const { return cycles / clock_mhz * 1e3; }
};

/// RFC 4180: block,cycles,latency_ms,... then everything of the row and of the table, which every row
/// repeats.
std::string to_csv(const Table& table);
/// {"schema": "npusim.table/1", ...}.
std::string to_json(const Table& table);
/// Reads what to_csv() or to_json() wrote. Throws UserError naming the file and what is wrong.
Table read_table(const std::string& path);
/// For people: rows, refusals, fixed part, error bars with a verdict on when the table may be trusted.
std::string summary_text(const Table& table);

}  // namespace npusim::table
