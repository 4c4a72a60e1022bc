// A DRAM channel's controller: requests of one burst in, commands and read data times out. Free of SystemC;
// all times are command clocks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/mem/dram/address_mapping.h"
#include "sim/mem/dram/rules.h"

namespace npusim::mem {

/// When a row that nobody waits for is closed.
enum class PagePolicy : std::uint8_t {
  open,     ///< when another row of the bank is wanted
  closed,   ///< with its last queued column command (auto-precharge)
  adaptive  ///< also after `page_timeout` clocks without a column command and without a queued request
};

enum class RefreshPolicy : std::uint8_t { none, all_bank, per_bank };

/// First ready, first come first served.
///
/// In each clock, in this order:
/// 1. A refresh falls due at each multiple of the interval. Ranks take turns, or banks do, bank groups
/// varying
///    before banks; with `idle_refresh` the banks left in a round go by merit: closed and without queue, open
///    and without queue, others. Until the refresh is done, its banks take no commands from their queues.
/// 2. The command bus, when free, takes one command: of the oldest due refresh (closing what is open, then
///    the refresh itself); else of the first bank, in turn after the one that had the last command of a
///    queue, that has one that the rules allow: the first in its queue that hits the open row, or, when the
///    oldest queued request misses, its precharge, if no queued request hits or the row has had `hit_cap`
///    column commands. With `columns_first`, banks whose command is a read or write go before others. Else
///    (adaptive) the precharge of the lowest idle bank whose timeout is over.
/// 3. One request moves from the read or write queue into its bank's queue: the oldest whose bank has room.
///    Writes move while a drain lasts. It starts with `write_high` writes waiting, or `write_idle` while all
///    bank queues are empty, and lasts for all writes but `write_low` that wait then. With `read_turns`,
///    when no read was served from a drain's start to its end, as many as are unserved then are served before
///    the next one starts: else masters that keep the write queue full would keep reads waiting for ever.
/// A read of an address whose write waits is answered from there in the next clock; reads of the same address
/// share one command; so do writes, and a write does not move before the reads of its address are issued.
struct FrFcfsPolicy {
  std::int64_t bank_queue = 8;    ///< requests a bank's queue holds
  std::int64_t read_queue = 32;   ///< requests waiting for their bank's queue
  std::int64_t write_queue = 32;  ///< posted writes waiting for their bank's queue
  std::int64_t hit_cap = 4;
  std::int64_t write_high = 32;
  std::int64_t write_low = 0;
  std::int64_t write_idle = 9;
  PagePolicy page = PagePolicy::open;
  std::int64_t page_timeout = 0;  ///< clocks, of the adaptive policy
  RefreshPolicy refresh = RefreshPolicy::all_bank;
  bool precharge_all = false;  ///< a refresh closes a rank's banks with one command, not one by one
  /// A write that waits for a read of its address ends the drain (DRAMsim3); else it is passed over.
  bool dependency_ends_drain = false;
  bool read_turns = false;
  bool columns_first = false;
  bool idle_refresh = false;
};

/// DRAMsim3's decisions, command for command: per-bank queues, open page, separate transaction queues.
FrFcfsPolicy dramsim3_policy();
/// npusim's own: as DRAMsim3's, but idle clocks drain any write, a full queue drains to a quarter, reads move
/// between drains, a refresh closes all banks at once, columns go first, and per-bank refresh prefers idle
/// banks.
FrFcfsPolicy default_policy();

/// Throws UserError, starting with `where`, naming the value that cannot work with these rules.
void check(const FrFcfsPolicy& policy, const DramRules& rules, const std::string& where);

/// One burst.
struct BurstRequest {
  std::uint64_t address = 0;
  std::uint32_t id = 0;  ///< the caller's, returned with a read's data
  bool write = false;
  std::uint16_t port = 0;  ///< whose it is, for accounts
};

/// A read's data has arrived (writes are posted: acceptance completes them).
struct ReadDone {
  std::uint32_t id = 0;
  std::int64_t clock = 0;  ///< behind the last data beat
};

/// A command as issued.
struct IssuedCommand {
  std::int64_t clock = 0;
  Command command = Command::activate;
  bool auto_precharge = false;
  std::int32_t rank = 0;
  std::int32_t group = -1;  ///< -1: all
  std::int32_t bank = -1;   ///< within the group; -1: all
  /// Of the request that the command is for, also of a precharge; -1 when it is for none.
  std::int64_t row = -1;
  std::int64_t column = -1;

  bool operator==(const IssuedCommand&) const = default;
};

/// Totals since construction.
struct DramCounters {
  std::int64_t activates = 0, reads = 0, writes = 0, precharges = 0, precharges_all = 0, refreshes = 0,
               bank_refreshes = 0;
  std::int64_t auto_precharges = 0;  ///< column commands that close their row
  std::int64_t forwarded_reads = 0;  ///< answered by a waiting write
  std::int64_t merged = 0;           ///< requests that shared another's command
  std::int64_t row_misses = 0;       ///< column commands that were the first since their row's ACT
  std::int64_t events = 0;           ///< clocks at which something was decided or looked at

  bool operator==(const DramCounters&) const = default;
};

/// Told of every command, in order of time; whole_rank commands come with the rank's first bank.
class CommandObserver {
 public:
  virtual ~CommandObserver() = default;
  /// `entry` is the request that the command is for, nullptr when it is for none. `closes`: auto-precharge.
  virtual void issued(Command command, std::int64_t clock, std::size_t bank, std::int64_t row,
                      const BurstRequest* entry, bool closes) = 0;
};

/// A controller and its channel. The caller offers requests at clock now(), then advances.
class DramController {
 public:
  virtual ~DramController() = default;
  /// Offers a request at clock now(), before that clock's decisions. False: its queue is full, offer it
  /// later. Throws UserError for addresses that are misaligned or out of range.
  virtual bool push(const BurstRequest& request) = 0;
  /// Takes the decisions of all clocks before `clock`; now() becomes `clock`.
  virtual void advance_to(std::int64_t clock) = 0;
  /// The earliest clock from now() on at which, without further requests, anything can change.
  [[nodiscard]] virtual std::int64_t next_event() = 0;
  /// The first clock whose decisions have not been taken.
  [[nodiscard]] virtual std::int64_t now() const = 0;
  /// Reads whose data time has been fixed, in order of their commands; the caller clears it.
  virtual std::vector<ReadDone>& done() = 0;
  [[nodiscard]] virtual const DramCounters& counters() const = 0;
  /// Appends every command from now on to `sink`, or to nothing.
  virtual void trace(std::vector<IssuedCommand>* sink) = 0;
};

/// A controller of one channel, as an arbiter in front of it needs it.
class ChannelController : public DramController {
 public:
  /// Whether push() would accept a read or a write at clock now().
  [[nodiscard]] virtual bool room(bool write) const = 0;
  /// What counters() will be once everything has been served that will be without further requests,
  /// refreshes aside.
  [[nodiscard]] virtual DramCounters settled() const = 0;
  /// Tells `observer` of every command from now on, or nobody.
  virtual void observe(CommandObserver* observer) = 0;
};

}  // namespace npusim::mem
