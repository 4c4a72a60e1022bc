// A calibration for people, as a description to run with, and as an entry of a ledger.
#pragma once

#include <string>
#include <string_view>

#include "nas/calibrate/calibration.h"

namespace npusim::calibrate {

/// Keys, errors before and after, rows, warnings: plain text.
std::string to_text(const std::string& hw, const Problem& problem, const Calibration& done);

/// The same as one JSON object, schema npusim.calibration/1 (docs/calibrate.md).
std::string to_json(const std::string& hw, const Problem& problem, const Calibration& done);

/// The same as a section in Markdown, for docs/calibration or a user's own ledger; no date, no machine.
std::string to_ledger(const std::string& hw, const Problem& problem, const Calibration& done);

/// A description that extends the built-in chip: what the user's description has that differs, and the fitted
/// values with "fitted | rows.csv (hash, 24 rows)" as their source. Keys that no row depends on are left as
/// they were. `fitted`: the description with the fitted setting.
std::string to_yaml(const Problem& problem, const Calibration& done, const Config& built_in,
                    const Config& fitted);

}  // namespace npusim::calibrate
