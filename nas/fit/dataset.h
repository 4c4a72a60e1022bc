// Simulated networks as models see them: operators with features, networks with what each operator took.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nas/fit/features.h"
#include "nas/jobs/batch.h"

namespace npusim::fit {

/// A network's operator and what it took there; in the order of the network.
struct Sample {
  std::size_t op = 0;       ///< index in Dataset::operators
  std::int64_t cycles = 0;  ///< of all its layers
};

struct Network {
  std::string name;
  std::vector<Sample> samples;
  std::int64_t cycles = 0;  ///< of the whole; more than the samples' where layers belong to no operator
};

/// Networks on one chip. Features are counts that add up over operators.
struct Dataset {
  std::string hw;
  std::string hw_hash;  ///< hw::hardware_hash()
  std::string dtype;
  double ns_per_cycle = 0;
  std::vector<std::string> features;
  std::vector<Operator> operators;
  std::vector<Network> networks;

  [[nodiscard]] double latency_ns(const Network& network) const {
    return static_cast<double>(network.cycles) * ns_per_cycle;
  }
  /// Features summed over a network's operators.
  [[nodiscard]] std::vector<double> sums(const Network& network) const;
};

/// Throws UserError for a dataset that nothing can be fitted to: no networks, features that are not finite, a
/// latency that is not positive.
void check(const Dataset& data);

/// A hash of everything in it.
std::string hash_of(const Dataset& data);

/// Schema npusim.samples/2, one JSON object; parse() names `file` in its UserErrors.
std::string to_json(const Dataset& data);
Dataset parse_dataset(const std::string& text, const std::string& file);
/// One dataset of several. Throws UserError when they are of different hardware (hashes), types or features.
Dataset merge(std::vector<Dataset> parts, const std::vector<std::string>& names);

/// Operators known so far, each once.
class OperatorTable {
 public:
  OperatorTable(Extractor& extractor, std::vector<Operator>& operators)
      : extractor_(extractor), operators_(operators) {}
  std::size_t index(const ir::Graph& graph, const ir::Op& op);

 private:
  Extractor& extractor_;
  std::vector<Operator>& operators_;
  std::map<std::string, std::size_t> seen_;
};

/// A dataset of simulated graphs (as imported or generated; the passes are run here). Results by graph, with
/// layers. Graphs that were not simulated are left out.
Dataset make_dataset(const Config& chip, ir::DType dtype, const std::vector<ir::Graph>& graphs,
                     const std::vector<jobs::Result>& results);

}  // namespace npusim::fit
