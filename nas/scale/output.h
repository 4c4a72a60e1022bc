// What scaling leaves behind: a table for people, scale.json, scale.csv, and for each network on the front
// its ONNX file and its report.
#pragma once

#include <cstdint>
#include <string>

#include "nas/scale/result.h"

namespace npusim::scale {

/// What the files tell besides the result.
struct Identity {
  std::string network;
  std::string how;        ///< "compound", "s3nas", "depth", "none"
  double latency_ms = 0;  ///< the target; 0: none
  std::string evaluator;  ///< search::Evaluator::name()
  std::string measure;    ///< search::Evaluator::measure()
  std::uint64_t seed = 1;
  std::string version;
  FinishOptions finish;
};

/// The front as a table, best score first, and what was simulated.
std::string scaled_text(const Identity& identity, const Bench& bench, const Scaled& scaled);
/// Every variant: rank (0: not on the front), depths, width, height, width of the image, ...
std::string scaled_csv(const Identity& identity, const Bench& bench, const Scaled& scaled);
/// Schema npusim.scale/1. Nothing in it depends on the machine or on what the store had.
std::string scaled_json(const Identity& identity, const Bench& bench, const Scaled& scaled);

/// Writes scale.json, scale.csv and for each rank <rank>.onnx and <rank>.json, whose report is simulated
/// afresh. Rank 1 is the chosen one. Throws UserError when the folder cannot be written, InternalError when a
/// fresh simulation takes other cycles.
void write_scaled(const std::string& folder, const Identity& identity, const Bench& bench,
                  const Scaled& scaled, bool weights);

}  // namespace npusim::scale
