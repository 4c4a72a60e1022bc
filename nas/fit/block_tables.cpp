#include "nas/fit/block_tables.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "sim/base/rng.h"

namespace npusim::fit {

namespace {

using space::Block;
using space::Genome;

constexpr int kTrials = 64;
constexpr int kSamples = 200;
constexpr int kCompletions = 6;
constexpr std::size_t kMostEntries = 1'000'000;

}  // namespace

class BlockTableBuilder {
 public:
  explicit BlockTableBuilder(const space::Space& space) : space_(space) {}

  std::optional<BlockTables> build() {
    Rng rng(1);
    order_places(rng);
    find_genes(rng);
    if (!lay_out()) return std::nullopt;
    const std::vector<Genome> bases = completions(rng);
    for (std::size_t place = 0; place < order_.size(); ++place) fill(place, bases);
    if (!reproduces(rng)) return std::nullopt;
    return std::move(tables_);
  }

 private:
  [[nodiscard]] std::vector<Block> blocks(const Genome& genome) const {
    return space_.blocks(space_.canonical(genome));
  }
  [[nodiscard]] Genome canonical_random(Rng& rng) const { return space_.canonical(random_genome(rng)); }
  [[nodiscard]] std::size_t choices(std::size_t gene) const { return space_.genes()[gene].choices.size(); }

  Genome random_genome(Rng& rng) const {
    Genome genome;
    for (std::size_t g = 0; g < space_.genes().size(); ++g) {
      genome.push_back(static_cast<std::uint16_t>(rng.uniform(0, static_cast<std::int64_t>(choices(g)) - 1)));
    }
    return genome;
  }

  /// Every network's places are a part of one sequence: a new one stands behind its predecessor.
  void order_places(Rng& rng) {
    const auto take = [&](const Genome& genome) {
      std::size_t next = 0;
      for (const Block& block : blocks(genome)) {
        const auto at = std::find(order_.begin(), order_.end(), block.place);
        const auto index = static_cast<std::size_t>(at - order_.begin());
        if (at == order_.end()) {
          order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(next), block.place);
          ++next;
        } else {
          next = index + 1;
        }
      }
    };
    take(space_.largest());
    for (int i = 0; i < kTrials; ++i) take(space_.sample(rng));
  }

  /// By place, the name of its block; "" where there is none.
  [[nodiscard]] std::vector<std::string> names(const Genome& genome) const {
    std::vector<std::string> list(order_.size());
    for (const Block& block : blocks(genome)) {
      const auto at = std::find(order_.begin(), order_.end(), block.place);
      if (at != order_.end()) list[static_cast<std::size_t>(at - order_.begin())] = block.name;
    }
    return list;
  }

  void find_genes(Rng& rng) {
    genes_.resize(order_.size());
    for (int trial = 0; trial < kTrials; ++trial) {
      const Genome base = trial % 2 == 0 ? space_.sample(rng) : canonical_random(rng);
      const Genome other = random_genome(rng);
      const std::vector<std::string> here = names(base);
      for (std::size_t g = 0; g < base.size(); ++g) {
        if (base[g] == other[g]) continue;
        Genome changed = base;
        changed[g] = other[g];
        if (space_.canonical(changed) != changed) continue;  // it would be another network's
        const std::vector<std::string> there = names(changed);
        for (std::size_t place = 0; place < here.size(); ++place) {
          if (here[place] != there[place]) genes_[place].insert(g);
        }
      }
    }
  }

  bool lay_out() {
    std::size_t offset = 0;
    for (const std::set<std::size_t>& genes : genes_) {
      BlockTables::Place place{{}, offset};
      std::size_t stride = 1;
      for (const std::size_t gene : genes) {
        place.digits.push_back({gene, stride});
        stride *= choices(gene);
        if (offset + stride > kMostEntries) return false;
      }
      offset += stride;
      tables_.places_.push_back(std::move(place));
    }
    tables_.entries_.assign(offset, BlockTables::kNone);
    return true;
  }

  /// Genomes to complete a row's choices with.
  [[nodiscard]] std::vector<Genome> completions(Rng& rng) const {
    Genome last;
    for (std::size_t g = 0; g < space_.genes().size(); ++g) {
      last.push_back(static_cast<std::uint16_t>(choices(g) - 1));
    }
    std::vector<Genome> list{Genome(last.size(), 0), last};
    for (int i = 0; i < kCompletions; ++i) list.push_back(canonical_random(rng));
    return list;
  }

  /// A network with a row's choices; nullopt where no canonical genome has them (a block behind its stage's
  /// depth, say), so that nobody looks the row up.
  [[nodiscard]] std::optional<Genome> network_of(const BlockTables::Place& place, std::size_t row,
                                                 const std::vector<Genome>& completions) const {
    for (Genome genome : completions) {
      for (const BlockTables::Digit& digit : place.digits) {
        genome[digit.gene] = static_cast<std::uint16_t>(row / digit.stride % choices(digit.gene));
      }
      // A space may move blocks to where others were left out: then these choices are another row's.
      Genome canonical = space_.canonical(genome);
      if (std::all_of(place.digits.begin(), place.digits.end(), [&](const BlockTables::Digit& digit) {
            return canonical[digit.gene] == genome[digit.gene];
          })) {
        return canonical;
      }
    }
    return std::nullopt;
  }

  void fill(std::size_t index, const std::vector<Genome>& completions) {
    const BlockTables::Place& place = tables_.places_[index];
    const std::size_t end =
        index + 1 < tables_.places_.size() ? tables_.places_[index + 1].offset : tables_.entries_.size();
    for (std::size_t row = place.offset; row < end; ++row) {
      const std::optional<Genome> genome = network_of(place, row - place.offset, completions);
      if (!genome) {
        tables_.entries_[row] = BlockTables::kNever;
        continue;
      }
      for (Block& block : space_.blocks(*genome)) {
        if (block.place != order_[index]) continue;
        const auto [at, added] = known_.emplace(block.name, static_cast<std::uint32_t>(known_.size()));
        tables_.entries_[row] = at->second;
        if (added) tables_.blocks_.push_back(std::move(block));
        break;
      }
    }
  }

  [[nodiscard]] bool reproduces(Rng& rng) const {
    for (int i = 0; i < kSamples; ++i) {
      const Genome genome = i % 2 == 0 ? space_.sample(rng) : canonical_random(rng);
      std::vector<std::string> expected;
      for (const Block& block : blocks(genome)) expected.push_back(block.name);
      std::vector<std::string> found;
      tables_.list(genome, [&](std::uint32_t block) { found.push_back(tables_.blocks_[block].name); });
      if (found != expected) return false;
    }
    return true;
  }

  const space::Space& space_;
  std::vector<std::string> order_;            ///< places
  std::vector<std::set<std::size_t>> genes_;  ///< by place
  std::unordered_map<std::string, std::uint32_t> known_;
  BlockTables tables_;
};

std::optional<BlockTables> BlockTables::build(const space::Space& space) {
  return BlockTableBuilder(space).build();
}

}  // namespace npusim::fit
