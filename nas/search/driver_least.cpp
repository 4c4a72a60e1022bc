#include "nas/search/driver_least.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>

#include "sim/base/error.h"

namespace npusim::search {
namespace {

constexpr std::size_t kMostNumbers = 4'000'000;

/// A function of some genes' choices; genes[0] changes fastest.
struct Factor {
  std::vector<std::size_t> genes;
  std::vector<double> values;
  [[nodiscard]] bool has(std::size_t gene) const {
    return std::find(genes.begin(), genes.end(), gene) != genes.end();
  }
};

/// The best choice of a gene that is gone, by the choices of the genes it hung together with.
struct Decision {
  std::size_t gene = 0;
  std::vector<std::size_t> genes;
  std::vector<std::uint16_t> best;
};

class Elimination {
 public:
  Elimination(const space::Space& space, const fit::BlockTables& tables, const std::vector<double>& costs)
      : space_(space) {
    for (const fit::BlockTables::Place& place : tables.places()) {
      Factor factor;
      std::size_t rows = 1;
      for (const fit::BlockTables::Digit& digit : place.digits) {
        ensure(digit.stride == rows, "a place's digits in ascending strides");
        factor.genes.push_back(digit.gene);
        rows *= choices(digit.gene);
      }
      for (std::size_t row = 0; row < rows; ++row) {
        const std::uint32_t entry = tables.entry(place, row);
        factor.values.push_back(entry == fit::BlockTables::kNone    ? 0
                                : entry == fit::BlockTables::kNever ? std::numeric_limits<double>::infinity()
                                                                    : costs.at(entry));
      }
      factors_.push_back(std::move(factor));
    }
  }

  /// False when it would take too much memory.
  bool run() {
    std::set<std::size_t> open;
    for (const Factor& factor : factors_) open.insert(factor.genes.begin(), factor.genes.end());
    while (!open.empty()) {
      const auto next = std::min_element(open.begin(), open.end(), [this](std::size_t a, std::size_t b) {
        return size_of(scope_of(a)) < size_of(scope_of(b));
      });
      const std::size_t gene = *next;
      if (size_of(scope_of(gene)) * static_cast<double>(choices(gene)) > static_cast<double>(kMostNumbers)) {
        return false;
      }
      eliminate(gene);
      open.erase(next);
    }
    return true;
  }

  [[nodiscard]] double least() const {
    double sum = 0;
    for (const Factor& factor : factors_) sum += factor.values.front();
    return sum;
  }

  [[nodiscard]] space::Genome genome() const {
    space::Genome genome(space_.genes().size(), 0);
    for (auto decision = decisions_.rbegin(); decision != decisions_.rend(); ++decision) {
      std::size_t row = 0, stride = 1;
      for (const std::size_t gene : decision->genes) {
        row += stride * genome[gene];
        stride *= choices(gene);
      }
      genome[decision->gene] = decision->best[row];
    }
    return genome;
  }

 private:
  [[nodiscard]] std::size_t choices(std::size_t gene) const { return space_.genes()[gene].choices.size(); }

  /// The genes that the gene hangs together with.
  [[nodiscard]] std::vector<std::size_t> scope_of(std::size_t gene) const {
    std::set<std::size_t> scope;
    for (const Factor& factor : factors_) {
      if (factor.has(gene)) scope.insert(factor.genes.begin(), factor.genes.end());
    }
    scope.erase(gene);
    return {scope.begin(), scope.end()};
  }

  [[nodiscard]] double size_of(const std::vector<std::size_t>& genes) const {
    double size = 1;
    for (const std::size_t gene : genes) size *= static_cast<double>(choices(gene));
    return size;
  }

  void eliminate(std::size_t gene) {
    Factor rest{scope_of(gene), {}};
    std::vector<Factor> joined;
    const auto others = std::stable_partition(factors_.begin(), factors_.end(),
                                              [&](const Factor& f) { return !f.has(gene); });
    joined.assign(others, factors_.end());
    factors_.erase(others, factors_.end());
    Decision decision{gene, rest.genes, {}};
    std::vector<std::uint16_t> at(space_.genes().size(), 0);
    const auto rows = static_cast<std::size_t>(size_of(rest.genes));
    for (std::size_t row = 0; row < rows; ++row) {
      std::size_t left = row;
      for (const std::size_t other : rest.genes) {
        at[other] = static_cast<std::uint16_t>(left % choices(other));
        left /= choices(other);
      }
      double least = std::numeric_limits<double>::infinity();
      std::uint16_t best = 0;
      for (std::uint16_t choice = 0; choice < choices(gene); ++choice) {
        at[gene] = choice;
        const double sum = sum_of(joined, at);
        if (sum < least) {
          least = sum;
          best = choice;
        }
      }
      rest.values.push_back(least);
      decision.best.push_back(best);
    }
    factors_.push_back(std::move(rest));
    decisions_.push_back(std::move(decision));
  }

  [[nodiscard]] double sum_of(const std::vector<Factor>& factors,
                              const std::vector<std::uint16_t>& at) const {
    double sum = 0;
    for (const Factor& factor : factors) {
      std::size_t row = 0, stride = 1;
      for (const std::size_t gene : factor.genes) {
        row += stride * at[gene];
        stride *= choices(gene);
      }
      sum += factor.values[row];
    }
    return sum;
  }

  const space::Space& space_;
  std::vector<Factor> factors_;
  std::vector<Decision> decisions_;
};

}  // namespace

std::optional<LeastNetwork> least_network(const space::Space& space, const fit::BlockTables& tables,
                                          const std::vector<double>& costs) {
  ensure(costs.size() == tables.blocks().size(), "a cost for each block");
  Elimination elimination(space, tables, costs);
  if (!elimination.run()) return std::nullopt;
  LeastNetwork least;
  least.bound = elimination.least();
  least.genome = space.canonical(elimination.genome());
  tables.list(least.genome, [&](std::uint32_t block) { least.sum += costs[block]; });
  return least;
}

}  // namespace npusim::search
