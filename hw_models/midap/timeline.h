// The compiler's own idea of time: a layer's fragments and filters on a simple bus model, to choose between
// divisions of the banks. Rough on purpose: choices, not cycles, must be MidapSim's.
#pragma once

#include <cstdint>
#include <vector>

#include "hw_models/midap/network.h"

namespace npusim::midap {

/// Estimated compute cycles of a layer (0 for sums and products). Source: MidapSim's static estimator.
double estimated_cycles(const Spec& spec, const Network& net, const Layer& layer);

/// One layer's run as the compiler foresees it: loads of fragments and filters, and how long the pipeline
/// waits for them. A copy is a snapshot.
class TimeLine {
 public:
  /// `previous`: the layer that runs before (its last segment hides the first filters), or nullptr.
  TimeLine(const Spec& spec, const Network& net, const Layer& layer, const Layer* previous);

  /// Loads fragments, a bank each; `last`: the last of them ends the map.
  void load(const std::vector<Fragment>& fragments, bool last);
  /// How many of `fragments` to process in one segment, at most `most`, so that the pipeline waits least
  /// (the most of equals); `last`: they end the map.
  [[nodiscard]] std::int64_t best_segment(const std::vector<Fragment>& fragments, std::int64_t most,
                                          bool last) const;
  /// Processes fragments in one segment.
  void process(const std::vector<Fragment>& fragments, bool last);
  /// Cycles the pipeline has waited.
  [[nodiscard]] double waited() const { return waited_; }

 private:
  struct Request {
    double ready = 0;  ///< may take the bus from then on
    double asked = 0;  ///< (filters) cuts into features from then on
    bool feature = false;
    std::int64_t number = 0;
    Fragment fragment;
    std::int64_t filter = 0;
    double cycles = 0;  ///< on the bus, still to go
  };
  struct Valid {
    Fragment fragment;
    double at = 0;
  };
  [[nodiscard]] double latency(double bytes) const;
  void request_filter(double now);
  void advance(double now);
  [[nodiscard]] double filter_delay(double now, std::int64_t filter);
  [[nodiscard]] double fragment_delay(double now, const Fragment& fragment);
  double segment(double now, const std::vector<Fragment>& fragments, bool last);
  [[nodiscard]] std::size_t next_request() const;
  [[nodiscard]] std::size_t next_filter() const;

  const Spec* spec_;
  const Layer* layer_;
  double now_ = 0, waited_ = 0, bus_ = 0;
  double fragment_cycles_ = 0, last_fragment_cycles_ = 0;  ///< on the bus
  double filter_cycles_ = 0, filter_bytes_ = 0;
  double compute_ = 0, last_compute_ = 0;  ///< of a fragment and a filter group
  std::int64_t filter_groups_ = 1, groups_in_all_ = 1;
  std::int64_t filters_asked_ = 0, filters_used_ = 0, numbers_ = 0;
  std::vector<Request> requests_;
  std::vector<Valid> valid_fragments_;
  std::vector<std::pair<std::int64_t, double>> valid_filters_;
};

}  // namespace npusim::midap
