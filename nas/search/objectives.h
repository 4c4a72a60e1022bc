// From what was measured of a network to what a strategy minimises: objectives, limits, several chips.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nas/search/strategy.h"

namespace npusim::search {

/// A network on one chip.
struct OnChip {
  std::int64_t cycles = 0;  ///< 0 when predicted
  double latency_ms = 0;
  std::int64_t dram_bytes = 0;  ///< read and written; 0 when predicted
  bool simulated = true;        ///< false: `latency_ms` is a model's prediction
  std::string refusal;          ///< why the chip cannot run it; "" when it can
};

/// What is known of a network before anything is weighed.
struct Measured {
  double score = 0;           ///< the evaluator's, more is better
  bool scored = true;         ///< false: nobody asked the evaluator, as a hard limit is exceeded
  std::string score_failure;  ///< why there is none; "" when there is one
  std::int64_t macs = 0;
  std::int64_t params = 0;
  double area_proxy = 0;  ///< mm^2, of searches with hardware genes (sweep/area.h)
  std::vector<OnChip> chips;
};

/// How latencies of several chips become objectives.
enum class Combine : std::uint8_t {
  worst,  ///< one: the longest
  mean,   ///< one: their mean
  front   ///< one for each chip
};
/// Throws UserError with the nearest name.
Combine combine_of(const std::string& name);

/// What a network may take; of several chips, --combine says which latency and DRAM traffic is held against
/// it (front: each chip's).
struct Limits {
  std::optional<double> latency_ms;
  std::optional<double> macs;     ///< multiply-accumulates
  std::optional<double> params;   ///< weights
  std::optional<double> dram_mb;  ///< 10^6 bytes read and written
  /// Limits may be exceeded, at a price: for each, the score counts times (value / limit)^exponent (MnasNet's
  /// reward, arXiv 1807.11626); of a negative score, as much is taken off.
  bool soft = false;
  double exponent = -0.07;
};

/// What a search wants.
struct Goals {
  Combine combine = Combine::worst;
  Limits limits;
  std::vector<std::string> objectives{"score", "latency"};  ///< of objective_kinds(), the score first
};
/// "score", "latency", "dram", "macs", "params", "area".
const std::vector<std::string>& objective_kinds();
/// Throws UserError for unknown or repeated objectives, with the nearest.
void check(const Goals& goals);

/// Names of the objectives by index: "score", "latency_ms", "latency_ms.midap" (combine front), ...
std::vector<std::string> objective_names(const Goals& goals, const std::vector<std::string>& chips);

/// By objective its hard limit, infinity for none; empty when a limit is on something that is no objective,
/// so that violations cannot be told from objectives, or when there is no hard limit at all.
std::vector<double> limits_by_objective(const Goals& goals, std::size_t chips);

/// By how much hard limits are exceeded, each as a share of it, summed.
double violation_of(const Measured& measured, const Goals& goals);

/// Objectives and violation; objective 0 is infinite for what is not scored; `failure` where the evaluator or
/// a chip failed.
Evaluation judge(space::Genome genome, const Measured& measured, const Goals& goals);

/// The latency that a limit is held against when there is one: the longest of combine worst and front, the
/// mean of combine mean.
double limited_latency(const Measured& measured, Combine combine);

}  // namespace npusim::search
