// A fitted model as a predictor of a space's networks.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "nas/fit/block_tables.h"
#include "nas/fit/features.h"
#include "nas/fit/model.h"
#include "nas/fit/predictor.h"
#include "sim/base/config.h"

namespace npusim::fit {

/// What a model knows of a space's blocks. Blocks are built, run through the passes and compiled once. Any
/// thread may ask.
class BlockFacts {
 public:
  struct Facts {
    /// Core::channels() numbers an operator; of a model whose fold() is a sum, one operator's for all.
    std::vector<double> channels;
    std::vector<double> features;  ///< summed over operators
  };
  BlockFacts(const Model& model, const Config& chip);
  const Facts& of(const space::Block& block) const;

 private:
  const Model& model_;
  mutable std::mutex mutex_;
  mutable Extractor extractor_;
  mutable std::unordered_map<std::string, Facts> known_;  ///< by name
};

/// Predicts from the genome by table look-ups where the space allows it (see BlockTables; made in the
/// constructor, in up to a few seconds), else from its list of blocks.
class SpacePredictor : public Predictor {
 public:
  /// Throws UserError when the model is of other hardware than `chip`; `file` names the model in messages.
  SpacePredictor(Model model, std::shared_ptr<const space::Space> space, const Config& chip,
                 const std::string& file);
  [[nodiscard]] const std::string& model() const override { return model_.model; }
  [[nodiscard]] const std::string& hw_hash() const override { return model_.hw_hash; }
  [[nodiscard]] double predict_ns(const space::Genome& genome) const override;
  using Predictor::predict_ns;
  /// The same of a genome that is canonical already: saves making it so.
  [[nodiscard]] double predict_canonical_ns(const space::Genome& genome) const;
  [[nodiscard]] Interval interval_ns(const space::Genome& genome) const override;
  [[nodiscard]] double coverage() const override { return model_.coverage; }
  [[nodiscard]] bool outside_domain(const space::Genome& genome) const override;
  /// Why the genome's network is outside_domain(); "" when it is not.
  [[nodiscard]] std::string outside(const space::Genome& genome) const;
  /// Whether predictions are table look-ups.
  [[nodiscard]] bool tabulated() const { return tables_.has_value(); }

 private:
  /// Calls `visit` with the facts of a canonical genome's blocks from image to output.
  template <class Visit>
  void visit_blocks(const space::Genome& genome, const Visit& visit) const;

  Model model_;
  std::shared_ptr<const space::Space> space_;
  BlockFacts facts_;
  std::optional<BlockTables> tables_;
  std::vector<const BlockFacts::Facts*> tabulated_;  ///< by index in BlockTables::blocks()
};

/// The model of a file, for a space. Throws UserError naming the file.
std::unique_ptr<SpacePredictor> load_predictor(const std::string& file,
                                               std::shared_ptr<const space::Space> space, const Config& chip);

}  // namespace npusim::fit
