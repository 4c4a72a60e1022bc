// How much each Squeeze-and-Excitation does, measured by the user, and which are kept.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace npusim::scale {

/// By block, the mean over channels of the standard deviation over inputs of its gate's values (S3NAS,
/// section 4.4, over 10,000 training images).
struct Activations {
  std::string file;
  std::map<std::string, double> deviations;
  std::map<std::string, std::size_t> lines;  ///< of CSV files, where a block's row is
};

/// Reads CSV with the header "block,std", or a JSON object {"block": number} where the file's name ends in
/// ".json". Throws UserError naming file and line.
Activations read_activations(const std::string& file);

/// Blocks from the one that does least to the one that does most; of equal ones in the order of `blocks`.
/// Throws UserError for a block of the file that is none of `blocks`, with the nearest, and for one of
/// `blocks` that the file lacks.
std::vector<std::string> least_first(const Activations& activations, const std::vector<std::string>& blocks);

}  // namespace npusim::scale
