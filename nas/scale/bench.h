// Variants of a network, simulated and scored.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nas/jobs/batch.h"
#include "nas/scale/scalable.h"
#include "nas/search/cascade.h"
#include "nas/search/evaluators.h"
#include "nas/search/objectives.h"

namespace npusim::scale {

/// A variant and what is known of it.
struct Variant {
  Extent extent;
  std::string rule;                   ///< how it was scaled: "1.2 1.1 1.15 ^ 0.5"; "" for the network itself
  std::optional<double> estimate_ms;  ///< a sum of blocks' latencies; none where nothing was added up
  search::Measured measured;          ///< of one chip
  bool simulated = false;
  bool scored = false;

  [[nodiscard]] const search::OnChip& on_chip() const { return measured.chips.front(); }
  [[nodiscard]] double latency_ms() const { return on_chip().latency_ms; }
  /// Simulated, and not refused by the chip.
  [[nodiscard]] bool runs() const { return simulated && on_chip().refusal.empty(); }
};

struct BenchOptions {
  search::SearchChip chip;
  std::size_t workers = 1;
  std::string version;  ///< jobs::version_text()
  jobs::Store* store = nullptr;
  std::int64_t divisor = 8;  ///< of channels
  /// What is done to every variant before it is simulated, scored and written.
  std::function<void(ir::Graph&)> finish = [](ir::Graph&) {};
};

/// Builds, simulates and scores variants. The caller must be single-threaded.
class Bench {
 public:
  /// Keeps references.
  Bench(const Scalable& network, search::Evaluator& evaluator, BenchOptions options)
      : network_(network), evaluator_(evaluator), options_(std::move(options)) {}

  [[nodiscard]] const Scalable& network() const { return network_; }
  [[nodiscard]] const BenchOptions& options() const { return options_; }
  [[nodiscard]] ir::Graph build(const Extent& extent) const;

  /// Simulates those that were not yet. A variant that cannot be built or that the chip refuses says why in
  /// OnChip::refusal. Throws UserError when stopped.
  void simulate(const std::vector<Variant*>& variants);
  /// Simulates graphs of the caller's: cycles by graph. Throws UserError for one that the chip refuses.
  std::vector<search::OnChip> simulate(std::vector<ir::Graph> graphs);
  /// Scores those that were not yet.
  void score(const std::vector<Variant*>& variants);

  [[nodiscard]] std::size_t simulations() const { return simulations_; }  ///< different ones
  [[nodiscard]] std::size_t run() const { return run_; }                  ///< of these, not in the store

 private:
  std::vector<jobs::Result> run_all(std::vector<ir::Graph> graphs);

  const Scalable& network_;
  search::Evaluator& evaluator_;
  BenchOptions options_;
  std::size_t simulations_ = 0, run_ = 0;
};

}  // namespace npusim::scale
