#include "nas/calibrate/simulations.h"

#include <fmt/format.h>

#include <algorithm>

#include "hw_models/api/npu.h"
#include "sim/base/error.h"

namespace npusim::calibrate {

Simulations::Simulations(const Problem& problem, RunBatch run, std::function<void(const Progress&)> tell)
    : problem_(problem),
      run_(std::move(run)),
      tell_(std::move(tell)),
      base_(std::make_shared<const Config>(problem.description)) {
  ensure(problem.targets.size() == problem.measured.rows.size(), "a target for each row");
  for (const Target& target : problem.targets) {
    const auto found = std::find(distinct_.begin(), distinct_.end(), target);
    place_.push_back(static_cast<std::size_t>(found - distinct_.begin()));
    if (found == distinct_.end()) distinct_.push_back(target);
  }
  batch_.graphs = problem.graphs;
}

Config Simulations::description(const Setting& setting) const {
  Config config = problem_.description;
  for (std::size_t i = 0; i < setting.size(); ++i) {
    const Parameter& one = problem_.free[i];
    // A value that stays keeps where it comes from.
    if (setting[i] != config.raw(one.key())) config.set(one.key() + "=" + setting[i]);
  }
  return config;
}

/// Throws UserError when the chip cannot be built.
void Simulations::add_jobs(const Setting& setting) {
  jobs::Chip chip{base_, {}, ""};
  for (std::size_t i = 0; i < setting.size(); ++i) {
    chip.overrides.push_back(problem_.free[i].key() + "=" + setting[i]);
  }
  const Config config = chip.description();
  hw::make_npu(config);
  chip.hash = hw::hardware_hash(config);
  for (const Target& target : distinct_) {
    batch_.jobs.push_back({batch_.chips.size(), target.graph, target.dtype});
  }
  batch_.chips.push_back(std::move(chip));
}

Prediction Simulations::read(const jobs::BatchResult& results, std::size_t first_job) const {
  Prediction prediction;
  for (std::size_t i = 0; i < place_.size(); ++i) {
    const jobs::Result& result = results.results[first_job + place_[i]];
    const Row& row = problem_.measured.rows[i];
    const std::string where = fmt::format("{}:{}: {}", problem_.measured.file, row.line, result.message);
    if (result.status == jobs::Status::failed) throw InternalError(where);
    if (result.status == jobs::Status::invalid) return {where, {}};
    ensure(result.status == jobs::Status::ok, "a batch that was not stopped is complete");
    prediction.latency.push_back(latency_in(problem_.measured.unit, result.summary));
  }
  return prediction;
}

void Simulations::prepare(const std::vector<Setting>& settings) {
  batch_.chips.clear();
  batch_.jobs.clear();
  std::vector<std::pair<Setting, std::size_t>> open;  // with its first job
  for (const Setting& setting : settings) {
    if (known_.count(setting) != 0) continue;
    known_[setting] = {"not simulated", {}};
    ++progress_.settings;
    try {
      const std::size_t first = batch_.jobs.size();
      add_jobs(setting);
      open.emplace_back(setting, first);
    } catch (const UserError& error) {
      known_[setting].refused = error.what();
    }
  }
  if (open.empty()) return;
  const jobs::BatchResult results = run_(batch_);
  if (results.stopped)
    throw UserError("stopped; what is in the store is reused when the command is repeated");
  for (const auto& [setting, first] : open) known_[setting] = read(results, first);
  progress_.simulations += batch_.jobs.size();
  tell_(progress_);
}

const Prediction& Simulations::at(const Setting& setting) {
  prepare({setting});
  return known_.at(setting);
}

}  // namespace npusim::calibrate
