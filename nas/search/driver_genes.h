// Hardware parameters as genes: networks and a chip's settings searched together.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nas/search/cascade.h"
#include "nas/space/space.h"
#include "nas/sweep/grid.h"

namespace npusim::search {

/// A space of pairs: a network, and a value for each axis of a chip's description. Genes are the network's,
/// then one an axis. Encodings are the network's with "+" and the axes' indices: "223321+0.2".
class HardwareSpace : public space::Space {
 public:
  /// Throws UserError when a key is on two axes.
  HardwareSpace(std::shared_ptr<const space::Space> networks, std::vector<sweep::Axis> axes);

  [[nodiscard]] const std::vector<sweep::Axis>& axes() const { return axes_; }
  [[nodiscard]] space::Genome network(const space::Genome& genome) const;
  /// "key=value" of all keys, as --set takes them.
  [[nodiscard]] std::vector<std::string> overrides(const space::Genome& genome) const;

  [[nodiscard]] std::vector<bool> active(const space::Genome& genome) const override;
  [[nodiscard]] space::Genome canonical(space::Genome genome) const override;
  [[nodiscard]] double count() const override;
  [[nodiscard]] std::optional<space::Genome> at(std::uint64_t index) const override;
  [[nodiscard]] space::Genome sample(Rng& rng) const override;
  [[nodiscard]] space::Genome largest() const override;
  [[nodiscard]] std::string encode(const space::Genome& genome) const override;
  [[nodiscard]] space::Genome decode(const std::string& text) const override;
  [[nodiscard]] std::vector<space::Block> blocks(const space::Genome& genome) const override;
  [[nodiscard]] std::vector<space::Block> all_blocks() const override;
  [[nodiscard]] ir::Graph build(const space::Genome& genome, std::int64_t batch) const override;

 private:
  [[nodiscard]] double settings() const;

  std::shared_ptr<const space::Space> networks_;
  std::vector<sweep::Axis> axes_;
};

/// A chip with overrides.
struct Variant {
  std::string hash;       ///< hw::hardware_hash()
  double area_proxy = 0;  ///< sweep::area_proxy(), mm^2
  std::string refusal;    ///< why there is no such chip; "" when there is
};

/// Builds each variant of a chip once.
class Variants {
 public:
  explicit Variants(SearchChip chip) : chip_(std::move(chip)) {}
  /// Throws UserError for an unknown key, with the nearest.
  const Variant& of(const std::vector<std::string>& overrides);

 private:
  SearchChip chip_;
  std::map<std::vector<std::string>, Variant> known_;
};

/// The description of a chip with overrides.
Config description_of(const SearchChip& chip, const std::vector<std::string>& overrides);

}  // namespace npusim::search
