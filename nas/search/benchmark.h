// Benchmarks of search: spaces of which every network's accuracy and latency is known.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nas/search/pareto.h"
#include "nas/space/space.h"

namespace npusim::search {

/// A space with what is true of its networks, by the number that Space::at() gives them.
struct Benchmark {
  std::string name;  ///< "nb201 cifar100 eyeriss"
  std::shared_ptr<const space::Space> space;
  std::vector<double> accuracy;  ///< or a score; to be maximised
  std::vector<double> latency;   ///< NaN: the chip refuses the network
  std::vector<double> macs;      ///< of one image
};

/// The best that can be known of a benchmark. Networks with latency NaN take no part.
struct Truth {
  double limit = 0;          ///< the latency that a share `quantile` of the networks does not exceed
  double best = 0;           ///< the highest accuracy within the limit
  Point reference;           ///< {-accuracy, latency}: the 10 % quantile of accuracy, the largest latency
  std::vector<Point> front;  ///< all of {-accuracy, latency} that nothing dominates
  std::vector<std::size_t> front_networks;  ///< by point of the front the first network there
  double hypervolume = 0;                   ///< of the front, from `reference`
};
/// The value that a share `quantile` of `values` does not exceed; of at least one value.
double quantile_of(std::vector<double> values, double quantile);

/// Throws UserError unless the quantile is above 0 and at most 1 and there are networks.
Truth truth_of(const Benchmark& benchmark, double quantile);

/// What random search without repeats finds on average after `evaluations`, in closed form over all subsets
/// of that size: exactly, but of more than 2,000 different latencies the hypervolume from below on a grid.
/// Where no network within the limit is drawn, the accuracy counts as the lowest there.
struct Expected {
  double regret = 0;       ///< of accuracy within the limit
  double hypervolume = 0;  ///< as a share of the exact one
};
Expected expected_of_random(const Benchmark& benchmark, const Truth& truth, std::size_t evaluations);

/// The regret of taking the network with the most MACs within the limit; the mean over networks that tie.
double regret_of_most_macs(const Benchmark& benchmark, const Truth& truth);

/// The same with accuracies dealt to networks at random: nothing can be learnt of them.
Benchmark shuffled(Benchmark benchmark, std::uint64_t seed);

/// NAS-Bench-201 with its accuracies of `data_set` (cifar10, cifar100, imagenet16) in % and, in ms, published
/// latencies of `device` (eyeriss, fpga, raspi4) or simulated ones of a chip (nb201_simulated()). Throws
/// UserError for other names.
Benchmark nb201_benchmark(const std::string& data_set, const std::string& device);

/// A space of which a CSV file lists every network: "encoding,accuracy,latency_ms", and optionally "macs" (0
/// without), in any order; an empty latency means that the chip refuses the network. Lines that begin with #
/// are comments. Throws UserError naming file and line, or when networks are missing.
Benchmark table_benchmark(std::shared_ptr<const space::Space> space, const std::string& file);

}  // namespace npusim::search
