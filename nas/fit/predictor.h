// What a search asks: how long will this network of the space take, and how sure is that.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "nas/space/space.h"

namespace npusim::fit {

/// A range that holds the simulated latency of a network with the predictor's coverage.
struct Interval {
  double low_ns = 0;
  double high_ns = 0;
};

/// Predicts the latency of a space's networks on one chip, without simulating. Const members may be called
/// from several threads and give the same number for the same genome, whatever was asked before.
class Predictor {
 public:
  virtual ~Predictor() = default;
  /// "apm", "additive", "ridge", ...
  [[nodiscard]] virtual const std::string& model() const = 0;
  /// hw::hardware_hash() of the chip whose latency it predicts.
  [[nodiscard]] virtual const std::string& hw_hash() const = 0;
  /// Latency of the genome's network, in ns of simulated time. The genome must be one of the space
  /// (Space::check()); it need not be canonical.
  [[nodiscard]] virtual double predict_ns(const space::Genome& genome) const = 0;
  /// The same of many genomes; `out` is as long as `genomes`.
  virtual void predict_ns(std::span<const space::Genome> genomes, std::span<double> out) const {
    for (std::size_t i = 0; i < genomes.size(); ++i) out[i] = predict_ns(genomes[i]);
  }
  /// A range around predict_ns() that held the simulated latency of a share coverage() of networks which the
  /// fit had not seen (split conformal prediction).
  [[nodiscard]] virtual Interval interval_ns(const space::Genome& genome) const = 0;
  /// Nominal coverage of interval_ns(): 0.9.
  [[nodiscard]] virtual double coverage() const = 0;
  /// Whether the genome's network lies outside of what the fit has seen: its prediction is a guess.
  [[nodiscard]] virtual bool outside_domain(const space::Genome& genome) const = 0;
};

}  // namespace npusim::fit
