// ISyNet's space (arXiv 2109.01932, equation 4) in the paper's own encoding.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nas/space/isynet_limit.h"
#include "nas/space/space.h"
#include "workloads/zoo/isynet.h"

namespace npusim::space {

/// E = (NS, V_1..V_6), V_s = (LA, NB, EF, SK, CI, E0..E3): 55 genes. Stages double from 16, 32 or 64 channels
/// (2^(3+stage+CI)). Networks with the same operators are one: LA counts only where edge 3 is there, EF with
/// two edges, SK with two blocks, and identities stand behind the others.
///
/// With a limit of MACs (for one image) and parameters the space is that of the networks within it: sample()
/// is uniform over them, mutate() and cross() stay among them where their parents are. decode() and compose()
/// take larger networks, too: a network has one name, whatever the limit.
class IsynetSpace : public Space {
 public:
  /// Throws UserError when no network is within the limit.
  IsynetSpace(std::string name, std::int64_t side, std::optional<IsynetSize> limit = std::nullopt);

  [[nodiscard]] std::vector<bool> active(const Genome& genome) const override;
  [[nodiscard]] Genome canonical(Genome genome) const override;
  /// With a limit: to a few per cent.
  [[nodiscard]] double count() const override;
  [[nodiscard]] std::optional<Genome> at(std::uint64_t index) const override;
  [[nodiscard]] Genome sample(Rng& rng) const override;
  /// A parent within the limit has children within it: those beyond are drawn again, after each 100 of them
  /// with half the `rate`. After 2,000: the parent.
  [[nodiscard]] Genome mutate(const Genome& parent, Rng& rng, double rate) const override;
  /// After 100 children beyond the limit: the left parent.
  [[nodiscard]] Genome cross(const Genome& a, const Genome& b, Rng& rng) const override;
  /// With a limit: the one with the most MACs of 500 draws, within a few per cent of it.
  [[nodiscard]] Genome largest() const override;
  [[nodiscard]] std::vector<Block> blocks(const Genome& genome) const override;
  [[nodiscard]] std::vector<Block> all_blocks() const override;

  /// The genome of a network of this space, for published ones. Throws UserError naming the stage that is not
  /// in the space.
  [[nodiscard]] Genome compose(const std::vector<zoo::ISyNetStage>& stages) const;
  /// The stages that a genome stands for.
  [[nodiscard]] std::vector<zoo::ISyNetStage> stages(const Genome& genome) const;
  [[nodiscard]] IsynetSize size(const Genome& genome) const;

 private:
  [[nodiscard]] bool within_limit(const Genome& genome) const;
  /// Made when it is needed first: it takes a tenth of a second. Only of a space with a limit.
  [[nodiscard]] const IsynetLimit& limited() const;

  std::int64_t side_;
  std::optional<IsynetSize> limit_size_;
  mutable std::once_flag limit_once_;
  mutable std::unique_ptr<const IsynetLimit> limit_;
};

}  // namespace npusim::space
