// Judges a channel's command trace by the standard's rules alone, knowing nothing of the model that made it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/mem/dram_channel.h"

namespace npusim::mem::test {

/// Replays commands in order of time and collects what breaks a rule.
class TraceChecker {
 public:
  explicit TraceChecker(const DramTiming& timing);
  /// Checks a whole trace. Returns "" or the first broken rule with clock and bank.
  std::string check(std::vector<DramCommand> commands);

  /// Smallest distances seen, by name ("read-write", "activate-activate same bank", ...).
  [[nodiscard]] std::int64_t smallest(const std::string& name) const;
  [[nodiscard]] std::int64_t refreshes() const { return refreshes_; }

 private:
  static constexpr std::int64_t kLongAgo = INT64_MIN / 4;
  struct Bank {
    bool open = false;
    std::int64_t row = 0;
    std::int64_t activate = kLongAgo, precharge = kLongAgo, read = kLongAgo, write = kLongAgo;
  };

  void one(const DramCommand& command);
  void activate(const DramCommand& command);
  void precharge(const DramCommand& command, Bank& bank);
  void refresh(const DramCommand& command);
  void column(const DramCommand& command);
  /// The distance from an earlier command must be at least `least`.
  void distance(const DramCommand& command, const std::string& name, std::int64_t from, std::int64_t least);
  void rule(const DramCommand& command, bool holds, const std::string& name);

  DramTiming timing_;
  std::vector<Bank> banks_;
  std::vector<std::int64_t> activates_;
  std::int64_t precharge_all_ = kLongAgo, refresh_ = kLongAgo, read_ = kLongAgo, write_ = kLongAgo;
  std::int64_t data_free_ = kLongAgo;
  std::int64_t refreshes_ = 0;
  std::vector<std::pair<std::string, std::int64_t>> smallest_;
  std::string broken_;
};

}  // namespace npusim::mem::test
