// What differs between kinds of models: how operators' features become a network's cycles.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nas/fit/dataset.h"
#include "nas/fit/roofline.h"

namespace npusim::fit {

/// Cycles of a network from channels: numbers that add up over its operators. Immutable.
class Core {
 public:
  virtual ~Core() = default;
  [[nodiscard]] virtual std::size_t channels() const = 0;
  /// Adds an operator's channels to `sums`.
  virtual void add(const std::string& kind, std::span<const double> features,
                   std::span<double> sums) const = 0;
  /// Of a network with these channels.
  [[nodiscard]] virtual double cycles(std::span<const double> sums) const = 0;
  /// An operator's part of a network with these channels; nullopt of models that do not know layers.
  struct Layer {
    double cycles = 0;
    std::size_t binding = 0;  ///< Roofline::binding()
  };
  [[nodiscard]] virtual std::optional<Layer> layer(const std::string& /*kind*/,
                                                   std::span<const double> /*features*/,
                                                   std::span<const double> /*sums*/) const {
    return std::nullopt;
  }
  /// Names and coefficients in cycles, for people; empty for models that have none.
  [[nodiscard]] virtual std::vector<std::pair<std::string, double>> coefficients() const { return {}; }
  /// Everything that core_from() needs.
  [[nodiscard]] virtual nlohmann::json to_json() const = 0;
};

/// "apm" and the six of linear_kinds(), "xgb", "mlp".
const std::vector<std::string>& model_names();

struct CoreOptions {
  std::string model = "apm";
  /// Indices in Dataset::features of what linear and learned models see.
  std::vector<std::size_t> features;
  std::uint64_t seed = 1;
};

/// Fits to the networks of these indices. Throws UserError when they are too few.
std::shared_ptr<const Core> train_core(const Dataset& data, std::span<const std::size_t> networks,
                                       const CoreOptions& options);

/// Throws UserError or a JSON exception when the JSON is not to_json()'s.
std::shared_ptr<const Core> core_from(const std::string& model, const nlohmann::json& json);

/// Channels of a network of the dataset.
std::vector<double> channels_of(const Core& core, const Dataset& data, const Network& network);

}  // namespace npusim::fit
