// The FR-FCFS controller of controller.h, event-driven: it looks only at clocks at which something can
// change.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "sim/mem/dram/controller.h"

namespace npusim::mem {

/// Decides exactly as FrFcfsPolicy says, clock by clock, but skips clocks in which nothing can happen: the
/// earliest legal clock of every command is kept up to date by bank, bank group and rank, a queue's facts
/// (its first hits) by bank, and a request may move only after one has arrived, moved or been served.
class FrFcfsController final : public ChannelController {
 public:
  /// Throws UserError when the policy cannot work with these rules.
  FrFcfsController(const DramRules& rules, const FrFcfsPolicy& policy, const AddressMapping& mapping);

  bool push(const BurstRequest& request) override;
  void advance_to(std::int64_t clock) override {
    if (next_ < clock) run_to(clock);
    now_ = std::max(now_, clock);
  }
  std::int64_t next_event() override { return next_; }
  [[nodiscard]] std::int64_t now() const override { return now_; }
  std::vector<ReadDone>& done() override { return done_; }
  [[nodiscard]] const DramCounters& counters() const override { return counters_; }
  void trace(std::vector<IssuedCommand>* sink) override { trace_ = sink; }
  [[nodiscard]] bool room(bool write) const override {
    const auto& waiting = write ? writes_ : reads_;
    return static_cast<std::int64_t>(waiting.size()) < (write ? policy_.write_queue : policy_.read_queue);
  }
  [[nodiscard]] DramCounters settled() const override;
  void observe(CommandObserver* observer) override { observer_ = observer; }

 private:
  static constexpr std::int64_t kNeverClock = INT64_MAX / 4;
  static constexpr int kNone = -1;
  static constexpr std::size_t kMostQueued = 32;       ///< in a bank's queue
  using Timers = std::array<std::int64_t, kCommands>;  ///< earliest clock by command

  struct Entry {
    std::uint64_t address = 0;
    std::uint32_t id = 0;
    std::int32_t row = 0;
    std::int32_t column = 0;
    std::uint16_t port = 0;
    std::uint8_t bank = 0;  ///< of the channel
    bool write = false;
    [[nodiscard]] BurstRequest request() const { return {address, id, write, port}; }
  };
  struct Bank {
    Timers earliest{};
    std::int32_t open_row = kNone;
    std::int32_t columns = 0;  ///< column commands since the ACT
    std::int32_t size = 0;
    std::uint32_t head = 0;            ///< place of the oldest in the ring
    std::int32_t first_read = kNone;   ///< first queued read that hits the open row
    std::int32_t first_write = kNone;  ///< first queued write that hits it
    std::uint8_t rank = 0;
    std::uint8_t group = 0;  ///< of the channel
    bool head_hits = false;
    std::int64_t last_column = 0;
    std::array<Entry, kMostQueued> ring;

    /// The queued request at `place`, from the oldest on.
    [[nodiscard]] Entry& at(std::int32_t place) {
      return ring[(head + static_cast<std::uint32_t>(place)) % kMostQueued];
    }
    [[nodiscard]] const Entry& at(std::int32_t place) const {
      return ring[(head + static_cast<std::uint32_t>(place)) % kMostQueued];
    }
    void remove(std::int32_t place) {
      for (; place > 0; --place) at(place) = at(place - 1);
      ++head;
      --size;
    }
  };
  /// What a bank's queue wants next, and when the bank itself allows it; kNeverClock: not wanted.
  struct Wanted {
    std::int64_t row = kNeverClock;  ///< its ACT or PRE
    std::int64_t read = kNeverClock;
    std::int64_t write = kNeverClock;
    std::uint8_t row_command = 0;
    std::uint8_t group = 0;  ///< of the channel
  };
  struct Rank {
    std::array<std::int64_t, 4> activates{};  ///< ring
    std::uint32_t next = 0;
    std::uint64_t banks = 0;  ///< mask
    std::int32_t first_bank = 0;
  };
  /// A rule of one command, ready to apply.
  struct Update {
    std::uint8_t to = 0;
    std::int64_t clocks = 0;
  };
  struct Updates {
    std::vector<Update> bank, group, rank, other_rank;
  };
  struct Refresh {
    std::int32_t rank = 0;
    std::int32_t bank = kNone;  ///< of the channel; kNone: all of the rank
  };
  /// How many waiting requests may have an address, by hash: 0 is certain.
  class AddressFilter {
   public:
    void add(std::uint64_t address) { ++counts_[slot(address)]; }
    void remove(std::uint64_t address) { --counts_[slot(address)]; }
    [[nodiscard]] bool may_hold(std::uint64_t address) const { return counts_[slot(address)] != 0; }

   private:
    /// Neighbours have slots of their own, side by side.
    static std::size_t slot(std::uint64_t address) {
      return ((address >> 9U) * 0x9E3779B97F4A7C15ULL >> 54U ^ address >> 4U) % kSlots;
    }
    static constexpr std::size_t kSlots = 1024;
    std::array<std::uint16_t, kSlots> counts_{};
  };
  /// Requests in order of arrival, with the banks they wait for.
  struct Waiting {
    std::vector<Entry> entries;  ///< from place `first` on
    std::size_t first = 0;
    std::array<std::int32_t, 64> by_bank{};
    std::uint64_t banks = 0;  ///< mask

    [[nodiscard]] std::size_t size() const { return entries.size() - first; }
    void push_back(const Entry& entry) {
      if (entries.size() == entries.capacity()) {
        entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(first));
        first = 0;
      }
      entries.push_back(entry);
    }
    void remove(std::size_t place) {
      for (; place > first; --place) entries[place] = entries[place - 1];
      ++first;
    }
  };

  void build_updates();
  void run_to(std::int64_t clock);
  void step(std::int64_t clock);
  /// Whether nothing but refreshes will happen without further requests.
  [[nodiscard]] bool idle() const { return queued_ == 0 && !may_move_; }
  /// Applies all but the last refreshes before `clock` at once while nothing else happens.
  void skip_idle_refreshes(std::int64_t clock);
  void refresh_falls_due(std::int64_t clock);

  /// Each issues at most one command at `clock`, or lowers `wake` to when it could, and says whether it did.
  bool scan(std::int64_t clock);
  bool refresh(std::int64_t clock, std::int64_t& wake);
  bool refresh_rank(std::int64_t clock, std::int64_t& wake);
  bool close_all(std::int64_t clock, const Rank& rank, std::int64_t& wake);
  bool from_queues(std::int64_t clock, std::int64_t& wake);
  bool from_masked(std::int64_t clock, std::uint64_t mask, std::int64_t& wake);
  bool columns_of(std::int64_t clock, std::uint64_t mask);
  std::int64_t bank_to_refresh();
  bool close_idle(std::int64_t clock, std::int64_t& wake);
  void serve(std::size_t bank, std::int64_t clock);

  [[nodiscard]] std::int64_t earliest(Command command, const Bank& bank) const {
    const auto place = static_cast<std::size_t>(command);
    return std::max(bank.earliest[place], groups_[bank.group][place]);
  }
  [[nodiscard]] bool wants_precharge(const Bank& bank) const {
    return !bank.head_hits &&
           ((bank.first_read < 0 && bank.first_write < 0) || bank.columns >= policy_.hit_cap);
  }
  /// The earliest clock at which a bank with a queue can take its next command.
  [[nodiscard]] std::int64_t candidate(std::size_t bank) const {
    const Wanted& wanted = wanted_[bank];
    const Timers& group = groups_[wanted.group];
    const std::int64_t row = std::max(wanted.row, group[wanted.row_command]);
    const std::int64_t read = std::max(wanted.read, group[static_cast<std::size_t>(Command::read)]);
    const std::int64_t write = std::max(wanted.write, group[static_cast<std::size_t>(Command::write)]);
    return std::min(row, std::min(read, write));
  }
  /// When the next command can issue after one at `clock`, unless a request moves to its bank.
  [[nodiscard]] std::int64_t wake_after(std::int64_t clock) const;
  /// Brings wanted_ up to date with the bank.
  void want(const Bank& bank);

  void activate(std::size_t bank, std::int64_t clock);
  void precharge(std::size_t bank, std::int64_t clock, const Entry* entry);
  void column(std::size_t bank, std::int32_t place, std::int64_t clock);
  void auto_precharge(Bank& bank, std::int64_t clock);
  void return_data(const Entry& entry, std::int64_t clock);
  void apply(Command command, std::size_t bank, std::int64_t clock);
  void log(Command command, std::int64_t clock, std::size_t bank, const Entry* entry, bool closes = false);
  void find_hits(Bank& bank);
  /// Brings a bank's first hits up to date when the first of its reads or writes, at `place`, has left.
  static void find_next_hit(Bank& bank, std::int32_t place, bool write);

  void move(std::int64_t clock);
  bool move_from(Waiting& waiting);
  bool dependent(const Entry& entry) const;
  /// Whether a request could move in the next clock.
  [[nodiscard]] bool more_to_move() const {
    return (reads_.banks & ~full_) != 0 || writes_.size() != 0 || draining_ != 0;
  }
  /// Rank, bank, row and column of a request, as far as an entry has them.
  [[nodiscard]] Entry decode(std::uint64_t address);
  void to_bank(const Entry& entry);
  [[nodiscard]] bool queued(const Waiting& waiting, const Entry& entry, bool write) const;
  [[nodiscard]] std::uint64_t refreshing() const;

  DramRules rules_;
  FrFcfsPolicy policy_;
  AddressMapping mapping_;
  std::uint64_t run_mask_ = 0;  ///< the lowest bits of an address, which are the lowest ones of the column
  std::uint64_t run_ = UINT64_MAX;  ///< the last address without them, and where it lies
  Entry run_entry_;
  std::array<Updates, kCommands> updates_;
  std::vector<Update> closing_;      ///< what a precharge delays in its own bank, whatever the rules' scope
  std::int64_t four_activates_ = 0;  ///< tFAW

  std::vector<Bank> banks_;
  std::vector<Wanted> wanted_;  ///< by bank
  std::vector<Timers> groups_;  ///< of all ranks, a rank's rules included
  std::vector<Rank> ranks_;
  std::uint64_t queued_ = 0;  ///< banks with queued requests
  std::uint64_t full_ = 0;    ///< banks whose queue is full
  std::uint64_t open_ = 0;    ///< banks with an open row
  Waiting reads_, writes_;
  AddressFilter read_addresses_, write_addresses_;  ///< of waiting and queued requests
  std::vector<Entry> merged_;                       ///< reads that wait for another's data
  std::vector<Refresh> due_;
  std::int64_t next_due_ = kNeverClock;
  std::int64_t due_interval_ = 0;
  std::int64_t refreshes_begun_ = 0;
  std::uint64_t unrefreshed_ = 0;  ///< banks that this round of per-bank refresh has not reached
  std::size_t turn_ = 0;
  std::int64_t draining_ = 0;
  std::int64_t reads_before_drain_ = 0;
  std::int64_t unserved_reads_ = 0;  ///< waiting or queued, without merged ones
  std::int64_t read_turn_ = 0;       ///< of these, how many are served before the next drain starts
  std::int64_t bus_free_ = 0;
  std::int64_t now_ = 0;
  std::int64_t next_ = kNeverClock;  ///< the next clock to look at
  std::int64_t wake_ = kNeverClock;  ///< no command can issue earlier, unless a request moves to its bank
  bool may_move_ = false;
  std::vector<ReadDone> done_;
  DramCounters counters_;
  std::vector<IssuedCommand>* trace_ = nullptr;
  CommandObserver* observer_ = nullptr;
};

}  // namespace npusim::mem
