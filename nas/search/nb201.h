// NAS-Bench-201's cells as npusim's chips run them: what is shipped beside the published latencies.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace npusim::search {

/// What a chip takes for one image through each cell, as some npusim simulated it. Stale where that chip's
/// model has changed since; tests/search/nb201_chips_test.cpp finds out.
struct SimulatedCells {
  std::string chip;
  std::string dtype;  ///< the chip's default
  double clock_mhz = 0;
  std::string hardware;              ///< hw::hardware_hash() of the chip's description
  std::vector<std::int64_t> cycles;  ///< by the number that Space::at() gives a cell
};

/// From nas/search/data/nb201_simulated.csv, which scripts/nb201_simulate.py makes.
const std::vector<SimulatedCells>& nb201_simulated();

}  // namespace npusim::search
