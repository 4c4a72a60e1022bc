// Reports as they come back from files.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sim/trace/report.h"

namespace npusim::look {

/// A run's file: what this code computes with, and everything as it stands.
struct RunFile {
  std::string path;
  trace::Report report;  ///< totals, layers, engines, notes, hardware; the rest stays in `json`
  nlohmann::ordered_json json;
};

/// The text of a file. Throws UserError naming it and the system's reason.
std::string read_text(const std::string& path);

/// The report that `npusim run --format json` wrote (schema npusim.report/1). Throws UserError naming the
/// file: not JSON, another schema, a field that is missing or no number, layers or engines that do not add
/// up.
RunFile parse_run(const std::string& text, const std::string& path);
RunFile read_run(const std::string& path);

/// Of JSON that npusim or others wrote: its "schema", or "" where it has none.
std::string schema_of(const nlohmann::ordered_json& json);

}  // namespace npusim::look
