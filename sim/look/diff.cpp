#include "sim/look/diff.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <sstream>

#include "sim/base/error.h"

namespace npusim::look {
namespace {

using Parts = std::array<std::int64_t, kCauses>;
using Pair = std::pair<std::optional<std::size_t>, std::optional<std::size_t>>;

/// `whole` in the proportions of a layer's own engine's states, by largest remainders: adds up exactly. An
/// engine that has no state at all was idle.
Parts split(const trace::LayerReport& layer, std::int64_t whole) {
  std::array<std::int64_t, kCauses> weights{};
  weights[kBusy] = layer.busy_cycles;
  for (std::size_t r = 0; r < trace::kStallReasons; ++r) weights.at(1 + r) = layer.stalls.by_reason.at(r);
  const std::int64_t sum = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  Parts parts{};
  if (sum == 0) {
    parts.at(1 + static_cast<std::size_t>(trace::Stall::idle)) = whole;
    return parts;
  }
  std::vector<std::pair<long double, std::size_t>> remainders;
  std::int64_t left = whole;
  for (std::size_t i = 0; i < kCauses; ++i) {
    const long double exact = static_cast<long double>(whole) * static_cast<long double>(weights.at(i)) /
                              static_cast<long double>(sum);
    parts.at(i) = static_cast<std::int64_t>(exact);
    left -= parts.at(i);
    if (weights.at(i) > 0) remainders.emplace_back(static_cast<long double>(parts.at(i)) - exact, i);
  }
  std::stable_sort(remainders.begin(), remainders.end());
  for (std::size_t i = 0; left > 0; i = (i + 1) % remainders.size(), --left) ++parts.at(remainders[i].second);
  return parts;
}

/// Times of a run's cycles in the diff's unit.
class Clock {
 public:
  Clock(const trace::Report& report, bool in_cycles) : mhz_(report.clock_mhz), in_cycles_(in_cycles) {}
  [[nodiscard]] std::int64_t at(std::int64_t cycle) const {
    return in_cycles_ ? cycle : std::llround(static_cast<double>(cycle) * 1e6 / mhz_);
  }
  [[nodiscard]] std::int64_t of(const trace::LayerReport& layer) const {
    return at(layer.end_cycle) - at(layer.start_cycle);
  }

 private:
  double mhz_;
  bool in_cycles_;
};

/// Pairs of equal names in order (longest common subsequence), the others alone, all in order.
std::vector<Pair> align(const std::vector<trace::LayerReport>& a, const std::vector<trace::LayerReport>& b) {
  std::size_t head = 0;
  while (head < std::min(a.size(), b.size()) && a[head].name == b[head].name) ++head;
  std::size_t tail = 0;
  while (tail < std::min(a.size(), b.size()) - head &&
         a[a.size() - 1 - tail].name == b[b.size() - 1 - tail].name)
    ++tail;
  const std::size_t n = a.size() - head - tail;
  const std::size_t m = b.size() - head - tail;
  // length[i][j]: of what is common from a[head + i] and b[head + j] on.
  std::vector<std::uint32_t> length((n + 1) * (m + 1), 0);
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return length[i * (m + 1) + j]; };
  const auto equal = [&](std::size_t i, std::size_t j) { return a[head + i].name == b[head + j].name; };
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t j = m; j-- > 0;) {
      at(i, j) = equal(i, j) ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    }
  }
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < head; ++i) pairs.emplace_back(i, i);
  for (std::size_t i = 0, j = 0; i < n || j < m;) {
    if (i < n && j < m && equal(i, j)) {
      pairs.emplace_back(head + i++, head + j++);
    } else if (j == m || (i < n && at(i + 1, j) >= at(i, j + 1))) {
      pairs.emplace_back(head + i++, std::nullopt);
    } else {
      pairs.emplace_back(std::nullopt, head + j++);
    }
  }
  for (std::size_t i = 0; i < tail; ++i) pairs.emplace_back(head + n + i, head + m + i);
  return pairs;
}

std::map<std::string, std::string> keys_of(const std::string& hardware) {
  std::map<std::string, std::string> keys;
  std::istringstream lines(hardware);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) keys[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return keys;
}

/// What was asked for differently. Of two chips, not every key of theirs.
std::vector<std::string> settings_of(const trace::Report& a, const trace::Report& b) {
  std::vector<std::string> list;
  const auto compare = [&](const std::string& what, const std::string& before, const std::string& after) {
    if (before != after)
      list.push_back(what + ": " + (before.empty() ? "-" : before) + ", " + (after.empty() ? "-" : after));
  };
  compare("hw", a.hw, b.hw);
  compare("network", a.network, b.network);
  compare("batch", std::to_string(a.batch), std::to_string(b.batch));
  compare("dtype", a.dtype, b.dtype);
  if (a.hw != b.hw) return list;
  std::map<std::string, std::string> before = keys_of(a.hardware);
  std::map<std::string, std::string> all = keys_of(b.hardware);
  for (auto& [key, value] : all) {
    compare(key, before[key], value);
    before.erase(key);
  }
  for (const auto& [key, value] : before) compare(key, value, "");
  return list;
}

}  // namespace

std::string cause_name(std::size_t cause) {
  if (cause == kBusy) return "busy";
  if (cause == kOnlyBefore) return "only in the first";
  if (cause == kOnlyAfter) return "only in the second";
  return std::string(to_string(static_cast<trace::Stall>(cause - 1)));
}

double Diff::percent() const { return before_ms > 0 ? 100 * (after_ms / before_ms - 1) : 0; }

std::vector<std::size_t> Diff::ranked() const {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < kCauses; ++i) {
    if (causes.at(i) != 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return std::abs(causes.at(a)) > std::abs(causes.at(b));
  });
  return order;
}

Diff diff_of(const trace::Report& before, const trace::Report& after) {
  Diff diff;
  diff.in_cycles = before.clock_mhz == after.clock_mhz;
  const Clock old_clock(before, diff.in_cycles);
  const Clock new_clock(after, diff.in_cycles);
  diff.before_ms = before.latency_ms();
  diff.after_ms = after.latency_ms();
  diff.before_time = old_clock.at(before.total_cycles);
  diff.after_time = new_clock.at(after.total_cycles);
  diff.settings = settings_of(before, after);
  for (const auto& [i, j] : align(before.layers, after.layers)) {
    LayerDiff one;
    one.before = i;
    one.after = j;
    one.name = i ? before.layers[*i].name : after.layers[*j].name;
    if (i) one.before_time = old_clock.of(before.layers[*i]);
    if (j) one.after_time = new_clock.of(after.layers[*j]);
    if (i && j) {
      one.causes = split(after.layers[*j], one.after_time);
      const Parts old_parts = split(before.layers[*i], one.before_time);
      for (std::size_t c = 0; c < kCauses; ++c) one.causes.at(c) -= old_parts.at(c);
    } else {
      one.causes.at(i ? kOnlyBefore : kOnlyAfter) = one.difference();
    }
    for (std::size_t c = 0; c < kCauses; ++c) diff.causes.at(c) += one.causes.at(c);
    diff.layers.push_back(std::move(one));
  }
  ensure(std::accumulate(diff.causes.begin(), diff.causes.end(), std::int64_t{0}) == diff.difference(),
         "the causes add up to the difference");
  return diff;
}

bool within(const Diff& diff, double tolerance_percent) {
  return std::abs(diff.percent()) <= tolerance_percent;
}

}  // namespace npusim::look
