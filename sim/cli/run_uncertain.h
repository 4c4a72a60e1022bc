// npusim run --uncertainty: what the chip's guessed parameters leave open.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "sim/cli/batch_options.h"
#include "sim/cli/commands.h"

namespace npusim::cli {

struct UncertaintyOptions {
  std::int64_t samples = 0;  ///< 0: an ordinary run
  std::uint64_t seed = 1;
  BatchRunOptions run;
};
/// --uncertainty, and the options that need it. After the options of an ordinary run, which it excludes.
void add_uncertainty_options(CLI::App& command, UncertaintyOptions& options);

/// Simulates and writes the report; `format` is 0 for text, 1 for JSON, 2 for CSV. Throws UserError.
void run_uncertain(const UncertaintyOptions& options, const HardwareOptions& hardware,
                   const NetworkOptions& network, const std::string& dtype, std::size_t format,
                   const std::string& output);

}  // namespace npusim::cli
