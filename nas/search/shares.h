// What the best networks of a benchmark are made of: how often each kind of choice stands where.
#pragma once

#include <string>
#include <vector>

#include "nas/search/benchmark.h"

namespace npusim::search {

/// One kind of choice of one gene. Each share is of networks in which the gene has a say; 0 to 1.
struct Share {
  std::string gene;
  std::string kind;           ///< as in kind_of()
  double space = 0;           ///< of all networks that the chip runs
  double front = 0;           ///< of the exact front's
  std::vector<double> limit;  ///< by limit of kLimitQuantiles, of the kBest most accurate within it
};

/// Latency limits of Share::limit, as quantiles of latency.
inline constexpr double kLimitQuantiles[] = {0.1, 0.3, 0.6};
inline constexpr std::size_t kBest = 100;

/// Choices of a gene that differ in numbers only are of one kind, where a gene has more than 8: "k3e2" is
/// "k".
std::string kind_of(const space::Gene& gene, std::size_t choice);

/// By gene and kind, in the order of genes and choices.
std::vector<Share> shares_of(const Benchmark& benchmark, const Truth& truth);

/// A table for people, a row a gene and kind, in per cent.
std::string text_of(const std::vector<Share>& shares);

}  // namespace npusim::search
