#include "nas/table/additive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/base/error.h"

namespace npusim::table {
namespace {

/// 1-based ranks; equal values share the mean of theirs.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t from = 0; from < order.size();) {
    std::size_t to = from;
    while (to < order.size() && values[order[to]] == values[order[from]]) ++to;
    for (std::size_t i = from; i < to; ++i) result[order[i]] = static_cast<double>(from + to + 1) / 2;
    from = to;
  }
  return result;
}

}  // namespace

AdditiveModel::AdditiveModel(const Table& table, Context context)
    : context_(context), fixed_(table.fixed_cycles), ns_per_cycle_(table.to_ns(1)) {
  for (const Row& row : table.rows) {
    if (row.context != context || !row.refusal.empty()) continue;
    if (index_.emplace(row.block, static_cast<std::uint32_t>(rows_.size())).second) {
      rows_.push_back(row.cycles);
    }
  }
  if (rows_.empty()) {
    throw UserError(fmt::format("the table has no row that was measured {}", to_string(context)));
  }
}

std::optional<std::uint32_t> AdditiveModel::index(const std::string& block) const {
  const auto found = index_.find(block);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

double AdditiveModel::cycles(const std::vector<std::string>& blocks) const {
  double sum = fixed_;
  for (const std::string& block : blocks) {
    const auto row = index(block);
    if (!row) {
      std::vector<std::string> names;
      for (const auto& entry : index_) names.push_back(entry.first);
      std::sort(names.begin(), names.end());
      throw UserError(fmt::format("the table has no row for block '{}'{}", block, suggestion(block, names)));
    }
    sum += rows_[*row];
  }
  return sum;
}

double AdditiveModel::latency_ns(const space::Space& space, const space::Genome& genome) const {
  std::vector<std::string> names;
  for (space::Block& block : space.blocks(genome)) names.push_back(std::move(block.name));
  return ns(cycles(names));
}

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  const std::vector<double> x = ranks(a);
  const std::vector<double> y = ranks(b);
  const double mean = static_cast<double>(x.size() + 1) / 2;
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx == 0 || yy == 0 ? 0 : xy / std::sqrt(xx * yy);
}

std::optional<ErrorBar> error_bar(const AdditiveModel& model, const std::vector<Simulated>& networks) {
  ErrorBar bar;
  std::vector<double> sums;
  std::vector<double> simulated;
  for (const Simulated& network : networks) {
    const bool known = std::all_of(network.blocks.begin(), network.blocks.end(),
                                   [&](const std::string& block) { return model.index(block).has_value(); });
    if (!known) continue;
    sums.push_back(model.cycles(network.blocks));
    simulated.push_back(network.cycles);
    const double error = 100 * (sums.back() - network.cycles) / network.cycles;
    bar.mape += std::abs(error);
    bar.bias += error;
    if (std::abs(error) <= std::abs(bar.worst) && !bar.worst_at.empty()) continue;
    bar.worst = error;
    bar.worst_at = network.name;
  }
  if (sums.empty()) return std::nullopt;
  bar.networks = sums.size();
  bar.mape /= static_cast<double>(sums.size());
  bar.bias /= static_cast<double>(sums.size());
  bar.spearman = spearman(sums, simulated);
  return bar;
}

}  // namespace npusim::table
