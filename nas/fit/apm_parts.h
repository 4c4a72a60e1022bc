// What the two analytical models have in common; not for users of npusim_fit.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>

#include "nas/fit/core.h"
#include "nas/fit/linear.h"
#include "nas/fit/roofline.h"

namespace npusim::fit::apm {

/// Of Extractor::names(): elements of weights.
inline constexpr std::size_t kWeights = 5;

nlohmann::json json_of(const Rooflines& rooflines);
/// Throws UserError or a JSON exception when the JSON is not json_of()'s.
Rooflines rooflines_from(const nlohmann::json& json);
/// A network's terms under "network". Throws UserError when they are not `count`.
Vector terms_from(const nlohmann::json& json, Eigen::Index count);

/// What the networks of these indices took.
Vector cycles_of(const Dataset& data, std::span<const std::size_t> networks);

/// Squares of the relative residuals of the non-negative terms that make them smallest: small networks count
/// as much as large ones, and no prediction is negative.
double fit_terms(const Matrix& columns, const Vector& cycles, Vector& terms);

/// See train_apm(): of a chip that keeps parameters, and of others.
std::shared_ptr<const Core> train_kept(const Dataset& data, std::span<const std::size_t> networks);
std::shared_ptr<const Core> kept_from(const nlohmann::json& json);
std::shared_ptr<const Core> train_knee(const Dataset& data, std::span<const std::size_t> networks);
std::shared_ptr<const Core> knee_from(const nlohmann::json& json);

}  // namespace npusim::fit::apm
