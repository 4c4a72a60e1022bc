#include "nas/fit/spread.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "nas/fit/errors.h"
#include "sim/base/error.h"

namespace npusim::fit {
namespace {

/// Slope of y over x by least squares; 0 unless it is more than two standard errors.
double significant_slope(const std::vector<double>& x, const std::vector<double>& y) {
  constexpr std::size_t kFewest = 20;
  const std::size_t n = x.size();
  if (n < kFewest) return 0;
  double mean_x = 0, mean_y = 0;
  for (std::size_t i = 0; i < n; ++i) {
    mean_x += x[i] / static_cast<double>(n);
    mean_y += y[i] / static_cast<double>(n);
  }
  double xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < n; ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  if (xx <= 0) return 0;
  const double slope = xy / xx;
  const double error = std::sqrt(std::max(0.0, yy - slope * xy) / static_cast<double>(n - 2) / xx);
  return std::abs(slope) > 2 * error ? slope : 0;
}

}  // namespace

double Spread::of(double predicted_ns) const {
  if (exponent == 0) return relative;
  return relative * std::pow(std::clamp(predicted_ns, low_ns, high_ns) / reference_ns, exponent);
}

nlohmann::json Spread::to_json() const {
  nlohmann::json json{{"relative", relative}};
  if (exponent == 0) return json;
  json["exponent"] = exponent;
  json["reference_ns"] = reference_ns;
  json["from_ns"] = low_ns;
  json["to_ns"] = high_ns;
  return json;
}

Spread Spread::from(const nlohmann::json& json) {
  Spread spread;
  spread.relative = json.at("relative");
  if (!json.contains("exponent")) return spread;
  spread.exponent = json.at("exponent");
  spread.reference_ns = json.at("reference_ns");
  spread.low_ns = json.at("from_ns");
  spread.high_ns = json.at("to_ns");
  if (!(spread.reference_ns > 0) || !(spread.low_ns > 0) || !(spread.high_ns >= spread.low_ns)) {
    throw UserError("its interval's latencies must be positive and ascending");
  }
  return spread;
}

Spread fit_spread(std::span<const double> targets, std::span<const double> predictions, double level) {
  ensure(targets.size() == predictions.size() && !targets.empty(), "a target for each prediction");
  // A model may predict a latency that is not positive; it has no logarithm and says nothing of the slope.
  std::vector<double> x, y, residuals, positive;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const double relative = std::abs((targets[i] - predictions[i]) / predictions[i]);
    residuals.push_back(relative);
    if (predictions[i] <= 0) continue;
    positive.push_back(predictions[i]);
    if (relative <= 0) continue;
    x.push_back(std::log(predictions[i]));
    y.push_back(std::log(relative));
  }
  Spread spread{1, significant_slope(x, y), 1, 0, std::numeric_limits<double>::infinity()};
  if (spread.exponent != 0) {
    const auto [low, high] = std::minmax_element(positive.begin(), positive.end());
    spread.low_ns = *low;
    spread.high_ns = *high;
    double mean = 0;
    for (const double one : x) mean += one / static_cast<double>(x.size());
    spread.reference_ns = std::exp(mean);
  }
  for (std::size_t i = 0; i < residuals.size(); ++i) residuals[i] /= spread.of(predictions[i]);
  spread.relative = conformal_quantile(residuals, level);
  return spread;
}

}  // namespace npusim::fit
