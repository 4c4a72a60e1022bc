#include "nas/search/objectives.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/base/error.h"

namespace npusim::search {
namespace {

constexpr double kMega = 1e6;

double latency_of(const OnChip& chip) { return chip.latency_ms; }
double dram_of(const OnChip& chip) { return static_cast<double>(chip.dram_bytes) / kMega; }

/// A figure of all chips as one number, or one by chip.
std::vector<double> combined(const Measured& measured, Combine combine, double (*figure)(const OnChip&)) {
  std::vector<double> all;
  for (const OnChip& chip : measured.chips) all.push_back(figure(chip));
  if (combine == Combine::front || all.size() < 2) return all;
  if (combine == Combine::worst) return {*std::max_element(all.begin(), all.end())};
  double sum = 0;
  for (const double one : all) sum += one;
  return {sum / static_cast<double>(all.size())};
}

/// Every value that has a limit, as a share of it.
std::vector<double> shares_of_limits(const Measured& measured, const Goals& goals) {
  std::vector<double> shares;
  const auto add = [&](const std::optional<double>& limit, const std::vector<double>& values) {
    if (!limit) return;
    for (const double value : values) shares.push_back(value / *limit);
  };
  add(goals.limits.latency_ms, combined(measured, goals.combine, latency_of));
  add(goals.limits.dram_mb, combined(measured, goals.combine, dram_of));
  add(goals.limits.macs, {static_cast<double>(measured.macs)});
  add(goals.limits.params, {static_cast<double>(measured.params)});
  return shares;
}

double priced(double score, const std::vector<double>& shares, double exponent) {
  for (const double share : shares) {
    if (share > 1) score -= std::abs(score) * (1 - std::pow(share, exponent));
  }
  return score;
}

}  // namespace

const std::vector<std::string>& objective_kinds() {
  static const std::vector<std::string> kinds{"score", "latency", "dram", "macs", "params", "area"};
  return kinds;
}

Combine combine_of(const std::string& name) {
  if (name == "worst") return Combine::worst;
  if (name == "mean") return Combine::mean;
  if (name == "front") return Combine::front;
  throw UserError(fmt::format("--combine: '{}' is none of worst, mean, front{}", name,
                              suggestion(name, {"worst", "mean", "front"})));
}

void check(const Goals& goals) {
  const std::vector<std::string>& kinds = objective_kinds();
  for (auto at = goals.objectives.begin(); at != goals.objectives.end(); ++at) {
    if (std::find(kinds.begin(), kinds.end(), *at) == kinds.end()) {
      throw UserError(fmt::format("--objectives: '{}' is none of {}{}", *at, fmt::join(kinds, ", "),
                                  suggestion(*at, kinds)));
    }
    if (std::find(goals.objectives.begin(), at, *at) != at) {
      throw UserError(fmt::format("--objectives: '{}' is there twice", *at));
    }
  }
  if (goals.objectives.empty() || goals.objectives.front() != "score") {
    throw UserError("--objectives: expected 'score' first, such as score,latency,params");
  }
}

std::vector<std::string> objective_names(const Goals& goals, const std::vector<std::string>& chips) {
  std::vector<std::string> names;
  const auto by_chip = [&](const std::string& name) {
    if (goals.combine != Combine::front || chips.size() < 2) return names.push_back(name);
    for (const std::string& chip : chips) names.push_back(name + "." + chip);
  };
  for (const std::string& kind : goals.objectives) {
    if (kind == "latency") {
      by_chip("latency_ms");
    } else if (kind == "dram") {
      by_chip("dram_mb");
    } else {
      names.push_back(kind);
    }
  }
  return names;
}

std::vector<double> limits_by_objective(const Goals& goals, std::size_t chips) {
  const Limits& limits = goals.limits;
  std::vector<double> list;
  std::size_t found = 0;
  const std::size_t copies = goals.combine == Combine::front ? chips : 1;
  for (const std::string& kind : goals.objectives) {
    const std::optional<double> limit = kind == "latency"  ? limits.latency_ms
                                        : kind == "dram"   ? limits.dram_mb
                                        : kind == "macs"   ? limits.macs
                                        : kind == "params" ? limits.params
                                                           : std::nullopt;
    found += limit ? 1 : 0;
    const bool by_chip = kind == "latency" || kind == "dram";
    list.insert(list.end(), by_chip ? copies : 1, limit.value_or(std::numeric_limits<double>::infinity()));
  }
  const std::size_t all = (limits.latency_ms ? 1U : 0U) + (limits.macs ? 1U : 0U) +
                          (limits.params ? 1U : 0U) + (limits.dram_mb ? 1U : 0U);
  if (limits.soft || all == 0 || found < all) return {};
  return list;
}

double violation_of(const Measured& measured, const Goals& goals) {
  double violation = 0;
  if (goals.limits.soft) return violation;
  for (const double share : shares_of_limits(measured, goals)) violation += std::max(0.0, share - 1);
  return violation;
}

Evaluation judge(space::Genome genome, const Measured& measured, const Goals& goals) {
  Evaluation out;
  out.genome = std::move(genome);
  out.failure = measured.score_failure;
  for (const OnChip& chip : measured.chips) {
    if (out.failure.empty()) out.failure = chip.refusal;
  }
  if (!out.failure.empty()) return out;
  double score = measured.scored ? measured.score : -std::numeric_limits<double>::infinity();
  if (goals.limits.soft) score = priced(score, shares_of_limits(measured, goals), goals.limits.exponent);
  out.violation = violation_of(measured, goals);
  const auto append = [&](const std::vector<double>& values) {
    out.objectives.insert(out.objectives.end(), values.begin(), values.end());
  };
  for (const std::string& kind : goals.objectives) {
    if (kind == "score") append({-score});
    if (kind == "latency") append(combined(measured, goals.combine, latency_of));
    if (kind == "dram") append(combined(measured, goals.combine, dram_of));
    if (kind == "macs") append({static_cast<double>(measured.macs)});
    if (kind == "area") append({measured.area_proxy});
    if (kind == "params") append({static_cast<double>(measured.params)});
  }
  return out;
}

double limited_latency(const Measured& measured, Combine combine) {
  const std::vector<double> all =
      combined(measured, combine == Combine::mean ? Combine::mean : Combine::worst, latency_of);
  return all.empty() ? 0 : all.front();
}

}  // namespace npusim::search
