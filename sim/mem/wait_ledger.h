// Who waited for whom at a DRAM channel, clock by clock, adding up exactly.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "sim/mem/dram/controller.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

/// Accounts of one channel. The definition:
///
/// A port *has business* at the channel in each clock from the arrival of its oldest unserved request to the
/// clock in which that request is served, both included: a read by its last burst's RD, a write when its last
/// burst is accepted, like a read's burst that a waiting write answers or that shares another's command. Each
/// clock of business is charged to exactly one cause. So, by port, service + own + refresh + all others is
/// the port's business.
///
/// When a request is served, the clocks of business since the last charge of its port (which are none's yet)
/// are divided. `service` is what the request would have taken from then on in an idle channel whose rows are
/// as this port left them: of a read, the clock of its acceptance, PRE and ACT as far as this port's own last
/// row in that bank (refreshes close it) requires them, and a column command after another at the burst's
/// distance; of a write, a clock a burst. What is left is the wait, and lies at the end, before the serving
/// clock. It is charged, clock by clock, to the port for which the last command or acceptance before that
/// clock was (a refresh's commands: to `refresh`); those for this request itself are passed over. Where the
/// search reaches back behind the beginning and finds this port's own doing, a row that another port has
/// displaced is charged to that port.
///
/// Hence of a port with one request at a time, of one burst, whose pauses are longer than any distance of the
/// rules, without refresh, and whose rows no other port opens: the sum charged to others is the difference of
/// its completion time to that of a run alone. tests/mem/waits_test.cpp proves it.
class WaitLedger final : public CommandObserver {
 public:
  WaitLedger(std::size_t ports, const DramRules& rules);

  /// A request of `bursts` bursts arrives; `id` stands for it until it is served.
  void arrive(std::uint32_t id, std::uint16_t port, std::int64_t clock, std::int32_t bursts, bool write);
  /// A burst of it has been accepted by the controller.
  void accept(std::uint32_t id, std::uint16_t port, std::int64_t clock, bool write);
  /// The read's burst accepted at `clock` needs no command of its own.
  void answered(std::uint32_t id, std::int64_t clock) { served_burst(id, clock); }
  void issued(Command command, std::int64_t clock, std::size_t bank, std::int64_t row,
              const BurstRequest* entry, bool closes) override;
  void reset();

  /// Adds this channel's accounts to `waits`, by port.
  void add_to(std::vector<PortWaits>& waits) const;

 private:
  static constexpr std::size_t kLog = 512;  ///< events remembered; older ones count as the oldest of these
  static constexpr std::int32_t kRefresh = -1, kNobody = -2;
  static constexpr std::int32_t kNoRow = -1;
  static constexpr std::uint32_t kNoId = UINT32_MAX;

  struct Event {
    std::int64_t clock = 0;
    std::int32_t port = kNobody;
    std::uint32_t id = kNoId;
  };
  struct Entry {
    std::int64_t arrival = 0;
    std::int64_t row_clocks = 0;  ///< of PRE and ACT, as this port's own rows require
    std::int32_t bursts = 0, left = 0;
    std::int32_t displacer = kNobody;
    std::uint64_t serial = 0;  ///< which request the id stands for
    std::uint16_t port = 0;
    bool write = false;
    bool began = false;  ///< a column command has been issued
    bool activated = false, precharged = false;
    bool served = false;
  };
  struct Arrival {
    std::int64_t clock = 0;
    std::uint64_t serial = 0;
    std::uint32_t id = 0;
  };
  struct Port {
    std::deque<Arrival> unserved;    ///< oldest first; served ones leave when they come to the front
    std::int64_t charged = 0;        ///< all business before this clock is charged
    std::vector<std::int32_t> rows;  ///< by bank: the row its last column command was for
  };

  void log(std::int64_t clock, std::int32_t port, std::uint32_t id);
  void begin(Entry& entry, std::size_t bank, std::int64_t row) const;
  void served_burst(std::uint32_t id, std::int64_t clock);
  void settle(std::uint32_t id, std::int64_t end);
  /// Charges the clocks [left, right) of a request of business since `from`.
  void charge(std::uint32_t id, std::int64_t from, std::int64_t left, std::int64_t right);
  [[nodiscard]] bool is_served(const Arrival& arrival) const {
    const Entry& entry = entries_[arrival.id];
    return entry.serial != arrival.serial || entry.served;
  }
  void charge_to(PortWaits& waits, std::uint16_t port, std::int32_t cause, std::int64_t clocks) const;

  std::int64_t burst_clocks_, trcd_, trp_;
  std::size_t banks_in_rank_;
  std::vector<Port> ports_;
  std::vector<std::int32_t> bank_user_;  ///< port of each bank's last column command
  std::vector<Entry> entries_;           ///< by id
  std::vector<Event> log_;
  std::size_t logged_ = 0;
  std::uint64_t serial_ = 0;
  std::vector<PortWaits> waits_;
};

}  // namespace npusim::mem
