// The blocks of a genome's network as a few table look-ups.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "nas/space/space.h"

namespace npusim::fit {

/// Which block stands at a place of a network ("stage3.2") depends on a few genes of its canonical genome.
/// Which, is found by changing one gene at a time; each place then has a table. A sample of networks checks
/// it.
class BlockTables {
 public:
  /// nullopt when the tables would be too large (more than a million entries) or fail the check.
  static std::optional<BlockTables> build(const space::Space& space);

  /// All blocks of the space's networks, each once; `place` is one of those where it stands.
  [[nodiscard]] const std::vector<space::Block>& blocks() const { return blocks_; }
  /// Calls `visit(index in blocks())` for the blocks of a canonical genome, from image to output.
  template <class Visit>
  void list(const space::Genome& genome, const Visit& visit) const {
    for (const Place& place : places_) {
      std::size_t row = place.offset;
      for (const Digit& digit : place.digits) row += digit.stride * genome[digit.gene];
      if (entries_[row] < kNever) visit(entries_[row]);
    }
  }
  [[nodiscard]] std::size_t entries() const { return entries_.size(); }

  /// What a place's table holds besides indices in blocks().
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();  ///< no block
  static constexpr std::uint32_t kNever = kNone - 1;  ///< no canonical genome has these choices
  struct Digit {
    std::size_t gene = 0;
    std::size_t stride = 0;
  };
  /// A place's table: its row is the sum of stride * choice over the digits.
  struct Place {
    std::vector<Digit> digits;
    std::size_t offset = 0;  ///< in entries
  };
  /// From image to output.
  [[nodiscard]] const std::vector<Place>& places() const { return places_; }
  [[nodiscard]] std::uint32_t entry(const Place& place, std::size_t row) const {
    return entries_[place.offset + row];
  }

 private:
  std::vector<Place> places_;
  std::vector<std::uint32_t> entries_;
  std::vector<space::Block> blocks_;

  friend class BlockTableBuilder;
};

}  // namespace npusim::fit
