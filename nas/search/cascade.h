// The first stage of a search's cascade: models of latency that say which networks are worth a simulation.
// They are fitted to what the search has simulated, or are the sum of a table of the space's blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nas/fit/predictor.h"
#include "nas/jobs/batch.h"
#include "nas/space/space.h"
#include "nas/table/additive.h"
#include "sim/base/config.h"
#include "workloads/ir/graph.h"

namespace npusim::search {

/// A chip that networks are searched for.
struct SearchChip {
  std::string name;
  std::shared_ptr<const Config> description;
  std::string hash;  ///< hw::hardware_hash()
  ir::DType dtype = ir::DType::f16;
};

struct ScreenOptions {
  std::string model;           ///< of screen_names(); "": every network is simulated
  std::size_t learn_from = 0;  ///< simulations before the first fit; 0: 100, 30 of "additive"
  /// The range in which a network's latency is expected is the model's interval, this many times as wide.
  double margin = 1.5;
  std::uint64_t seed = 1;
};

/// "additive" and fit::model_names().
std::vector<std::string> screen_names();

/// The space's blocks, each measured alone (table::Context::isolated: measured in networks they are nearer to
/// the truth, at many times the work), and how many simulations that asked for. Throws UserError for more
/// than `most` blocks, for a space whose blocks are too many to list, and when stopped.
struct BlockCosts {
  table::AdditiveModel sums;
  std::size_t simulations = 0;
};
BlockCosts measure_blocks(const space::Space& space, const SearchChip& chip, const jobs::BatchOptions& how,
                          std::size_t most);

/// Learns from simulations in the order they are told, so that equal searches have equal screens.
class Screen {
 public:
  /// Throws UserError for an unknown model, with the nearest.
  Screen(ScreenOptions options, std::shared_ptr<const space::Space> space, std::vector<SearchChip> chips);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Of "additive", measures the tables; of other models does nothing. `how` and `most` as for
  /// measure_blocks(). Gives the simulations that it asked for.
  std::size_t prepare(const jobs::BatchOptions& how, std::size_t most);

  /// Whether there is a model for each chip.
  [[nodiscard]] bool ready() const;
  /// A latency in ms, and the range it is expected in; from 0 to infinity where the model knows nothing.
  struct Expected {
    double low_ms = 0, middle_ms = 0, high_ms = 0;
  };
  [[nodiscard]] Expected expect(std::size_t chip, const space::Genome& genome) const;

  /// Keeps a simulated network (with layers), and compares it with what was expected of it.
  void learn(std::size_t chip, const space::Genome& genome, const ir::Graph& graph,
             const jobs::Result& result);
  /// After a round: fits when there is enough to learn from, and anew when too many simulations lay outside
  /// of their range or when there is twice as much to learn from.
  void update();

  /// How the models did.
  struct Account {
    std::size_t fits = 0;
    std::size_t checked = 0;  ///< simulations of networks with an expectation
    std::size_t outside = 0;  ///< of these, outside of the range
    double mean_error = 0;    ///< mean of |expected / simulated - 1|
    bool given_up = false;    ///< at the last fit the table's sums were too far off: everything is simulated
  };
  [[nodiscard]] const Account& account() const { return account_; }

 private:
  struct Chip;
  [[nodiscard]] bool due() const;
  [[nodiscard]] std::size_t fewest_learnt() const;
  /// nullopt for a network with a block that the chip refused.
  [[nodiscard]] std::optional<double> sum_ns(const Chip& chip, const space::Genome& genome) const;
  void fit(Chip& chip);
  void fit_sums(Chip& chip);

  ScreenOptions options_;
  std::shared_ptr<const space::Space> space_;
  std::vector<std::unique_ptr<Chip>> chips_;
  Account account_;
  std::size_t fitted_to_ = 0;                    ///< simulations a chip at the last fit
  std::size_t next_fit_ = 0;                     ///< simulations a chip that the next fit waits for
  std::size_t recent_ = 0, recent_outside_ = 0;  ///< since the last fit
};

}  // namespace npusim::search
