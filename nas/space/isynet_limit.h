// ISyNet's networks of up to so many MACs and parameters, each drawn with the same probability.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "sim/base/rng.h"
#include "workloads/zoo/isynet.h"

namespace npusim::space {

/// What ISyNet's space is bounded by (arXiv 2109.01932, equation 4; the range of EF is a guess).
inline constexpr std::size_t kIsynetStages = 6, kIsynetWidths = 3, kIsynetEdges = 7;
inline constexpr std::int64_t kIsynetMostBlocks = 20, kIsynetMostExpansion = 2;

/// Output channels of a stage (from 0): 2^(3 + number from 1 + CI).
std::int64_t isynet_width(std::size_t stage, std::size_t ci);

/// Of networks and their parts. MACs are for one image.
struct IsynetSize {
  std::int64_t macs = 0, parameters = 0;
  IsynetSize& operator+=(const IsynetSize& other);
  friend IsynetSize operator*(std::int64_t times, const IsynetSize& one) {
    return {times * one.macs, times * one.parameters};
  }
  [[nodiscard]] bool within(const IsynetSize& limit) const {
    return macs <= limit.macs && parameters <= limit.parameters;
  }
};
inline constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

/// Size of a network of these stages for a square image, head included: what ir::macs() and ir::parameters()
/// count of its graph.
IsynetSize isynet_size(const std::vector<zoo::ISyNetStage>& stages, std::int64_t side);

/// A dynamic programme over the stages. Sizes are rounded down to buckets, 2,048 of the MACs' limit, or 64 by
/// 64 where parameters are limited, too. For each stage, input width and remaining budget it knows how many
/// networks end from there. A draw follows these numbers backwards and is drawn again when its exact size is
/// beyond the limit, so that draws are uniform over the networks within it, to the rounding of doubles.
class IsynetLimit {
 public:
  /// Throws UserError when no network is that small.
  static void expect_networks(const IsynetSize& limit, std::int64_t side);
  /// For images of side >= 1; MACs must have a limit, parameters may be kNoLimit. Throws as
  /// expect_networks().
  IsynetLimit(const IsynetSize& limit, std::int64_t side);

  /// Stages of a network within the limit, identities behind the other edges.
  [[nodiscard]] std::vector<zoo::ISyNetStage> sample(Rng& rng) const;
  /// How many networks there are, to a few per cent: the programme's number times the share of 500 draws
  /// that it did not reject.
  [[nodiscard]] double count() const { return count_; }
  /// The one with the most MACs of these draws.
  [[nodiscard]] const std::vector<zoo::ISyNetStage>& largest() const { return largest_; }

 private:
  /// One kind of block; a stage is one of these, repeated.
  struct Shape {
    std::array<zoo::Edge, 4> edges{};
    std::int64_t expansion = 1;
    std::size_t used = 1;  ///< edges that are no identity
  };
  struct Cost {
    IsynetSize first, later;  ///< of a stage's first block, and of each further one
  };
  /// Buckets of MACs and of parameters.
  struct Budget {
    std::size_t macs = 0, parameters = 0;
  };
  /// A stage between two widths.
  struct Step {
    std::vector<Cost> costs;       ///< by shape
    std::vector<double> networks;  ///< by index() of the whole stage's size
  };

  [[nodiscard]] const Step& step(std::size_t stage, std::size_t in, std::size_t out) const {
    return steps_[(stage * kIsynetWidths + in) * kIsynetWidths + out];
  }
  [[nodiscard]] Budget bucket(const IsynetSize& size) const;
  [[nodiscard]] std::size_t index(const Budget& budget) const {
    return budget.macs * (full_.parameters + 1) + budget.parameters;
  }
  /// Place in ends_: `stage` is next, of input width `in`, with that budget left.
  [[nodiscard]] std::size_t place(std::size_t stage, std::size_t in, const Budget& left) const {
    return (stage * kIsynetWidths + in) * cells_ + index(left);
  }
  [[nodiscard]] bool may_stop(std::size_t stage, std::size_t in, const Budget& left) const;
  [[nodiscard]] double through(std::size_t stage, std::size_t in, std::size_t out, const Budget& left) const;
  void list_shapes();
  void add_step(std::size_t stage, std::size_t in, std::size_t out);
  void count_ends(std::size_t stage, std::size_t in);
  void measure();
  [[nodiscard]] std::vector<zoo::ISyNetStage> propose(Rng& rng) const;
  [[nodiscard]] Budget any_budget(Rng& rng, std::size_t stage, std::size_t in, std::size_t out,
                                  const Budget& left) const;
  [[nodiscard]] zoo::ISyNetStage any_stage(Rng& rng, const Step& step, const Budget& spent) const;

  IsynetSize limit_;
  IsynetSize free_;  ///< without the linear layer, which all networks have
  std::int64_t side_;
  IsynetSize unit_;        ///< of a bucket
  Budget full_;            ///< all of free_
  std::size_t cells_ = 0;  ///< budgets
  std::vector<Shape> shapes_;
  std::vector<Step> steps_;
  std::vector<double> ends_;  ///< networks, by place()
  double count_ = 0;
  std::vector<zoo::ISyNetStage> largest_;
};

}  // namespace npusim::space
