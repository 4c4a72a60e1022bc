#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "nas/fit/model.h"
#include "nas/fit/symmetric.h"
#include "sim/base/error.h"

namespace npusim::fit {
namespace {

using Json = nlohmann::json;
using Index = Eigen::Index;

constexpr double kBeyond = 0.1;   ///< of a feature's range
constexpr double kFurther = 1.2;  ///< of the farthest training network's distance
constexpr double kRidge = 1e-6;

}  // namespace

Domain::Domain(const Matrix& sums, std::vector<std::string> names) : names_(std::move(names)) {
  const Index columns = sums.cols();
  for (Index j = 0; j < columns; ++j) {
    low_.push_back(sums.col(j).minCoeff());
    high_.push_back(sums.col(j).maxCoeff());
  }
  mean_ = sums.colwise().mean();
  const Matrix centred = sums.rowwise() - mean_.transpose();
  Vector scale = (centred.colwise().squaredNorm() / static_cast<double>(sums.rows())).cwiseSqrt();
  Vector inverse(columns);  // 0 for features that do not vary: their range says enough
  for (Index j = 0; j < columns; ++j) inverse[j] = scale[j] > 1e-9 * std::abs(mean_[j]) ? 1 / scale[j] : 0;
  const Matrix scaled = centred * inverse.asDiagonal();
  const Matrix correlation = scaled.transpose() * scaled / static_cast<double>(sums.rows());
  const Symmetric eigen = decompose(correlation);
  const Vector roots = (eigen.values.cwiseMax(0).array() + kRidge).sqrt().inverse();
  whitening_ = roots.asDiagonal() * eigen.vectors.transpose() * inverse.asDiagonal();
  for (Index i = 0; i < sums.rows(); ++i) {
    farthest_ = std::max(farthest_, (whitening_ * centred.row(i).transpose()).norm());
  }
}

double Domain::distance(const std::vector<double>& sums) const {
  return (whitening_ * (Eigen::Map<const Vector>(sums.data(), static_cast<Index>(sums.size())) - mean_))
      .norm();
}

std::string Domain::outside(const std::vector<double>& sums) const {
  ensure(sums.size() == names_.size(), "as many sums as features");
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double room = kBeyond * (high_[i] - low_[i]) + 1e-9 * std::abs(high_[i]);
    if (sums[i] < low_[i] - room)
      return fmt::format("{} {:.3g} is below {:.3g}", names_[i], sums[i], low_[i]);
    if (sums[i] > high_[i] + room)
      return fmt::format("{} {:.3g} is above {:.3g}", names_[i], sums[i], high_[i]);
  }
  const double here = distance(sums);
  if (here <= kFurther * farthest_) return "";
  return fmt::format("unlike all training networks together (distance {:.1f}, theirs at most {:.1f})", here,
                     farthest_);
}

Json Domain::to_json() const {
  return {{"names", names_},
          {"low", low_},
          {"high", high_},
          {"mean", std::vector<double>(mean_.begin(), mean_.end())},
          {"whitening", std::vector<double>(whitening_.data(), whitening_.data() + whitening_.size())},
          {"farthest", farthest_}};
}

Domain Domain::from(const Json& json) {
  Domain domain;
  domain.names_ = json.at("names").get<std::vector<std::string>>();
  domain.low_ = json.at("low").get<std::vector<double>>();
  domain.high_ = json.at("high").get<std::vector<double>>();
  domain.farthest_ = json.at("farthest");
  const std::vector<double> mean = json.at("mean");
  const std::vector<double> whitening = json.at("whitening");
  const std::size_t n = domain.names_.size();
  if (domain.low_.size() != n || domain.high_.size() != n || mean.size() != n || whitening.size() != n * n) {
    throw UserError("its domain has not as many numbers as features");
  }
  const auto size = static_cast<Index>(n);
  domain.mean_ = Eigen::Map<const Vector>(mean.data(), size);
  domain.whitening_ = Eigen::Map<const Matrix>(whitening.data(), size, size);
  return domain;
}

}  // namespace npusim::fit
