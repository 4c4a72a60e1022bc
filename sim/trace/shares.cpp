#include "sim/trace/shares.h"

#include <algorithm>
#include <utility>

namespace npusim::trace {

namespace {

struct Edge {
  std::int64_t at;
  std::size_t group;
  int change;
};

}  // namespace

std::vector<TimeShare> time_shares(const Report& report, const std::vector<TimeGroup>& groups) {
  std::vector<TimeShare> shares;
  for (const auto& group : groups) shares.push_back({group.name, 0, 0});
  std::vector<Edge> edges;
  std::int64_t first = report.total_cycles;
  for (const Span& span : report.spans) {
    if (span.end <= span.start) continue;
    first = std::min(first, span.start);
    const std::string& engine = report.engines[span.engine].name;
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const TimeGroup& group) {
      return group.holds(engine, report.span_names[span.command]);
    });
    if (found == groups.end()) continue;
    const auto group = static_cast<std::size_t>(found - groups.begin());
    edges.push_back({span.start, group, 1});
    edges.push_back({span.end, group, -1});
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  std::vector<int> working(groups.size(), 0);
  std::int64_t counted = 0;
  for (std::size_t i = 0; i < edges.size();) {
    const std::int64_t at = edges[i].at;
    for (; i < edges.size() && edges[i].at == at; ++i) working[edges[i].group] += edges[i].change;
    if (i == edges.size()) break;
    const std::int64_t cycles = edges[i].at - at;
    bool taken = false;
    for (std::size_t group = 0; group < groups.size(); ++group) {
      if (working[group] == 0) continue;
      shares[group].busy_cycles += cycles;
      if (!std::exchange(taken, true)) shares[group].cycles += cycles;
    }
    if (taken) counted += cycles;
  }
  shares.push_back({"launch", first, first});
  const std::int64_t waiting = report.total_cycles - first - counted;
  shares.push_back({"waiting", waiting, waiting});
  return shares;
}

}  // namespace npusim::trace
