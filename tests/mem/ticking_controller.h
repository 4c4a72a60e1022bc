// The controller's policy one clock at a time, without caches, timers or skipping: the reference that the
// event-driven controller must equal.
#pragma once

#include <array>
#include <deque>
#include <vector>

#include "sim/mem/dram/controller.h"

namespace npusim::mem::test {

class TickingController final : public ChannelController {
 public:
  TickingController(const DramRules& rules, const FrFcfsPolicy& policy, const AddressMapping& mapping);
  bool push(const BurstRequest& request) override;
  void advance_to(std::int64_t clock) override {
    while (now_ < clock) tick();
  }
  std::int64_t next_event() override { return now_; }
  [[nodiscard]] std::int64_t now() const override { return now_; }
  std::vector<ReadDone>& done() override { return done_; }
  [[nodiscard]] const DramCounters& counters() const override { return counters_; }
  void trace(std::vector<IssuedCommand>* sink) override { trace_ = sink; }
  [[nodiscard]] bool room(bool write) const override {
    return write ? std::ssize(writes_) < policy_.write_queue : std::ssize(reads_) < policy_.read_queue;
  }
  [[nodiscard]] DramCounters settled() const override;
  void observe(CommandObserver* observer) override { observer_ = observer; }

 private:
  static constexpr std::int64_t kLongAgo = INT64_MIN / 4;
  struct Entry {
    BurstRequest request;
    DramAddress at;
  };
  using History = std::array<std::int64_t, kCommands>;  ///< last start by command
  struct Bank {
    std::int64_t rank = 0, group = 0, bank = 0;
    bool open = false;
    std::int64_t row = 0;
    std::int64_t columns = 0;  ///< column commands since the ACT
    std::int64_t last_column = kLongAgo;
    std::int64_t auto_precharge = kLongAgo;  ///< start of the last auto-precharge's precharge
    std::vector<Entry> queue;
    History last{};
  };
  struct Rank {
    History last{};
    std::vector<History> groups;
    std::vector<std::int64_t> activates;
  };
  struct Refresh {
    std::int64_t rank = 0;
    std::int64_t bank = -1;  ///< of the channel; -1: all of the rank
  };

  void tick();
  void refresh_falls_due();
  bool refresh();
  bool refresh_banks(std::int64_t rank);
  bool from_queues(bool columns_only);
  bool from_queue(Bank& bank, bool columns_only);
  [[nodiscard]] std::size_t bank_to_refresh() const;
  bool close_idle();
  void move();
  bool move_from(std::vector<Entry>& queue);
  [[nodiscard]] bool allowed(Command command, const Bank& bank) const;
  [[nodiscard]] std::int64_t last(const Constraint& rule, const Bank& bank) const;
  [[nodiscard]] bool refreshing(const Bank& bank) const;
  void issue(Command command, Bank& bank, const Entry* entry, bool auto_precharge = false);
  void column(Bank& bank, std::size_t index);
  [[nodiscard]] std::int64_t bank_index(const DramAddress& at) const;
  [[nodiscard]] bool waiting(std::uint64_t address, bool write) const;

  DramRules rules_;
  FrFcfsPolicy policy_;
  AddressMapping mapping_;
  std::vector<Bank> banks_;
  std::vector<Rank> ranks_;
  std::vector<Entry> reads_, writes_;
  std::vector<Entry> merged_;  ///< reads that wait for another's data
  std::deque<Refresh> due_;
  std::vector<bool> refreshed_;  ///< by bank, in this round of per-bank refresh
  std::int64_t refreshes_begun_ = 0;
  std::int64_t turn_ = 0;      ///< bank that had the last command of a queue
  std::int64_t draining_ = 0;  ///< writes that the drain has still to move
  std::int64_t reads_before_drain_ = 0;
  std::int64_t read_turn_ = 0;  ///< reads that are served before the next drain starts
  std::int64_t bus_free_ = 0;
  std::int64_t now_ = 0;
  std::vector<ReadDone> done_;
  DramCounters counters_;
  std::vector<IssuedCommand>* trace_ = nullptr;
  CommandObserver* observer_ = nullptr;
};

}  // namespace npusim::mem::test
