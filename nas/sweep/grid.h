// What --set and --link of a sweep say: axes of values.
#pragma once

#include <string>
#include <vector>

namespace npusim::sweep {

/// One dimension of a sweep: keys that change together, and their values.
struct Axis {
  std::vector<std::string> keys;
  std::vector<std::vector<std::string>> points;  ///< [point][key]
};

/// The most points of an axis, and of a sweep.
inline constexpr std::size_t kMostPoints = 1'000'000;

/// Of --set: "cube.m=8,16,32" (a list), "dram.channels=1..4" and "clock_mhz=100..800:100" (ranges, the last
/// value included when a step meets it; decimals allowed), or a mix of both; "cube.m,cube.n=8,16" gives both
/// keys the same values. A value in brackets ("[1, 2]") is one value. Throws UserError with the character at
/// which the text is wrong.
Axis parse_set(const std::string& text);

/// Of --link: "cube.m=8,16,32,cube.n=16,16,8": keys that change together, each with values of its own, as
/// many as the others. Values as for --set. Throws UserError.
Axis parse_link(const std::string& text);

}  // namespace npusim::sweep
