// A model of one number by genome, learned from few networks, that says how sure it is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nas/space/space.h"
#include "sim/base/rng.h"

namespace npusim::search {

/// Genomes in one piece of memory.
class Rows {
 public:
  Rows(const std::vector<space::Genome>& genomes, const std::vector<std::size_t>& sizes);
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const std::uint16_t* operator[](std::size_t row) const {
    return codes_.data() + row * sizes_.size();
  }
  /// By gene the number of its choices.
  [[nodiscard]] const std::vector<std::size_t>& sizes() const { return sizes_; }

 private:
  std::vector<std::size_t> sizes_;
  std::size_t count_;
  std::vector<std::uint16_t> codes_;
};

/// A regression tree over choices: each node sends some of a gene's choices left, the others right.
class ChoiceTree {
 public:
  struct Limits {
    std::size_t depth = 5;
    std::size_t rows = 3;  ///< least number in a leaf
    double shrinkage = 1;  ///< rows of value 0 that are added to each leaf
  };
  /// Fits `targets` of the rows listed. Splits are the best of all two-part divisions of a gene's choices
  /// (Fisher 1958: those by mean target), by squared error.
  static ChoiceTree grow(const Rows& genomes, const std::vector<double>& targets,
                         const std::vector<std::size_t>& rows, const Limits& limits);
  /// `codes` has a choice a gene.
  [[nodiscard]] double operator()(const std::uint16_t* codes) const;

 private:
  struct Node {
    std::uint32_t gene = 0;
    std::uint32_t left = 0, right = 0;  ///< indices of nodes; 0: a leaf
    std::uint32_t table = 0;            ///< of lefts_, by choice
    double value = 0;
  };
  struct Split;
  struct Data;
  std::size_t grow_node(const Data& data, const std::vector<std::size_t>& rows, std::size_t depth);
  static Split best_split(const Data& data, const std::vector<std::size_t>& rows);

  std::vector<Node> nodes_;
  std::vector<char> lefts_;  ///< whether a choice goes left
};

/// What smbo knows of an objective: an ensemble whose members differ where little is known.
class SurrogateModel {
 public:
  virtual ~SurrogateModel() = default;
  /// The same rows and seeds, in the same order of calls, give the same model. At least one row.
  virtual void fit(const std::vector<space::Genome>& genomes, const std::vector<double>& targets,
                   std::uint64_t seed) = 0;
  /// By genome what each member predicts.
  [[nodiscard]] virtual std::vector<std::vector<double>> predict(
      const std::vector<space::Genome>& genomes) const = 0;
  /// Standard error of the members on rows that they did not see.
  [[nodiscard]] virtual double noise() const = 0;
};

/// "trees" (Surrogate) or "lstm" (a recurrent network over the encoding, as ISyNAS has). Throws UserError for
/// another kind, and for lstm where npusim was built or installed without libtorch.
std::unique_ptr<SurrogateModel> make_surrogate(const std::string& kind, const space::Space& space);

/// An ensemble of boosted trees: what choices add on their own is fitted first (by shrunken means of what the
/// other genes leave), then each member boosts trees over a different random part of the rows. The members'
/// spread says where little is known, noise() how far predictions are off where much is.
class Surrogate : public SurrogateModel {
 public:
  struct Options {
    std::size_t members = 5;
    std::size_t trees = 40;
    double step = 0.15;
    double bag = 0.8;   ///< share of rows that a member sees
    double rows = 0.8;  ///< share of these that a tree sees
    ChoiceTree::Limits tree = {};
  };
  /// By gene the number of its choices.
  explicit Surrogate(const space::Space& space);
  Surrogate(const space::Space& space, const Options& options);

  /// The same rows and seed give the same model. There must be at least one row.
  void fit(const std::vector<space::Genome>& genomes, const std::vector<double>& targets,
           std::uint64_t seed) override;
  [[nodiscard]] std::vector<std::vector<double>> predict(
      const std::vector<space::Genome>& genomes) const override;
  [[nodiscard]] double noise() const override { return noise_; }
  /// The members' mean.
  [[nodiscard]] double mean(const space::Genome& genome) const;

 private:
  /// Grows `trees` on the rows of `bag`; returns what they leave of `residuals`.
  std::vector<double> boost(const Rows& rows, std::vector<double> residuals,
                            const std::vector<std::size_t>& bag, Rng& rng,
                            std::vector<ChoiceTree>& trees) const;
  void fit_choices(const Rows& rows, std::vector<double>& residuals);

  Options options_;
  std::vector<std::size_t> sizes_;
  double base_ = 0, scale_ = 1, noise_ = 0;
  std::vector<std::vector<double>> effects_;  ///< by gene and choice
  std::vector<std::vector<ChoiceTree>> trees_;
};

}  // namespace npusim::search
