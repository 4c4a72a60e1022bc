#include "nas/table/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::table {
namespace {

constexpr std::string_view kNames[kContexts] = {"isolated", "stacked", "behind-stem", "network"};

/// Mean error up to which sums of rows may stand for simulation, and worst case up to which they may decide
/// between two networks; per cent. The first is what S3NAS' users accept many times over (published: 0.16).
constexpr double kTrustedMape = 2;
constexpr double kTrustedWorst = 5;
constexpr double kTrustedSpearman = 0.99;

std::string verdict(const ErrorBar& bar) {
  if (bar.mape <= kTrustedMape && std::abs(bar.worst) <= kTrustedWorst) {
    return "may stand for simulation";
  }
  if (bar.spearman >= kTrustedSpearman) return "ranks networks; its latencies need a correction";
  return "do not rely on its sums: simulate networks whole";
}

}  // namespace

std::string_view to_string(Context context) { return kNames[static_cast<std::size_t>(context)]; }

Context context_of(const std::string& name) {
  for (std::size_t i = 0; i < kContexts; ++i) {
    if (kNames[i] == name) return static_cast<Context>(i);
  }
  const std::vector<std::string> names(std::begin(kNames), std::end(kNames));
  throw UserError(
      fmt::format("--context: '{}' is none of {}{}", name, fmt::join(names, ", "), suggestion(name, names)));
}

std::string summary_text(const Table& table) {
  std::string text;
  std::size_t refused = 0;
  std::string reason;
  for (const Row& row : table.rows) {
    if (row.refusal.empty()) continue;
    if (refused++ == 0) reason = fmt::format("{}: {}", row.block, row.refusal);
  }
  text += fmt::format("{} rows of {} ({}), {} {}, batch {}\n", table.rows.size() - refused,
                      table.space.empty() ? "a list" : table.space, table.hw, table.dtype, table.hw_hash,
                      table.batch);
  if (refused > 0) text += fmt::format("{} blocks without a row, the first {}\n", refused, reason);
  if (table.fixed_cycles > 0) {
    text += fmt::format("every network takes {:.0f} cycles ({:.4g} ms) besides its blocks\n",
                        table.fixed_cycles, table.to_ms(table.fixed_cycles));
  }
  if (table.errors.empty()) return text;
  text += fmt::format("Sum of rows against {} random networks simulated whole (seed {}):\n",
                      table.errors.begin()->second.networks, table.errors.begin()->second.seed);
  text += fmt::format("{:<12} {:>8} {:>9} {:>9} {:>9}  {}\n", "context", "MAPE %", "worst %", "bias %",
                      "Spearman", "verdict");
  for (const auto& [context, bar] : table.errors) {
    text += fmt::format("{:<12} {:>8.3f} {:>+9.3f} {:>+9.3f} {:>9.4f}  {}\n", to_string(context), bar.mape,
                        bar.worst, bar.bias, bar.spearman, verdict(bar));
  }
  return text;
}

}  // namespace npusim::table
