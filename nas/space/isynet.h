// ISyNet's space (arXiv 2109.01932, equation 4) in the paper's own encoding.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "nas/space/space.h"
#include "workloads/zoo/isynet.h"

namespace npusim::space {

/// E = (NS, V_1..V_6), V_s = (LA, NB, EF, SK, CI, E0..E3): 55 genes. Stages double from 16, 32 or 64 channels
/// (2^(3+stage+CI)). Networks with the same operators are one: LA counts only where edge 3 is there, EF with
/// two edges, SK with two blocks, and identities stand behind the others.
class IsynetSpace : public Space {
 public:
  IsynetSpace(std::string name, std::int64_t side);

  [[nodiscard]] std::vector<bool> active(const Genome& genome) const override;
  [[nodiscard]] Genome canonical(Genome genome) const override;
  [[nodiscard]] double count() const override;
  [[nodiscard]] std::optional<Genome> at(std::uint64_t index) const override;
  [[nodiscard]] Genome sample(Rng& rng) const override;
  [[nodiscard]] Genome largest() const override;
  [[nodiscard]] std::vector<Block> blocks(const Genome& genome) const override;
  [[nodiscard]] std::vector<Block> all_blocks() const override;

  /// The genome of a network of this space, for published ones. Throws UserError naming the stage that is not
  /// in the space.
  [[nodiscard]] Genome compose(const std::vector<zoo::ISyNetStage>& stages) const;
  /// The stages that a genome stands for.
  [[nodiscard]] std::vector<zoo::ISyNetStage> stages(const Genome& genome) const;

 private:
  std::int64_t side_;
};

}  // namespace npusim::space
