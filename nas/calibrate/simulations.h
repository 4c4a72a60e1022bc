// Latencies of all measured rows at settings of the free parameters, each setting simulated once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nas/calibrate/parameter.h"
#include "nas/calibrate/rows.h"
#include "nas/jobs/batch.h"
#include "workloads/ir/graph.h"

namespace npusim::calibrate {

/// What is simulated for a row; rows may share it.
struct Target {
  std::size_t graph = 0;  ///< in Problem::graphs
  ir::DType dtype = ir::DType::f16;
  auto operator<=>(const Target&) const = default;
};

/// A calibration to be done.
struct Problem {
  Config description;  ///< with what the user has --set
  std::vector<Parameter> free;
  Measured measured;
  std::vector<ir::Graph> graphs;
  std::vector<Target> targets;  ///< by row
};

/// Values of the free parameters, in their order, as --set takes them.
using Setting = std::vector<std::string>;

struct Prediction {
  std::string refused;          ///< why the chip cannot be built, or not run a row; "" when it can
  std::vector<double> latency;  ///< by row, in the rows' unit; empty when refused
};

/// Runs a batch, wherever.
using RunBatch = std::function<jobs::BatchResult(const jobs::Batch&)>;

/// How far a calibration has come.
struct Progress {
  std::string stage;            ///< "search 1 of 2"
  std::size_t settings = 0;     ///< different ones
  std::size_t simulations = 0;  ///< of these, over all distinct networks
};

class Simulations {
 public:
  /// `problem` must outlive it.
  Simulations(const Problem& problem, RunBatch run, std::function<void(const Progress&)> tell);
  /// Simulates what has not been, all in one batch. Throws UserError when stopped, InternalError when npusim
  /// failed.
  void prepare(const std::vector<Setting>& settings);
  const Prediction& at(const Setting& setting);
  /// The description with a setting.
  [[nodiscard]] Config description(const Setting& setting) const;
  /// Names what follows, in Progress.
  void stage(const std::string& name) { progress_.stage = name; }
  [[nodiscard]] const Progress& progress() const { return progress_; }
  [[nodiscard]] const Problem& problem() const { return problem_; }

 private:
  void add_jobs(const Setting& setting);
  Prediction read(const jobs::BatchResult& results, std::size_t first_job) const;

  const Problem& problem_;
  RunBatch run_;
  std::function<void(const Progress&)> tell_;
  std::shared_ptr<const Config> base_;
  std::vector<Target> distinct_;
  std::vector<std::size_t> place_;  ///< by row, in distinct_
  jobs::Batch batch_;               ///< graphs are those of the problem
  std::map<Setting, Prediction> known_;
  Progress progress_;
};

}  // namespace npusim::calibrate
