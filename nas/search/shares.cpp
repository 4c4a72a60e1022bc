#include "nas/search/shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>

#include "sim/base/error.h"

namespace npusim::search {

namespace {

constexpr std::size_t kFewChoices = 8;

/// By gene and kind, how many of the networks have it.
class Counts {
 public:
  explicit Counts(const Benchmark& benchmark) : benchmark_(benchmark) {
    for (const space::Gene& gene : benchmark.space->genes()) {
      std::vector<std::string> names;
      std::vector<std::size_t> kinds;
      for (std::size_t c = 0; c < gene.choices.size(); ++c) {
        const std::string kind = kind_of(gene, c);
        const auto at = std::find(names.begin(), names.end(), kind);
        kinds.push_back(static_cast<std::size_t>(at - names.begin()));
        if (at == names.end()) names.push_back(kind);
      }
      names_.push_back(std::move(names));
      kinds_.push_back(std::move(kinds));
    }
  }

  [[nodiscard]] const std::vector<std::string>& names(std::size_t gene) const { return names_[gene]; }

  /// By gene and kind the share of the networks of these numbers.
  [[nodiscard]] std::vector<std::vector<double>> shares(const std::vector<std::size_t>& networks) const {
    std::vector<std::vector<double>> shares;
    for (const std::vector<std::string>& kinds : names_) shares.emplace_back(kinds.size(), 0.0);
    std::vector<double> totals(names_.size(), 0);
    for (const std::size_t i : networks) {
      const std::optional<space::Genome> genome = benchmark_.space->at(i);
      ensure(genome.has_value(), "a benchmark has no more networks than its space");
      const std::vector<bool> active = benchmark_.space->active(*genome);
      for (std::size_t g = 0; g < names_.size(); ++g) {
        if (!active[g]) continue;
        ++shares[g][kinds_[g][(*genome)[g]]];
        ++totals[g];
      }
    }
    for (std::size_t g = 0; g < names_.size(); ++g) {
      for (double& share : shares[g]) share /= std::max(totals[g], 1.0);
    }
    return shares;
  }

 private:
  const Benchmark& benchmark_;
  std::vector<std::vector<std::string>> names_;  ///< by gene
  std::vector<std::vector<std::size_t>> kinds_;  ///< by gene and choice, index in names_
};

}  // namespace

std::string kind_of(const space::Gene& gene, std::size_t choice) {
  const std::string& name = gene.choices.at(choice);
  if (gene.choices.size() <= kFewChoices) return name;
  const auto digit = std::find_if(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); });
  return digit == name.begin() ? name : std::string(name.begin(), digit);
}

std::vector<Share> shares_of(const Benchmark& benchmark, const Truth& truth) {
  std::vector<std::size_t> ranked(benchmark.latency.size());
  std::iota(ranked.begin(), ranked.end(), std::size_t{0});
  std::erase_if(ranked, [&](std::size_t i) { return std::isnan(benchmark.latency[i]); });
  const Counts counts(benchmark);
  std::vector<std::vector<std::vector<double>>> shares{counts.shares(ranked),
                                                       counts.shares(truth.front_networks)};
  std::vector<double> latencies;
  for (const std::size_t i : ranked) latencies.push_back(benchmark.latency[i]);
  std::stable_sort(ranked.begin(), ranked.end(), [&](std::size_t a, std::size_t b) {
    return benchmark.accuracy[a] > benchmark.accuracy[b];
  });
  for (const double quantile : kLimitQuantiles) {
    const double limit = quantile_of(latencies, quantile);
    std::vector<std::size_t> best;
    for (const std::size_t i : ranked) {
      if (benchmark.latency[i] <= limit) best.push_back(i);
      if (best.size() == kBest) break;
    }
    shares.push_back(counts.shares(best));
  }
  std::vector<Share> all;
  const std::vector<space::Gene>& genes = benchmark.space->genes();
  for (std::size_t g = 0; g < genes.size(); ++g) {
    for (std::size_t k = 0; k < counts.names(g).size(); ++k) {
      Share share{genes[g].name, counts.names(g)[k], shares[0][g][k], shares[1][g][k], {}};
      for (std::size_t s = 2; s < shares.size(); ++s) share.limit.push_back(shares[s][g][k]);
      all.push_back(std::move(share));
    }
  }
  return all;
}

std::string text_of(const std::vector<Share>& shares) {
  std::string text =
      fmt::format("  {:<16} {:<14} {:>7} {:>7}   {}\n  {:<16} {:<14} {:>7} {:>7}", "", "", "of all", "of the",
                  fmt::format("of the best {} within quantiles of latency", kBest), "choices of", "kind",
                  "in %", "front");
  for (const double quantile : kLimitQuantiles) text += fmt::format(" {:>7}", quantile);
  text += "\n";
  for (const Share& share : shares) {
    text += fmt::format("  {:<16} {:<14} {:>7.0f} {:>7.0f}", share.gene, share.kind, 100 * share.space,
                        100 * share.front);
    for (const double limit : share.limit) text += fmt::format(" {:>7.0f}", 100 * limit);
    text += "\n";
  }
  return text;
}

}  // namespace npusim::search
