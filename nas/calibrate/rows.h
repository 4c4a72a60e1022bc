// Measured latencies, as a user's CSV file has them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nas/jobs/batch.h"

namespace npusim::calibrate {

/// What a file's measurements are in; predictions are given in the same.
enum class Unit : std::uint8_t { ms, us, cycles };

/// "ms", "us", "cycles".
std::string_view to_string(Unit unit);
/// A simulation's latency in that unit; cycles are of the chip's main clock.
double latency_in(Unit unit, const jobs::Summary& summary);

/// A measurement of a whole batch.
struct Row {
  std::size_t line = 0;    ///< in the file
  std::string network;     ///< as `npusim run` takes it
  std::int64_t batch = 0;  ///< 0: the network's own
  std::string dtype;       ///< "": the chip's default
  double measured = 0;     ///< > 0, in the file's unit
  double weight = 1;       ///< >= 0
  double sigma = 0;        ///< standard deviation of `measured`, in the same unit; 0: not known
  bool test = false;       ///< judged, never fitted to
};

struct Measured {
  std::string file;
  std::string hash;  ///< of the file's bytes
  Unit unit = Unit::ms;
  std::vector<Row> rows;
  std::vector<std::string> ignored;  ///< columns that mean nothing here
};

/// Reads CSV text. Columns: network; one of latency_ms, latency_us, cycles; optionally batch, dtype, weight,
/// sigma, split (train or test). `renamed`: by one of these names, what the file calls it. Other columns are
/// ignored, unless one looks like a misspelt name. Throws UserError with file and line.
Measured read_rows(const std::string& text, const std::string& file,
                   const std::map<std::string, std::string>& renamed);

}  // namespace npusim::calibrate
