// Judges a controller's commands by the constraint table alone, pair by pair, knowing nothing of how they
// were chosen.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "sim/mem/dram/controller.h"

namespace npusim::mem::test {

class CommandChecker {
 public:
  explicit CommandChecker(const DramRules& rules) : rules_(rules) {}
  /// Checks a whole trace: every pairwise distance within reach, windows of activates, the command bus's and
  /// the data bus's occupation, rows open and closed when they must be. Returns "" or the first fault.
  std::string check(const std::vector<IssuedCommand>& commands);
  /// The least distance seen between two commands that a constraint of this scope ties, or -1.
  [[nodiscard]] std::int64_t smallest(Scope scope, Command from, Command to) const;
  /// Whether the refreshes up to `clock` are one an interval for each rank (or bank), give or take one.
  [[nodiscard]] bool refreshed(const std::vector<IssuedCommand>& commands, RefreshPolicy policy,
                               std::int64_t clock) const;

 private:
  struct Bank {
    bool open = false;
    std::int64_t row = 0;
  };
  [[nodiscard]] bool related(Scope scope, const IssuedCommand& a, const IssuedCommand& b) const;
  std::string pairs(const std::vector<IssuedCommand>& commands, std::size_t index);
  std::string window(const std::vector<IssuedCommand>& commands, std::size_t index) const;
  std::string state(const IssuedCommand& command);
  std::string buses(const IssuedCommand& command);
  [[nodiscard]] std::size_t first_bank(const IssuedCommand& command) const;
  [[nodiscard]] std::size_t bank_count(const IssuedCommand& command) const;

  DramRules rules_;
  std::vector<Bank> banks_;
  std::int64_t bus_free_ = 0;
  std::int64_t data_free_ = 0;
  std::map<std::tuple<Scope, Command, Command>, std::int64_t> smallest_;
};

}  // namespace npusim::mem::test
