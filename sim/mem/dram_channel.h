// One DRAM channel with its controller: open page, in order of arrival, all-bank refresh, posted writes.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/base/units.h"
#include "sim/mem/address_map.h"
#include "sim/mem/clock_ratio.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

/// A command on a channel's command bus, for tests and traces.
struct DramCommand {
  enum class Kind : std::uint8_t { activate, precharge, precharge_all, read, write, refresh };
  Kind kind = Kind::activate;
  std::int64_t clock = 0;  ///< DRAM command clock of its issue
  std::int64_t bank = 0;   ///< meaningless for precharge_all and refresh
  std::int64_t row = 0;    ///< of activate, read and write
};

/// An upper bound, in clocks, on the time from the instant a refresh is due to its end: a whole page's bursts
/// may have begun just before. tREFI must be longer.
std::int64_t longest_refresh(const DramTiming& timing);

/// The controller's policy, all of it decided by arrival order and arrival times alone:
/// * Column commands issue in order of arrival (but for posted writes); a row's ACT may overlap earlier data.
/// * Pages stay open. Consecutive pages of a channel lie in different banks, in order or (bank_xor) hashed
///   with the row.
/// * An all-bank refresh is due at each multiple of tREFI; a request whose first column command would not
/// issue before
///   that instant waits until the refresh is over.
/// * With `write_queue` = K > 0 a write is acknowledged when it enters a buffer of K entries. All of them are
/// drained,
///   oldest first, once the buffer is full, or one by one from when no column command has been issued for a
///   read-write-read turnaround until the next read arrives. Reads do not look into the buffer.
/// Not modelled: the command bus's own occupancy, bank groups (bursts are assumed to alternate between
/// groups), ranks.
class DramChannel {
 public:
  /// `spec` must have passed check().
  DramChannel(const DramSpec& spec, std::int64_t main_clock_hz);

  /// Serves one request, which must lie within one page. Arrivals (main clock) must not decrease. Returns the
  /// main-clock cycle, later than `arrival`, at which the response is back at the port.
  Cycles serve(const Request& request, Cycles arrival);

  void reset();
  /// Adds bursts, row hits and misses and refreshes. Writes still in the buffer count as if drained now;
  /// refreshes are those up to `until`.
  void add_counters(MemoryCounters& counters, Cycles until) const;
  /// Appends every command from now on to `sink`, or to nothing; the order is that of decisions, not of time.
  void trace(std::vector<DramCommand>* sink) { trace_ = sink; }

 private:
  static constexpr std::int64_t kClosed = -1;

  struct Bank {
    std::int64_t row = kClosed;
    std::int64_t activate_ok = 0;   ///< earliest ACT, when closed
    std::int64_t column_ok = 0;     ///< earliest RD or WR, when open
    std::int64_t precharge_ok = 0;  ///< earliest PRE, when open
  };
  /// What is to be read or written: bursts within one row.
  struct Access {
    std::int32_t bank = 0;
    std::int32_t bursts = 0;
    std::int64_t row = 0;
    bool write = false;
  };
  struct PostedWrite {
    Access access;
    std::int64_t accepted = 0;  ///< clock at which the buffer took it
    std::int64_t freed = 0;     ///< clock at which the entry is free again, once drained
  };
  struct RowTiming {
    std::int64_t precharge = kClosed;  ///< kClosed: none needed
    std::int64_t activate = 0;
  };

  [[nodiscard]] Access decode(const Request& request) const;
  /// Fixes the commands of `access`, none of them before `earliest`; returns the clock of its last column
  /// command.
  std::int64_t schedule(const Access& access, std::int64_t earliest);
  [[nodiscard]] RowTiming row_timing(const Bank& bank, std::int64_t earliest) const;
  void open_row(Bank& bank, const Access& access, const RowTiming& timing);
  /// The refresh that is due, and all later ones that are due by `idle_until`.
  void refresh(std::int64_t idle_until);
  void skip_idle_refreshes(std::int64_t idle_until);

  std::int64_t post(const Access& access, std::int64_t arrival);
  void drain_idle(std::int64_t before);
  void drain_all();
  void drain_oldest(std::int64_t earliest);
  [[nodiscard]] bool queue_full() const { return pending_ == queue_.size(); }

  void log(DramCommand::Kind kind, std::int64_t clock, std::int64_t bank = 0, std::int64_t row = 0) {
    if (trace_ != nullptr) trace_->push_back({kind, clock, bank, row});
  }
  void log_columns(const Access& access, std::int64_t first);

  DramTiming timing_;
  ClockRatio to_dram_;
  ClockRatio to_main_;
  std::int64_t controller_cycles_;
  int page_shift_, bank_shift_, burst_shift_;
  std::int64_t
      turnaround_;  ///< read to write to read, column commands: how long a lull must be before writes drain

  std::vector<Bank> banks_;
  std::int64_t activates_[4] = {};  ///< clocks of the last four ACTs plus tFAW: when a fifth is allowed
  std::uint32_t activate_index_ = 0;
  std::int64_t activate_ok_ = 0;  ///< last ACT plus tRRD
  std::int64_t read_ok_ = 0;      ///< earliest RD on the data bus
  std::int64_t write_ok_ = 0;     ///< earliest WR on the data bus
  std::int64_t last_column_end_ = 0;
  std::int64_t next_refresh_ = 0;
  std::int64_t refreshes_ = 0;

  bool bank_xor_;
  std::vector<PostedWrite> queue_;  ///< ring of K entries
  std::size_t tail_ = 0;            ///< entry of the next write
  std::size_t head_ = 0;            ///< oldest entry not drained
  std::size_t pending_ = 0;         ///< entries not drained
  std::int64_t full_at_ = 0;        ///< when the entry that filled the buffer was accepted
  bool draining_ = false;           ///< a lull's drain is under way

  std::int64_t bursts_ = 0;
  std::int64_t row_hits_ = 0;
  std::int64_t row_misses_ = 0;
  std::vector<DramCommand>* trace_ = nullptr;
};

}  // namespace npusim::mem
