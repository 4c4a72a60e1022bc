// Energy of a DRAM by command counts and standby times, for tables that have currents.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/base/config.h"
#include "sim/mem/dram/controller.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

/// Data sheet currents of one supply, in mA, each of one device.
struct SupplyCurrents {
  std::string name;  ///< "vdd", "vdd1", "vdd2", "vddq"
  double volts = 0;
  double idd0 = 0;   ///< one bank, ACT to PRE, at tRC
  double idd2n = 0;  ///< standby, all banks closed
  double idd3n = 0;  ///< standby, a row open
  double idd4r = 0;  ///< reading without gap
  double idd4w = 0;  ///< writing without gap
  double idd5 = 0;   ///< all-bank refresh, during tRFC
};

struct DramCurrents {
  std::int64_t devices = 1;  ///< of a rank, working together
  std::vector<SupplyCurrents> supplies;
};

/// The section `energy` of a timing table: `devices`, and by supply `volts`, `idd0_ma`, `idd2n_ma`,
/// `idd3n_ma`, `idd4r_ma`, `idd4w_ma`, `idd5_ma`. Nothing when the table has none. Throws UserError with file
/// and line for missing and out-of-range values and for currents below their standby's.
std::optional<DramCurrents> read_currents(const Config& table);

/// How long ranks had a row open, from a channel's commands as they are issued.
class OpenTime {
 public:
  explicit OpenTime(const DramRules& rules);
  /// Takes the next commands, which continue the ones before.
  void add(std::span<const IssuedCommand> commands);
  /// Rank-clocks before `clock` in which at least one bank of the rank was open. No command so far is at or
  /// after `clock`.
  [[nodiscard]] std::int64_t clocks(std::int64_t clock) const;

 private:
  struct Bank {
    std::int64_t opened = -1;  ///< clock of the ACT; -1: closed
    std::int64_t closes = -1;  ///< clock of the automatic precharge; -1: none
  };
  struct Rank {
    std::vector<Bank> banks;
    std::int64_t since = -1;  ///< open since; -1: all banks are closed
    std::int64_t total = 0;
  };
  /// Closes what closes itself before `clock`.
  static void settle(Rank& rank, std::int64_t clock);
  static void close(Rank& rank, Bank& bank, std::int64_t clock);
  void column(Rank& rank, Bank& bank, const IssuedCommand& command);

  std::vector<Rank> ranks_;
  std::int64_t banks_per_group_;
  std::int64_t read_to_precharge_, write_to_precharge_, activate_to_precharge_;
};

/// In picojoules.
struct DramEnergy {
  double activate = 0;  ///< ACT and PRE
  double read = 0, write = 0;
  double refresh = 0;
  double active_standby = 0, precharge_standby = 0;
  [[nodiscard]] double total() const {
    return activate + read + write + refresh + active_standby + precharge_standby;
  }
};

/// Micron's (TN-40-07) and DRAMsim3's formulas, summed over supplies and devices:
/// ACT and PRE `V (idd0 tRC - idd3n tRAS - idd2n tRP)`, RD `V (idd4r - idd3n) burst`, WR the same with idd4w,
/// REF `V (idd5 - idd3n) tRFC`, a per-bank refresh a bank's share of that; standby `V idd3n` while a rank has
/// a row open, `V idd2n` else. Not included: power-down, termination and the controller's side of the bus.
/// `open` are rank-clocks with an open row of `clocks` x ranks x channels.
DramEnergy energy_of(const DramCurrents& currents, const DramTiming& timing, const DramRules& rules,
                     const DramCounters& counters, std::int64_t rank_clocks, std::int64_t open);

}  // namespace npusim::mem
