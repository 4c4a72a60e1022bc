// A function of genomes that is a sum over parts of the network, as a few table look-ups.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "nas/space/space.h"

namespace npusim::fit {

/// Numbers that add up over a network's blocks (Core's channels) depend on one gene here and its neighbours
/// there, never on all genes together. Which genes act together is found by second differences; their maximal
/// cliques each get a table, and what cliques share is counted once by inclusion and exclusion. Exact, up to
/// rounding, for every function of that shape; a sample of networks checks it.
class GenomeTables {
 public:
  /// Adds the genome's channels to the sums. The genome is any of the space, canonical or not.
  using Function = std::function<void(const space::Genome&, std::span<double>)>;

  /// nullopt when the tables would be too large (more than 4 M numbers) or do not reproduce the function.
  static std::optional<GenomeTables> build(const space::Space& space, std::size_t channels,
                                           const Function& function);

  /// Adds the genome's channels.
  void add(const space::Genome& genome, std::span<double> sums) const {
    for (const Part& part : parts_) {
      std::size_t row = 0;
      for (const Digit& digit : part.digits) row += digit.stride * genome[digit.gene];
      const double* at = values_.data() + part.offset + row;
      for (std::size_t c = 0; c < channels_; ++c) sums[c] += at[c];
    }
  }
  [[nodiscard]] std::size_t parts() const { return parts_.size(); }
  [[nodiscard]] std::size_t numbers() const { return values_.size(); }

 private:
  struct Digit {
    std::size_t gene = 0;
    std::size_t stride = 0;  ///< in values_
  };
  struct Part {
    std::vector<Digit> digits;
    std::size_t offset = 0;
  };
  std::size_t channels_ = 0;
  std::vector<Part> parts_;
  std::vector<double> values_;

  friend class TableBuilder;
};

}  // namespace npusim::fit
