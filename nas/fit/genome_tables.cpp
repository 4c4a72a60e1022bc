#include "nas/fit/genome_tables.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "sim/base/rng.h"

namespace npusim::fit {

namespace {

using space::Genome;
using Set = std::vector<std::size_t>;  ///< of genes, ascending

constexpr int kTrials = 24;
constexpr int kSamples = 200;
constexpr std::size_t kMostNumbers = 4'000'000;
constexpr std::size_t kMostSets = 4096;
constexpr double kEqual = 1e-9;  ///< relative

Set intersection(const Set& a, const Set& b) {
  Set both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

/// Maximal cliques (Bron & Kerbosch 1973, with a pivot).
class Cliques {
 public:
  explicit Cliques(const std::vector<std::vector<bool>>& adjacent) : adjacent_(adjacent) {}
  void expand(const Set& clique, Set candidates, Set excluded) {
    if (candidates.empty() && excluded.empty()) found.push_back(clique);
    if (candidates.empty()) return;
    const std::size_t pivot = candidates.front();
    const Set all = candidates;
    for (const std::size_t v : all) {
      if (adjacent_[pivot][v]) continue;
      Set larger = clique;
      larger.insert(std::lower_bound(larger.begin(), larger.end(), v), v);
      expand(larger, neighbours(candidates, v), neighbours(excluded, v));
      std::erase(candidates, v);
      excluded.push_back(v);
    }
  }
  std::vector<Set> found;

 private:
  [[nodiscard]] Set neighbours(const Set& set, std::size_t v) const {
    Set near;
    for (const std::size_t u : set) {
      if (adjacent_[u][v]) near.push_back(u);
    }
    return near;
  }
  const std::vector<std::vector<bool>>& adjacent_;
};

}  // namespace

class TableBuilder {
 public:
  TableBuilder(const space::Space& space, std::size_t channels, const GenomeTables::Function& function)
      : space_(space), channels_(channels), function_(function) {}

  std::optional<GenomeTables> build() {
    find_interactions();
    Cliques cliques(adjacent_);
    Set all;
    for (std::size_t g = 0; g < space_.genes().size(); ++g) {
      if (choices(g) > 1) all.push_back(g);
    }
    cliques.expand({}, all, {});
    if (!lay_out(cliques.found) || !count_shared(cliques.found)) return std::nullopt;
    fill(cliques.found);
    if (!reproduces()) return std::nullopt;
    return std::move(tables_);
  }

 private:
  using Values = std::vector<double>;

  [[nodiscard]] std::size_t choices(std::size_t gene) const { return space_.genes()[gene].choices.size(); }

  [[nodiscard]] Values value(const Genome& genome) const {
    Values sums(channels_, 0);
    function_(genome, sums);
    return sums;
  }

  Genome random_genome(Rng& rng) const {
    Genome genome;
    for (std::size_t g = 0; g < space_.genes().size(); ++g) {
      genome.push_back(static_cast<std::uint16_t>(rng.uniform(0, static_cast<std::int64_t>(choices(g)) - 1)));
    }
    return genome;
  }

  /// Two genes act together where changing both is not changing the one plus changing the other.
  void find_interactions() {
    const std::size_t n = space_.genes().size();
    adjacent_.assign(n, std::vector<bool>(n, false));
    Rng rng(1);
    for (int trial = 0; trial < kTrials; ++trial) {
      const Genome base = random_genome(rng);
      const Genome other = random_genome(rng);
      const Values here = value(base);
      std::vector<Values> changed(n);
      const auto mixed = [&](std::size_t g, std::size_t h) {
        Genome genome = base;
        genome[g] = other[g];
        genome[h] = other[h];
        return genome;
      };
      for (std::size_t g = 0; g < n; ++g) changed[g] = value(mixed(g, g));
      for (std::size_t g = 0; g < n; ++g) {
        for (std::size_t h = 0; h < g; ++h) {
          if (adjacent_[g][h] || base[g] == other[g] || base[h] == other[h]) continue;
          const Values both = value(mixed(g, h));
          for (std::size_t c = 0; c < channels_; ++c) {
            const double second = both[c] - changed[g][c] - changed[h][c] + here[c];
            if (std::abs(second) > kEqual * std::abs(here[c])) adjacent_[g][h] = adjacent_[h][g] = true;
          }
        }
      }
    }
  }

  /// A table for each clique; false when they are too large.
  bool lay_out(const std::vector<Set>& cliques) {
    tables_.channels_ = channels_;
    std::size_t offset = 0;
    for (const Set& clique : cliques) {
      GenomeTables::Part part{{}, offset};
      std::size_t stride = channels_;
      for (const std::size_t gene : clique) {
        part.digits.push_back({gene, stride});
        stride *= choices(gene);
        if (offset + stride > kMostNumbers) return false;
      }
      offset += stride;
      tables_.parts_.push_back(std::move(part));
    }
    tables_.values_.assign(offset, 0);
    return true;
  }

  /// How often each intersection of cliques must be added so that everything counts once; false when there
  /// are too many.
  bool count_shared(const std::vector<Set>& cliques) {
    std::set<Set> sets(cliques.begin(), cliques.end());
    std::vector<Set> fresh = cliques;
    while (!fresh.empty()) {
      std::vector<Set> found;
      for (const Set& one : fresh) {
        for (const Set& clique : cliques) {
          Set both = intersection(one, clique);
          if (sets.insert(both).second) found.push_back(std::move(both));
        }
      }
      if (sets.size() > kMostSets) return false;
      fresh = std::move(found);
    }
    std::vector<Set> largest_first(sets.begin(), sets.end());
    std::stable_sort(largest_first.begin(), largest_first.end(),
                     [](const Set& a, const Set& b) { return a.size() > b.size(); });
    for (const Set& set : largest_first) {
      int count = 1;
      for (const auto& [larger, times] : counts_) {
        if (larger.size() > set.size() &&
            std::includes(larger.begin(), larger.end(), set.begin(), set.end())) {
          count -= times;
        }
      }
      counts_[set] = count;
    }
    return true;
  }

  /// Every set's values go to the first clique that holds it.
  void fill(const std::vector<Set>& cliques) {
    for (const auto& [set, count] : counts_) {
      if (count == 0) continue;
      std::size_t home = 0;
      while (!std::includes(cliques[home].begin(), cliques[home].end(), set.begin(), set.end())) ++home;
      std::map<Set, Values> known;  // by the set's choices
      std::size_t rows = 1;
      for (const std::size_t gene : cliques[home]) rows *= choices(gene);
      for (std::size_t row = 0; row < rows; ++row) {
        Genome genome(space_.genes().size(), 0);
        Set key;
        std::size_t rest = row;
        for (const std::size_t gene : cliques[home]) {
          const std::size_t choice = rest % choices(gene);
          rest /= choices(gene);
          if (!std::binary_search(set.begin(), set.end(), gene)) continue;
          genome[gene] = static_cast<std::uint16_t>(choice);
          key.push_back(choice);
        }
        auto at = known.find(key);
        if (at == known.end()) at = known.emplace(std::move(key), value(genome)).first;
        double* out = &tables_.values_[tables_.parts_[home].offset + row * channels_];
        for (std::size_t c = 0; c < channels_; ++c) out[c] += count * at->second[c];
      }
    }
  }

  [[nodiscard]] bool reproduces() const {
    Rng rng(2);
    for (int i = 0; i < kSamples; ++i) {
      const Genome genome = i % 2 == 0 ? space_.sample(rng) : random_genome(rng);
      const Values expected = value(genome);
      Values sums(channels_, 0);
      tables_.add(genome, sums);
      for (std::size_t c = 0; c < channels_; ++c) {
        if (std::abs(sums[c] - expected[c]) > 1e3 * kEqual * std::max(1.0, std::abs(expected[c])))
          return false;
      }
    }
    return true;
  }

  const space::Space& space_;
  std::size_t channels_;
  const GenomeTables::Function& function_;
  std::vector<std::vector<bool>> adjacent_;
  std::map<Set, int> counts_;
  GenomeTables tables_;
};

std::optional<GenomeTables> GenomeTables::build(const space::Space& space, std::size_t channels,
                                                const Function& function) {
  return TableBuilder(space, channels, function).build();
}

}  // namespace npusim::fit
