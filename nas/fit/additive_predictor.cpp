#include "nas/fit/additive_predictor.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/base/error.h"

namespace npusim::fit {

AdditivePredictor::AdditivePredictor(const table::Table& table, table::Context context,
                                     std::shared_ptr<const space::Space> space)
    : hw_hash_(table.hw_hash),
      space_(std::move(space)),
      model_(table, context),
      fixed_ns_(table.to_ns(table.fixed_cycles)) {
  const auto error = table.errors.find(context);
  if (error == table.errors.end() || error->second.networks == 0) {
    throw UserError(
        fmt::format("the table has no error bar of context {}: measure it with npusim table --error-bar N",
                    to_string(context)));
  }
  const auto networks = static_cast<double>(error->second.networks);
  // Errors are of the simulated latency in per cent, the interval is of the sum.
  const double worst = std::abs(error->second.worst) / 100;
  relative_ = worst / (1 - std::min(worst, 0.99));
  coverage_ = networks / (networks + 1);
  static_cast<void>(model_.latency_ns(*space_, space_->largest()));
  tables_ = GenomeTables::build(*space_, 1, [this](const space::Genome& genome, std::span<double> sums) {
    sums[0] += model_.latency_ns(*space_, space_->canonical(genome)) - fixed_ns_;
  });
}

double AdditivePredictor::predict_ns(const space::Genome& genome) const {
  ensure(genome.size() == space_->genes().size(), "a genome of the predictor's space");
  if (!tables_) return model_.latency_ns(*space_, space_->canonical(genome));
  double sum = fixed_ns_;
  tables_->add(genome, std::span<double>(&sum, 1));
  return sum;
}

Interval AdditivePredictor::interval_ns(const space::Genome& genome) const {
  const double middle = predict_ns(genome);
  return {middle * (1 - relative_), middle * (1 + relative_)};
}

}  // namespace npusim::fit
