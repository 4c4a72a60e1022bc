// What changed between two runs, and why: layer by layer, and by what the engines did or waited for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/trace/report.h"

namespace npusim::look {

/// Working, the reasons of trace::Stall, then layers that only one run has.
inline constexpr std::size_t kCauses = trace::kStallReasons + 3;
inline constexpr std::size_t kBusy = 0;
inline constexpr std::size_t kOnlyBefore = kCauses - 2;
inline constexpr std::size_t kOnlyAfter = kCauses - 1;
/// "busy", "dependency", ..., "idle", "only in the first", "only in the second".
std::string cause_name(std::size_t cause);

/// A layer of either run or of both.
struct LayerDiff {
  std::string name;
  std::optional<std::size_t> before, after;  ///< its index in each run's layers
  std::int64_t before_time = 0, after_time = 0;
  /// What the difference consists of; adds up to it, exactly.
  std::array<std::int64_t, kCauses> causes{};
  [[nodiscard]] std::int64_t difference() const { return after_time - before_time; }
};

/// Times are main-clock cycles where both chips' clocks are equal, else picoseconds.
struct Diff {
  bool in_cycles = true;
  double before_ms = 0, after_ms = 0;
  std::int64_t before_time = 0, after_time = 0;
  std::vector<LayerDiff> layers;               ///< in the second run's order, with the first's in between
  std::array<std::int64_t, kCauses> causes{};  ///< of all layers; adds up to the difference, exactly
  std::vector<std::string> settings;           ///< "network: resnet18, resnet50", "dram.channels: 8, 4"
  [[nodiscard]] std::int64_t difference() const { return after_time - before_time; }
  /// Change of the latency in per cent of the first run's; positive: slower.
  [[nodiscard]] double percent() const;
  /// Causes that are not 0, the largest change (either way) first.
  [[nodiscard]] std::vector<std::size_t> ranked() const;
};

/// Aligns layers by the longest common subsequence of their names. A layer's time is split like its own
/// engine's busy and stall cycles; where layers overlap (trace::LayerReport) that is a proportion, else the
/// same cycles.
Diff diff_of(const trace::Report& before, const trace::Report& after);

/// Whether the latency differs by at most so many per cent of the first run's, either way.
bool within(const Diff& diff, double tolerance_percent);

/// For people, within 100 columns: settings, latency, causes, the layers that changed most.
std::string to_text(const Diff& diff);
/// {"schema": "npusim.diff/1", ...}.
std::string to_json(const Diff& diff, double tolerance_percent);

}  // namespace npusim::look
