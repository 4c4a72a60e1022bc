#include "nas/fit/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "sim/base/error.h"
#include "sim/base/rng.h"

namespace npusim::fit {
namespace {

using Index = Eigen::Index;
using Indices = std::vector<std::size_t>;

constexpr std::size_t kFewestNetworks = 10;

Matrix sums_of(const Dataset& data, const Indices& networks) {
  Matrix sums(static_cast<Index>(networks.size()), static_cast<Index>(data.features.size()));
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const std::vector<double> one = data.sums(data.networks[networks[i]]);
    sums.row(static_cast<Index>(i)) = Eigen::Map<const Vector>(one.data(), static_cast<Index>(one.size()));
  }
  return sums;
}

/// Features whose sums are the same for all networks.
std::vector<bool> constant_features(const Matrix& sums) {
  std::vector<bool> constant;
  for (Index j = 0; j < sums.cols(); ++j) {
    constant.push_back(sums.col(j).maxCoeff() == sums.col(j).minCoeff());
  }
  return constant;
}

/// The features that the user named, or all that vary; the others' names go to `dropped`.
Indices choose_features(const Dataset& data, const FitOptions& options, const Matrix& sums,
                        std::vector<std::string>& dropped) {
  const std::vector<bool> constant = constant_features(sums);
  std::vector<std::string> named;
  for (const std::string& name : options.features) {
    if (name == "isynet") {
      named.insert(named.end(), {"m", "v", "d"});
    } else {
      named.push_back(name);
    }
  }
  Indices chosen;
  for (const std::string& name : named) {
    const auto at = std::find(data.features.begin(), data.features.end(), name);
    if (at == data.features.end()) {
      throw UserError(fmt::format("there is no feature '{}'{}; there are: {}", name,
                                  suggestion(name, data.features), fmt::join(data.features, ", ")));
    }
    const auto index = static_cast<std::size_t>(at - data.features.begin());
    if (constant[index]) {
      throw UserError(fmt::format("feature {} is {} for all {} networks: nothing can be learnt from it", name,
                                  sums(0, static_cast<Index>(index)), sums.rows()));
    }
    chosen.push_back(index);
  }
  if (!named.empty()) return chosen;
  for (std::size_t i = 0; i < constant.size(); ++i) {
    if (constant[i]) {
      dropped.push_back(data.features[i]);
    } else {
      chosen.push_back(i);
    }
  }
  if (chosen.empty()) {
    throw UserError(
        fmt::format("all features are the same for all {} networks: nothing can be learnt", sums.rows()));
  }
  return chosen;
}

/// Networks in random order, dealt to `folds` hands.
std::vector<Indices> deal(Indices networks, std::size_t folds, std::uint64_t seed) {
  Rng rng(seed);
  for (std::size_t i = networks.size() - 1; i > 0; --i) {
    std::swap(networks[i], networks[static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(i)))]);
  }
  std::vector<Indices> hands(folds);
  for (std::size_t i = 0; i < networks.size(); ++i) hands[i % folds].push_back(networks[i]);
  return hands;
}

struct Predicted {
  std::vector<double> targets, predictions;
  void add(const Dataset& data, const Core& core, const Indices& networks) {
    for (const std::size_t i : networks) {
      targets.push_back(data.latency_ns(data.networks[i]));
      predictions.push_back(core.cycles(channel_sums(core, operators_of(data, data.networks[i]))) *
                            data.ns_per_cycle);
    }
  }
  [[nodiscard]] Errors errors() const { return errors_of(targets, predictions); }
  [[nodiscard]] Judged judged() const {
    Judged rounded;
    for (const double target : targets) rounded.simulated_ns.push_back(std::llround(target));
    for (const double one : predictions) rounded.predicted_ns.push_back(std::llround(one));
    return rounded;
  }
};

Predicted cross_validate(const Dataset& data, const Indices& networks, const CoreOptions& core,
                         const FitOptions& options) {
  Predicted unseen;
  const std::vector<Indices> hands = deal(networks, options.folds, options.seed);
  for (std::size_t fold = 0; fold < hands.size(); ++fold) {
    Indices others;
    for (std::size_t i = 0; i < hands.size(); ++i) {
      if (i != fold) others.insert(others.end(), hands[i].begin(), hands[i].end());
    }
    unseen.add(data, *train_core(data, others, core), hands[fold]);
  }
  return unseen;
}

/// Learning from a sixteenth, an eighth, ... of the networks; judged on one fold that none of them sees.
std::vector<LearningStep> learning_curve(const Dataset& data, const Indices& networks,
                                         const CoreOptions& core, const FitOptions& options) {
  std::vector<Indices> hands = deal(networks, options.folds, options.seed);
  Indices rest;
  for (std::size_t i = 1; i < hands.size(); ++i) rest.insert(rest.end(), hands[i].begin(), hands[i].end());
  std::vector<LearningStep> curve;
  for (const std::size_t part : {16, 8, 4, 2, 1}) {
    const std::size_t count = rest.size() / part;
    if (count < kFewestNetworks) continue;
    try {
      const Indices some(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count));
      Predicted unseen;
      unseen.add(data, *train_core(data, some, core), hands[0]);
      curve.push_back({count, unseen.errors()});
    } catch (const UserError&) {
      // Too few for this model: the curve starts later.
    }
  }
  return curve;
}

std::vector<KindErrors> kind_errors(const Dataset& data, const Indices& networks, const Core& core) {
  struct Sums {
    std::size_t layers = 0;
    double simulated = 0, predicted = 0, missed = 0;
  };
  std::map<std::string, Sums> kinds;
  double all = 0;
  for (const std::size_t network : networks) {
    const std::vector<Sample>& samples = data.networks[network].samples;
    const std::vector<Core::Layer> layers = core.layers(operators_of(data, data.networks[network]));
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const double predicted = layers[i].cycles;
      const auto simulated = static_cast<double>(samples[i].cycles);
      Sums& sums = kinds[data.operators[samples[i].op].kind];
      ++sums.layers;
      sums.simulated += simulated;
      sums.predicted += predicted;
      sums.missed += std::abs(predicted - simulated);
      all += simulated;
    }
  }
  all = std::max(all, 1.0);
  std::vector<KindErrors> list;
  for (const auto& [kind, sums] : kinds) {
    list.push_back({kind, sums.layers, sums.simulated / all, (sums.predicted - sums.simulated) / all,
                    sums.missed / all});
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const KindErrors& a, const KindErrors& b) { return a.share > b.share; });
  return list;
}

HeldShare held_share(const Predicted& unseen, const Spread& spread) {
  Indices order(unseen.targets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return unseen.predictions[a] < unseen.predictions[b];
  });
  HeldShare share;
  std::array<std::size_t, 3> count{};
  std::size_t held = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double predicted = unseen.predictions[order[rank]];
    const bool inside =
        std::abs(unseen.targets[order[rank]] - predicted) <= spread.of(predicted) * std::abs(predicted);
    const std::size_t third = 3 * rank / order.size();
    ++count[third];
    held += inside ? 1 : 0;
    share.thirds[third] += inside ? 1 : 0;
  }
  share.all = static_cast<double>(held) / static_cast<double>(order.size());
  for (std::size_t i = 0; i < 3; ++i) {
    share.thirds[i] = count[i] > 0 ? share.thirds[i] / static_cast<double>(count[i]) : share.all;
  }
  return share;
}

void judge(const Dataset& data, const Indices& networks, Model& model) {
  if (networks.empty()) return;
  Predicted unseen;
  unseen.add(data, *model.core, networks);
  model.held_out = unseen.errors();
  model.judged["held_out"] = unseen.judged();
  model.held = held_share(unseen, model.spread);
}

void check_options(const Dataset& data, const FitOptions& options) {
  const auto& names = model_names();
  if (std::find(names.begin(), names.end(), options.model) == names.end()) {
    throw UserError(fmt::format("there is no model '{}'{}; there are: {}", options.model,
                                suggestion(options.model, names), fmt::join(names, ", ")));
  }
  if (options.folds < 2) throw UserError("cross-validation needs at least 2 folds");
  const std::size_t n = data.networks.size();
  if (n < options.hold_out + std::max(kFewestNetworks, options.folds)) {
    throw UserError(
        fmt::format("{} networks, {} of them held out, are too few to fit: at least {} must remain", n,
                    options.hold_out, std::max(kFewestNetworks, options.folds)));
  }
}

}  // namespace

FitResult fit(const Dataset& data, const FitOptions& options) {
  check(data);
  check_options(data, options);
  Indices seen(data.networks.size() - options.hold_out);
  std::iota(seen.begin(), seen.end(), std::size_t{0});
  Indices unseen(options.hold_out);
  std::iota(unseen.begin(), unseen.end(), seen.size());

  FitResult result;
  const Matrix sums = sums_of(data, seen);
  const CoreOptions core{options.model, choose_features(data, options, sums, result.dropped), options.seed};
  Model& model = result.model;
  model.model = options.model;
  model.hw = data.hw;
  model.hw_hash = data.hw_hash;
  model.dtype = data.dtype;
  model.ns_per_cycle = data.ns_per_cycle;
  model.data_hash = hash_of(data);
  model.networks = seen.size();
  model.features = data.features;
  model.coverage = options.coverage;
  model.core = train_core(data, seen, core);
  Predicted training;
  training.add(data, *model.core, seen);
  model.training = training.errors();
  const Predicted cross = cross_validate(data, seen, core, options);
  model.cross_validation = cross.errors();
  model.judged["cross_validation"] = cross.judged();
  model.spread = fit_spread(cross.targets, cross.predictions, options.coverage);
  model.domain = Domain(sums, data.features);
  judge(data, unseen, model);
  model.learning = learning_curve(data, seen, core, options);
  result.kinds = kind_errors(data, unseen.empty() ? seen : unseen, *model.core);
  if (options.model != "apm" && options.model != "xgb" && options.model != "mlp") {
    const Matrix columns = sums(Eigen::all, core.features);
    const Vector factors = variance_inflation(columns);
    for (std::size_t i = 0; i < core.features.size(); ++i) {
      result.inflation.push_back({data.features[core.features[i]], factors[static_cast<Index>(i)]});
    }
  }
  return result;
}

}  // namespace npusim::fit
