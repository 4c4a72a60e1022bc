#include "nas/search/driver_judge.h"

#include <fmt/format.h>

#include "sim/base/error.h"

namespace npusim::search {

void Judge::score(const std::vector<std::size_t>& networks, std::vector<Seen>& seen,
                  const std::vector<std::unique_ptr<ir::Graph>>& graphs) {
  std::vector<std::size_t> open;
  std::vector<Candidate> candidates;
  for (const std::size_t i : networks) {
    const Seen& one = seen[i];
    if (one.measured.scored || one.refused() || violation_of(one.measured, options_.goals) > 0) continue;
    open.push_back(i);
    if (known_.emplace(one.encoding, Score{}).second) candidates.push_back({one.encoding, graphs[i].get()});
  }
  const std::vector<Score> scores = scores_of(evaluator_, candidates, options_.store, options_.version);
  std::size_t failed = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    known_[candidates[i].encoding] = scores[i];
    failed += scores[i].failure.empty() ? 0 : 1;
  }
  for (const std::size_t i : open) {
    Measured& measured = seen[i].measured;
    const Score& score = known_.at(seen[i].encoding);
    measured.scored = true;
    measured.score = score.value;
    measured.score_failure = score.failure;
  }
  if (!asked_ && failed == scores.size() && failed > 0) {
    throw UserError(fmt::format("--evaluator {}: none of the first {} networks could be judged: {}",
                                evaluator_.name(), failed, scores.front().failure));
  }
  asked_ = asked_ || !scores.empty();
}

namespace {

/// " 2.5 ms, 1e+08 MACs".
std::string limits_text(const Limits& limits) {
  std::string text;
  const auto add = [&](const std::optional<double>& limit, const char* what) {
    if (limit) text += fmt::format("{} {:.6g}{}", text.empty() ? "" : ",", *limit, what);
  };
  add(limits.latency_ms, " ms");
  add(limits.macs, " MACs");
  add(limits.params, " weights");
  add(limits.dram_mb, " MB of DRAM traffic");
  return text;
}

}  // namespace

void complain_of_limits(const space::Space& space, const Goals& goals, const std::vector<Seen>& seen) {
  const Seen* fastest = nullptr;
  std::string failure;
  for (const Seen& one : seen) {
    if (!one.evaluation.failure.empty()) failure = one.evaluation.failure;
    if (!one.simulated() || !one.evaluation.failure.empty()) continue;
    if (fastest == nullptr ||
        limited_latency(one.measured, goals.combine) < limited_latency(fastest->measured, goals.combine)) {
      fastest = &one;
    }
  }
  if (fastest == nullptr) {
    throw UserError(
        fmt::format("none of {} networks of {} could be evaluated: {}", seen.size(), space.name(), failure));
  }
  throw UserError(fmt::format(
      "none of {} networks of {} keeps the limits{}. The fastest of them takes {:.4g} ms ({:.4g} M MACs, "
      "{:.4g} M weights): {}:{}",
      seen.size(), space.name(), limits_text(goals.limits), limited_latency(fastest->measured, goals.combine),
      static_cast<double>(fastest->measured.macs) / 1e6, static_cast<double>(fastest->measured.params) / 1e6,
      space.name(), fastest->encoding));
}

}  // namespace npusim::search
