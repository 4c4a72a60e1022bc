// What differs between kinds of models: how operators' features become a network's cycles.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "nas/fit/dataset.h"
#include "nas/fit/roofline.h"

namespace npusim::fit {

/// A network's operators in its order.
using Operators = std::vector<const Operator*>;

/// Cycles of a network: every operator has channels() numbers, fold() makes as many of the network of them,
/// and these decide. Immutable.
class Core {
 public:
  virtual ~Core() = default;
  [[nodiscard]] virtual std::size_t channels() const = 0;
  /// An operator's channels are added to `channels`.
  virtual void add(const Operator& op, std::span<double> channels) const = 0;
  /// Adds a network's operators (channels() numbers each, in its order) to `sums`, which start at 0.
  virtual void fold(std::span<const double> operators, std::span<double> sums) const;
  /// Whether fold() is more than a sum: then parts of a network must not be added up beforehand.
  [[nodiscard]] virtual bool in_order() const { return false; }
  /// Of a network with these sums.
  [[nodiscard]] virtual double cycles(std::span<const double> sums) const = 0;
  /// An operator's part of a network.
  struct Layer {
    double cycles = 0;
    std::size_t binding = 0;  ///< Roofline::binding()
  };
  /// Of all of a network's operators; none of models that do not know layers.
  [[nodiscard]] virtual std::vector<Layer> layers(const Operators& /*network*/) const { return {}; }
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

/// Channels of each of a network's operators, one after another, and the network's sums of them.
std::vector<double> channel_items(const Core& core, const Operators& network);
std::vector<double> channel_sums(const Core& core, const Operators& network);
Operators operators_of(const Dataset& data, const Network& network);

}  // namespace npusim::fit
