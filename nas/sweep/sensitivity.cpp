// Elasticities: by how many per cent latency changes when a parameter grows by one per cent.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "nas/sweep/table.h"
#include "sim/trace/format.h"

namespace npusim::sweep {
namespace {

constexpr std::size_t kWidth = 100;

/// A positive number, else 0.
double positive(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  return status == std::errc() && stop == end && value > 0 && std::isfinite(value) ? value : 0;
}

/// Latencies along an axis: point to milliseconds.
using Line = std::map<std::size_t, double>;

void add_line(const Axis& axis, const Line& line, Sensitivity& result) {
  double low = 0;
  double high = 0;
  for (auto at = line.begin(); at != line.end(); ++at) {
    low = at == line.begin() ? at->second : std::min(low, at->second);
    high = std::max(high, at->second);
    if (at == line.begin()) continue;
    const auto before = std::prev(at);
    const double a = positive(axis.points[before->first][0]);
    const double b = positive(axis.points[at->first][0]);
    if (a == 0 || b == 0 || a == b) {
      result.elastic = false;
      continue;
    }
    const double slope = std::log(at->second / before->second) / std::log(b / a);
    result.lowest = result.pairs == 0 ? slope : std::min(result.lowest, slope);
    result.highest = result.pairs == 0 ? slope : std::max(result.highest, slope);
    result.elasticity += slope;
    ++result.pairs;
  }
  if (low > 0) result.largest_change = std::max(result.largest_change, high / low - 1);
}

/// Rows of one chip and network: [first, last).
void add_group(const Plan& plan, std::size_t first, std::size_t last, std::vector<Sensitivity>& list) {
  for (std::size_t a = 0; a < plan.axes.size(); ++a) {
    const Axis& axis = plan.axes[a];
    if (axis.points.size() < 2 || plan.rows[first].point[a] == kNoPoint) continue;
    std::map<std::vector<std::size_t>, Line> lines;  // by the other axes' points
    for (std::size_t i = first; i < last; ++i) {
      const Row& row = plan.rows[i];
      if (row.result.status != jobs::Status::ok) continue;
      std::vector<std::size_t> others = row.point;
      others[a] = 0;
      lines[others][row.point[a]] = row.result.summary.latency_ms;
    }
    Sensitivity result;
    result.hw = plan.rows[first].hw;
    result.network = plan.rows[first].network;
    result.axis = fmt::format("{}", fmt::join(axis.keys, ","));
    result.elastic = true;
    for (const auto& [others, line] : lines) add_line(axis, line, result);
    if (result.pairs > 0) result.elasticity /= static_cast<double>(result.pairs);
    result.elastic = result.elastic && result.pairs > 0;
    list.push_back(std::move(result));
  }
}

}  // namespace

std::vector<Sensitivity> sensitivities(const Plan& plan) {
  std::vector<Sensitivity> list;
  for (std::size_t first = 0; first < plan.rows.size();) {
    std::size_t last = first;
    while (last < plan.rows.size() && plan.rows[last].hw == plan.rows[first].hw &&
           plan.rows[last].network == plan.rows[first].network) {
      ++last;
    }
    add_group(plan, first, last, list);
    first = last;
  }
  return list;
}

std::string sensitivity_text(const Plan& plan) {
  using Align = trace::Table::Align;
  const std::vector<Sensitivity> list = sensitivities(plan);
  if (list.empty()) return "";
  trace::Table table({{"parameter", Align::left},
                      {"hw", Align::left, 20},
                      {"network", Align::left, 24},
                      {"elasticity"},
                      {"from"},
                      {"to"},
                      {"latency range"}});
  for (const Sensitivity& one : list) {
    const auto slope = [&](double value) { return one.elastic ? fmt::format("{:+.3f}", value) : "-"; };
    table.row({one.axis, one.hw, one.network, slope(one.elasticity), slope(one.lowest), slope(one.highest),
               fmt::format("{:.1f} %", 100 * one.largest_change)});
  }
  return "Sensitivity of latency: per cent of change for one per cent more of a parameter (mean, least, "
         "most\n"
         "over neighbouring values), and the range of latency that the parameter alone spans.\n" +
         table.text(kWidth);
}

}  // namespace npusim::sweep
