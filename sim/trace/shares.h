// What a run's time went into: every cycle counted once, for the most telling engine at work in it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/trace/report.h"

namespace npusim::trace {

/// Commands that belong together, by their engine's name and their opcode's.
struct TimeGroup {
  std::string name;
  std::function<bool(std::string_view engine, std::string_view opcode)> holds;
};

/// A share for each group in order, then "launch" (before the first command of all) and "waiting" (nobody
/// works: barriers and what they wait for). `cycles` add up to the report's total. Needs the report's spans.
std::vector<TimeShare> time_shares(const Report& report, const std::vector<TimeGroup>& groups);

}  // namespace npusim::trace
