// A report in a few lines: what costs most, why, and what to do about it.
#pragma once

#include <string>

#include "sim/trace/report.h"

namespace npusim::trace {

/// What bounds a layer as its mapper says it, where its mapping begins with that: "ring" of
/// "ring-bound; 12 fills"; "" elsewhere.
std::string mapped_bound(const LayerReport& layer);

/// What bounds a layer: its engine's name where working took most of that engine's time, else the largest
/// stall's reason; of waiting for other engines ("dependency"), what the mapper says they are held up by.
std::string bound_of(const LayerReport& layer);

/// One sentence for people: where most of the time goes, and what would reduce it. Deterministic: from the
/// report's cycles alone.
std::string advice(const Report& report);

/// For people, within 80 columns: totals, the five layers that take longest with what bounds each, advice.
std::string to_summary(const Report& report);

}  // namespace npusim::trace
