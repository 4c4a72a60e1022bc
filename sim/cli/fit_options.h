// What the commands that fit models share: which networks are simulated.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nas/fit/dataset.h"
#include "nas/space/space.h"
#include "sim/cli/batch_options.h"
#include "sim/cli/commands.h"

namespace npusim::cli {

/// Networks by name, or random ones of a space.
struct SampleOptions {
  HardwareOptions hardware;
  std::vector<std::string> networks;
  std::string space;
  std::size_t count = 1000;  ///< of the space
  std::uint64_t seed = 1;
  std::string dtype;
  std::int64_t batch = 1;
  BatchRunOptions run;
  [[nodiscard]] bool empty() const { return networks.empty() && space.empty(); }
  /// "1000 random networks of s3nas (seed 1)".
  [[nodiscard]] std::string describe() const;
};
void add_sample_options(CLI::App& command, SampleOptions& options);

/// Different genomes of the space, by seed; fewer where the space has fewer.
std::vector<space::Genome> sample_genomes(const space::Space& space, std::size_t count, std::uint64_t seed);

/// The networks themselves.
std::vector<ir::Graph> graphs_of(const SampleOptions& options);

/// Simulates them (or finds them in the store) and takes their operators apart. Says on standard error which
/// networks the chip refused. Throws UserError when it refused all.
fit::Dataset simulate(const SampleOptions& options);

/// A file's text. Throws UserError.
std::string read_file(const std::string& path);

}  // namespace npusim::cli
