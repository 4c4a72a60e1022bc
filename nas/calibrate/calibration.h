// A calibration from rows to findings.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nas/calibrate/identify.h"
#include "nas/calibrate/search.h"
#include "nas/calibrate/simulations.h"
#include "nas/fit/errors.h"

namespace npusim::calibrate {

struct Options {
  SearchOptions search;
  std::size_t folds = 5;  ///< of the cross-validation; below 2: none
};

/// Errors of a set of rows.
struct Accuracy {
  fit::Errors errors;
  double median = 0;  ///< of |predicted / measured - 1|
};

struct Calibration {
  Setting start;  ///< the description's own values
  Setting fitted;
  double objective_before = 0, objective_after = 0;
  std::vector<std::size_t> train, test;  ///< rows; rows of weight 0 are in neither
  std::vector<double> before, after;     ///< by row, in the rows' unit
  std::vector<double> crossed;           ///< by row: predicted by the fold that had not seen it; else 0
  std::size_t folds = 0;                 ///< 0: no cross-validation
  bool whole_networks = true;            ///< a fold leaves out networks with all their batches
  Accuracy train_before, train_after;
  std::optional<Accuracy> cross, test_before, test_after;
  Knowledge knowledge;
  std::vector<std::string> warnings;
  Progress spent;
};

/// Fits the problem's free parameters to its rows. Keys that change nothing keep the description's value.
/// Same problem, same options: same result, however batches are run. Throws UserError when the chip as
/// described does not run a row.
Calibration calibrate(const Problem& problem, const Options& options, const RunBatch& run,
                      const std::function<void(const Progress&)>& tell);

}  // namespace npusim::calibrate
