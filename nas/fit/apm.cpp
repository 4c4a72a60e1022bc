#include "nas/fit/apm.h"

#include <algorithm>

#include "nas/fit/apm_parts.h"
#include "sim/base/error.h"

namespace npusim::fit {
namespace apm {

using Json = nlohmann::json;
using Index = Eigen::Index;

Json json_of(const Rooflines& rooflines) {
  Json kinds = Json::object();
  for (const auto& [kind, one] : rooflines) {
    kinds[kind] = {
        {"launch", one.launch}, {"overlap", one.overlap}, {"ceilings", one.ceilings}, {"serial", one.serial}};
  }
  return kinds;
}

Rooflines rooflines_from(const Json& json) {
  Rooflines rooflines;
  for (const auto& [kind, one] : json.items()) {
    rooflines[kind] = {one.at("launch"), one.at("overlap"), one.at("ceilings"), one.at("serial")};
  }
  if (rooflines.count(kOtherKinds) == 0) throw UserError("the ceilings of other kinds are missing");
  return rooflines;
}

Vector terms_from(const Json& json, Index count) {
  Vector terms = vector_of(json.at("network"));
  if (terms.size() != count) throw UserError("it has not the network terms of an apm");
  return terms;
}

Vector cycles_of(const Dataset& data, std::span<const std::size_t> networks) {
  Vector cycles(static_cast<Index>(networks.size()));
  for (std::size_t i = 0; i < networks.size(); ++i) {
    cycles[static_cast<Index>(i)] = static_cast<double>(data.networks[networks[i]].cycles);
  }
  return cycles;
}

double fit_terms(const Matrix& columns, const Vector& cycles, Vector& terms) {
  const Matrix relative = cycles.cwiseInverse().asDiagonal() * columns;
  const Vector ones = Vector::Ones(columns.rows());
  terms = nonnegative_least_squares(relative, ones);
  return (relative * terms - ones).squaredNorm();
}

}  // namespace apm

std::shared_ptr<const Core> train_apm(const Dataset& data, std::span<const std::size_t> networks) {
  const bool keeps = std::any_of(data.operators.begin(), data.operators.end(),
                                 [](const Operator& op) { return op.room > 0; });
  return keeps ? apm::train_kept(data, networks) : apm::train_knee(data, networks);
}

std::shared_ptr<const Core> apm_from(const nlohmann::json& json) {
  return json.contains("kept") ? apm::kept_from(json) : apm::knee_from(json);
}

}  // namespace npusim::fit
