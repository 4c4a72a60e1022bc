#include "nas/sweep/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "nas/sweep/area.h"
#include "sim/base/error.h"

namespace npusim::sweep {
namespace {

/// Whether a chip has an axis' keys: all or none.
bool applies(const Axis& axis, const NamedChip& chip) {
  std::vector<std::string> missing;
  for (const std::string& key : axis.keys) {
    if (!chip.description.has(key)) missing.push_back(key);
  }
  if (missing.empty()) return true;
  if (missing.size() == axis.keys.size()) return false;
  throw UserError(fmt::format("{} has no key '{}', which shall change together with {}{}", chip.name,
                              missing[0], fmt::join(axis.keys, ", "),
                              suggestion(missing[0], chip.description.keys())));
}

void check_keys(const SweepSpec& spec) {
  std::set<std::string> seen;
  for (const Axis& axis : spec.axes) {
    for (const std::string& key : axis.keys) {
      if (!seen.insert(key).second) throw UserError(fmt::format("'{}' is set twice", key));
    }
    const bool known = std::any_of(spec.chips.begin(), spec.chips.end(),
                                   [&](const NamedChip& chip) { return applies(axis, chip); });
    if (known) continue;
    const std::string& key = axis.keys[0];
    std::vector<std::string> names;
    for (const NamedChip& chip : spec.chips) names.push_back(chip.name);
    throw UserError(fmt::format("--set {}: no such key in {}{}", key, fmt::join(names, ", "),
                                suggestion(key, spec.chips[0].description.keys())));
  }
}

/// The combinations of the axes that apply to a chip, the last axis changing fastest.
std::vector<std::vector<std::size_t>> combinations(const std::vector<Axis>& axes, const NamedChip& chip) {
  std::vector<std::vector<std::size_t>> all{{}};
  for (const Axis& axis : axes) {
    const bool varied = applies(axis, chip);
    const std::size_t points = varied ? axis.points.size() : 1;
    if (all.size() * points > kMostPoints) {
      throw UserError(fmt::format("the sweep has more than {} combinations on {}", kMostPoints, chip.name));
    }
    std::vector<std::vector<std::size_t>> next;
    next.reserve(all.size() * points);
    for (const auto& point : all) {
      for (std::size_t i = 0; i < points; ++i) {
        next.push_back(point);
        next.back().push_back(varied ? i : kNoPoint);
      }
    }
    all = std::move(next);
  }
  return all;
}

std::vector<std::string> overrides_at(const std::vector<Axis>& axes, const std::vector<std::size_t>& point) {
  std::vector<std::string> texts;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    if (point[a] == kNoPoint) continue;
    for (std::size_t k = 0; k < axes[a].keys.size(); ++k) {
      texts.push_back(axes[a].keys[k] + "=" + axes[a].points[point[a]][k]);
    }
  }
  return texts;
}

/// The type of that name; by default the chip's, for a quantised network int8 where the chip has it.
ir::DType dtype_of(const std::string& name, const hw::Npu& npu, const std::string& chip,
                   const ir::Graph& graph) {
  const std::vector<ir::DType> types = npu.dtypes();
  const bool int8 = std::find(types.begin(), types.end(), ir::DType::i8) != types.end();
  if (name.empty()) return int8 && ir::is_quantized(graph) ? ir::DType::i8 : types.front();
  std::vector<std::string> names;
  for (const ir::DType type : types) {
    names.emplace_back(ir::to_string(type));
    if (names.back() == name) return type;
  }
  throw UserError(fmt::format("--dtype: {} computes in {}, not in '{}'", chip, fmt::join(names, ", "), name));
}

/// One chip at every combination, with every network.
void add_chip(const SweepSpec& spec, const NamedChip& chip, Plan& plan) {
  const auto base = std::make_shared<const Config>(chip.description);
  const auto npu = hw::make_npu(*base);
  std::vector<ir::DType> dtypes;
  for (const NamedNetwork& network : spec.networks) {
    dtypes.push_back(dtype_of(spec.dtype, *npu, chip.name, network.graph));
  }
  const auto points = combinations(spec.axes, chip);
  struct Built {
    std::size_t chip = kNoPoint;
    std::string reason;
    double area = 0;
  };
  std::vector<Built> built;
  for (const auto& point : points) {
    jobs::Chip one{base, overrides_at(spec.axes, point), ""};
    Built result;
    try {
      const Config description = one.description();
      result.area = area_proxy(*hw::make_npu(description));
      one.hash = hw::hardware_hash(description);
      result.chip = plan.batch.chips.size();
      plan.batch.chips.push_back(std::move(one));
    } catch (const UserError& error) {
      result.reason = error.what();
      plan.invalid.push_back({fmt::format("{} {}", chip.name, fmt::join(one.overrides, " ")), error.what()});
    }
    built.push_back(std::move(result));
  }
  for (std::size_t n = 0; n < spec.networks.size(); ++n) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      Row row{chip.name, spec.networks[n].name, points[i], {}, built[i].area};
      const bool runs = built[i].chip != kNoPoint;
      if (!runs) row.result = {jobs::Status::invalid, built[i].reason, {}};
      plan.job.push_back(runs ? plan.batch.jobs.size() : kNoPoint);
      if (runs) plan.batch.jobs.push_back({built[i].chip, n, dtypes[n]});
      plan.rows.push_back(std::move(row));
    }
  }
}

}  // namespace

Plan make_plan(SweepSpec spec) {
  check_keys(spec);
  Plan plan;
  for (const NamedChip& chip : spec.chips) add_chip(spec, chip, plan);
  for (NamedNetwork& network : spec.networks) plan.batch.graphs.push_back(std::move(network.graph));
  plan.axes = std::move(spec.axes);
  return plan;
}

void fill(const jobs::BatchResult& results, Plan& plan) {
  for (std::size_t i = 0; i < plan.rows.size(); ++i) {
    if (plan.job[i] != kNoPoint) plan.rows[i].result = results.results[plan.job[i]];
  }
}

}  // namespace npusim::sweep
