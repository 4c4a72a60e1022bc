// A fitted model as a predictor of a space's networks.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "nas/fit/features.h"
#include "nas/fit/genome_tables.h"
#include "nas/fit/model.h"
#include "nas/fit/predictor.h"
#include "sim/base/config.h"

namespace npusim::fit {

/// What a network's blocks add up to: the features of their operators, and the model's channels. Blocks are
/// built, run through the passes and compiled once, then kept by name. Any thread may ask.
class BlockSums {
 public:
  BlockSums(const Model& model, const space::Space& space, const Config& chip);
  /// Adds the channels of the genome's network.
  void add_channels(const space::Genome& genome, std::span<double> sums) const;
  /// Sums of all features.
  [[nodiscard]] std::vector<double> features(const space::Genome& genome) const;

 private:
  struct Known {
    std::vector<double> channels, features;
  };
  const Known& known(const space::Block& block) const;

  const Model& model_;
  const space::Space& space_;
  mutable std::mutex mutex_;
  mutable Extractor extractor_;
  mutable std::unordered_map<std::string, Known> known_;
};

/// Predicts from the genome by table look-ups where the space allows it (see GenomeTables; made in the
/// constructor, in up to a few seconds), else from its blocks.
class SpacePredictor : public Predictor {
 public:
  /// Throws UserError when the model is of other hardware than `chip`; `file` names the model in messages.
  SpacePredictor(Model model, std::shared_ptr<const space::Space> space, const Config& chip,
                 const std::string& file);
  [[nodiscard]] const std::string& model() const override { return model_.model; }
  [[nodiscard]] const std::string& hw_hash() const override { return model_.hw_hash; }
  [[nodiscard]] double predict_ns(const space::Genome& genome) const override;
  using Predictor::predict_ns;
  [[nodiscard]] Interval interval_ns(const space::Genome& genome) const override;
  [[nodiscard]] double coverage() const override { return model_.coverage; }
  [[nodiscard]] bool outside_domain(const space::Genome& genome) const override;
  /// Why the genome's network is outside_domain(); "" when it is not.
  [[nodiscard]] std::string outside(const space::Genome& genome) const;
  /// Whether predictions are table look-ups.
  [[nodiscard]] bool tabulated() const { return tables_.has_value(); }

 private:
  Model model_;
  std::shared_ptr<const space::Space> space_;
  BlockSums blocks_;
  std::optional<GenomeTables> tables_;
};

/// The model of a file, for a space. Throws UserError naming the file.
std::unique_ptr<SpacePredictor> load_predictor(const std::string& file,
                                               std::shared_ptr<const space::Space> space, const Config& chip);

}  // namespace npusim::fit
