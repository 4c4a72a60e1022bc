#include "nas/scale/result.h"

#include <fmt/format.h>

#include <algorithm>

#include "nas/search/pareto.h"
#include "sim/base/error.h"

namespace npusim::scale {
namespace {

[[noreturn]] void complain(const Scaled& scaled, const Bench& bench, double latency_ms) {
  const Variant* fastest = nullptr;
  for (const Variant& one : scaled.variants) {
    if (one.runs() && (fastest == nullptr || one.latency_ms() < fastest->latency_ms())) fastest = &one;
  }
  const std::string& chip = bench.options().chip.name;
  if (fastest == nullptr) {
    throw UserError(fmt::format("{} cannot run {} at any of the {} extents tried: {}", chip,
                                bench.network().name(), scaled.variants.size(),
                                scaled.variants.front().on_chip().refusal));
  }
  throw UserError(fmt::format(
      "no variant of {} takes {:.6g} ms or less on {}. The fastest of the {} tried takes {:.4g} ms ({:.4g} M "
      "MACs, {:.4g} M weights): {}",
      bench.network().name(), latency_ms, chip, scaled.variants.size(), fastest->latency_ms(),
      static_cast<double>(fastest->measured.macs) / 1e6, static_cast<double>(fastest->measured.params) / 1e6,
      to_string(fastest->extent)));
}

void note_refusals(Scaled& scaled, const Bench& bench) {
  const auto refused = [](const Variant& one) { return !one.runs(); };
  const auto first = std::find_if(scaled.variants.begin(), scaled.variants.end(), refused);
  if (first == scaled.variants.end()) return;
  scaled.notes.push_back(
      fmt::format("{} of the variants could not be built or were refused by {}, such as {}: {}",
                  std::count_if(scaled.variants.begin(), scaled.variants.end(), refused),
                  bench.options().chip.name, to_string(first->extent), first->on_chip().refusal));
}

}  // namespace

void settle(Scaled& scaled, const Bench& bench, double latency_ms) {
  std::vector<std::size_t> within;
  std::vector<search::Point> points;
  std::string failure;
  bool meets = false;
  for (std::size_t i = 0; i < scaled.variants.size(); ++i) {
    const Variant& one = scaled.variants[i];
    if (!one.runs() || one.latency_ms() > latency_ms) continue;
    meets = true;
    if (!one.scored) continue;
    if (!one.measured.score_failure.empty()) {
      if (failure.empty()) failure = one.measured.score_failure;
      continue;
    }
    within.push_back(i);
    points.push_back({one.latency_ms(), -one.measured.score});
  }
  if (!meets) complain(scaled, bench, latency_ms);
  note_refusals(scaled, bench);
  if (within.empty()) throw UserError("none of the variants within the target could be judged: " + failure);
  scaled.front.clear();
  for (const std::size_t p : search::nondominated(points)) scaled.front.push_back(within[p]);
  std::sort(scaled.front.begin(), scaled.front.end(), [&](std::size_t a, std::size_t b) {
    return scaled.variants[a].measured.score > scaled.variants[b].measured.score;
  });
}

}  // namespace npusim::scale
