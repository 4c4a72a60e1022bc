// A latency table as a predictor of a space's networks.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "nas/fit/genome_tables.h"
#include "nas/fit/predictor.h"
#include "nas/table/additive.h"

namespace npusim::fit {

/// The sum of a table's rows (S3NAS, arXiv 2009.02009). Its interval is the worst error that the table's
/// error bar saw: of n networks, it holds a further one with probability n / (n + 1).
class AdditivePredictor : public Predictor {
 public:
  /// Of the table's rows of that context. Throws UserError when there are none, when it has no error bar, and
  /// naming the first block of the space's largest network that has no row.
  AdditivePredictor(const table::Table& table, table::Context context,
                    std::shared_ptr<const space::Space> space);
  [[nodiscard]] const std::string& model() const override { return name_; }
  [[nodiscard]] const std::string& hw_hash() const override { return hw_hash_; }
  [[nodiscard]] double predict_ns(const space::Genome& genome) const override;
  using Predictor::predict_ns;
  [[nodiscard]] Interval interval_ns(const space::Genome& genome) const override;
  [[nodiscard]] double coverage() const override { return coverage_; }
  /// A table has all blocks of its space or throws.
  [[nodiscard]] bool outside_domain(const space::Genome&) const override { return false; }
  [[nodiscard]] bool tabulated() const { return tables_.has_value(); }

 private:
  std::string name_ = "additive";
  std::string hw_hash_;
  std::shared_ptr<const space::Space> space_;
  table::AdditiveModel model_;
  double fixed_ns_ = 0;
  double relative_ = 0;
  double coverage_ = 0;
  std::optional<GenomeTables> tables_;
};

}  // namespace npusim::fit
