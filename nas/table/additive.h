// The additive model: a network's latency is the sum of its blocks' rows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "nas/table/table.h"

namespace npusim::table {

/// Sums a table's rows of one context. Immutable; const members may be called from several threads.
class AdditiveModel {
 public:
  /// Uses the rows that were measured. Throws UserError when there is none of that context.
  AdditiveModel(const Table& table, Context context);

  /// Number of a block for cycles(); nullopt when the table has no row for it.
  [[nodiscard]] std::optional<std::uint32_t> index(const std::string& block) const;
  /// Of a network of these blocks, including what every network has besides them.
  [[nodiscard]] double cycles(std::span<const std::uint32_t> blocks) const {
    double sum = fixed_;
    for (const std::uint32_t block : blocks) sum += rows_[block];
    return sum;
  }
  /// The same by name. Throws UserError naming the first block without a row, with the nearest.
  [[nodiscard]] double cycles(const std::vector<std::string>& blocks) const;
  [[nodiscard]] double ns(double cycles) const { return cycles * ns_per_cycle_; }
  /// Latency of a genome's network in ns: builds its list of blocks, which takes microseconds;
  /// fit::AdditivePredictor needs a fraction of one.
  [[nodiscard]] double latency_ns(const space::Space& space, const space::Genome& genome) const;
  [[nodiscard]] Context context() const { return context_; }

 private:
  Context context_;
  double fixed_ = 0;
  double ns_per_cycle_ = 1;
  std::vector<double> rows_;
  std::unordered_map<std::string, std::uint32_t> index_;
};

/// A network that was simulated whole.
struct Simulated {
  std::string name;
  std::vector<std::string> blocks;
  double cycles = 0;
};

/// How the model does on them. Networks with a block that has no row are left out; nullopt when none is left.
std::optional<ErrorBar> error_bar(const AdditiveModel& model, const std::vector<Simulated>& networks);

/// Spearman's rank correlation, ties sharing their mean rank; 0 when one side is constant.
double spearman(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace npusim::table
