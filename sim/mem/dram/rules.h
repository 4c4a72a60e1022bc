// A DRAM standard as a table of constraints: which command may follow which, where, after how many clocks.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/config.h"

namespace npusim::mem {

/// Commands of a DRAM's command bus. Auto-precharging columns are the column command plus a precharge at the
/// earliest clock at which the bank's rules allow one.
enum class Command : std::uint8_t {
  activate,
  read,
  write,
  precharge,
  precharge_all,
  refresh,      ///< of all banks of a rank
  refresh_bank  ///< of one bank
};
inline constexpr std::size_t kCommands = 7;

/// "act", "rd", "wr", "pre", "prea", "ref", "refpb": the names used in rule files.
std::string_view to_string(Command command);

/// Where a constraint holds: between commands on the same bank, bank group or rank, or on different ranks.
enum class Scope : std::uint8_t { bank, bank_group, rank, other_rank };
inline constexpr std::size_t kScopes = 4;
std::string_view to_string(Scope scope);

/// At least `clocks` from the start of the `nth` last `from` (1: the last one) to the start of `to`.
struct Constraint {
  Scope scope = Scope::bank;
  Command from = Command::activate;
  Command to = Command::activate;
  std::int64_t nth = 1;
  std::int64_t clocks = 0;
};

/// The oracles' two readings of the same data sheet numbers: JEDEC's as DRAMSys and Ramulator enforce them
/// (commands that take several clocks), and DRAMsim3's plain formulas.
enum class Flavour : std::uint8_t { jedec, dramsim3 };

/// One channel of a standard: organisation and constraints, in command clocks.
struct DramRules {
  std::string standard;
  std::int64_t clock_hz = 0;
  std::int64_t ranks = 1;
  std::int64_t bank_groups = 1;      ///< in a rank
  std::int64_t banks_per_group = 1;  ///< in a bank group
  std::int64_t rows = 1;             ///< in a bank
  std::int64_t columns = 1;          ///< bursts in a row
  std::int64_t burst_bytes = 0;
  std::int64_t burst_clocks = 0;  ///< a burst's time on the data bus
  std::int64_t read_end = 0;      ///< from RD to behind its last data beat
  std::int64_t write_end = 0;     ///< from WR to behind its last data beat
  std::int64_t refresh_interval = 0;
  std::int64_t refresh_clocks = 0;                       ///< tRFC of an all-bank refresh
  std::int64_t bank_refresh_interval = 0;                ///< 0: the standard has no per-bank refresh
  std::int64_t bank_refresh_clocks = 0;                  ///< tRFC of a per-bank refresh
  std::array<std::int64_t, kCommands> command_clocks{};  ///< occupation of the command bus
  std::vector<Constraint> constraints;

  /// Banks of a channel.
  [[nodiscard]] std::int64_t banks() const { return ranks * bank_groups * banks_per_group; }
  /// The distance of the first constraint that matches, or 0.
  [[nodiscard]] std::int64_t distance(Scope scope, Command from, Command to, std::int64_t nth = 1) const;
};

/// Resolves the rules of a timing table (see dram_table()) in one reading. A table's section `dramsim3` holds
/// values that replace those of `timing` in that flavour. Throws UserError with file and line for unknown
/// scopes, commands and names in formulas, for missing keys and for timings that contradict each other.
DramRules read_rules(const Config& table, Flavour flavour);

/// The rules of a built-in table or of a file ending in .yaml. Throws UserError starting with `where`.
DramRules dram_rules(const std::string& model, Flavour flavour, const std::string& where);

}  // namespace npusim::mem
