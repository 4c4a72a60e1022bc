#include "nas/fit/apm.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "nas/fit/linear.h"
#include "sim/base/error.h"

namespace npusim::fit {
namespace {

using Json = nlohmann::json;
using Index = Eigen::Index;

constexpr std::size_t kWeights = 5;  ///< of Extractor::names()

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

Matrix sum_rows(const Core& core, const Dataset& data, std::span<const std::size_t> networks) {
  Matrix sums(static_cast<Index>(networks.size()), static_cast<Index>(core.channels()));
  for (std::size_t i = 0; i < networks.size(); ++i) {
    sums.row(static_cast<Index>(i)) =
        vector_of(channel_sums(core, operators_of(data, data.networks[networks[i]])));
  }
  return sums;
}

/// Squares of the relative residuals of the non-negative terms that make them smallest: small networks count
/// as much as large ones, and no prediction is negative.
double fit_terms(const Matrix& columns, const Vector& cycles, Vector& terms) {
  const Matrix relative = cycles.cwiseInverse().asDiagonal() * columns;
  const Vector ones = Vector::Ones(columns.rows());
  terms = nonnegative_least_squares(relative, ones);
  return (relative * terms - ones).squaredNorm();
}

/// How parameters that the chip does not keep reach it: over a link that runs ahead of the layers, as far as
/// its buffer holds.
struct Link {
  double per_byte = 0, per_layer = 0;  ///< cycles
  double ahead = 0;                    ///< cycles of the link's work that the buffer holds
};

/// A network's layers one after another: which keep their parameters, and what each takes.
class Walk {
 public:
  Walk(double room, const Link& link) : left_(room), link_(link) {}
  /// Whether the next layer, with that many bytes of parameters, has them streamed.
  bool streams(double bytes) {
    if (bytes <= 0) return false;
    if (bytes > left_) return true;
    left_ -= bytes;
    return false;
  }
  /// Cycles of the next layer, which takes `kept` if its parameters are there. Theirs come while earlier
  /// layers leave the link idle, or now.
  double next(double kept, double bytes) {
    streamed_ = streams(bytes);
    const double link = streamed_ ? std::max(0.0, link_.per_byte * bytes + link_.per_layer - done_) : 0;
    bound_ = link > kept;
    const double cycles = std::max(kept, link);
    const double before = streamed_ ? 0 : done_;
    done_ = std::min(link_.ahead, before + cycles - link);
    return cycles;
  }
  [[nodiscard]] bool streamed() const { return streamed_; }
  /// Whether the link takes longer than the layer.
  [[nodiscard]] bool bound() const { return bound_; }

 private:
  double left_;
  Link link_;
  double done_ = 0;  ///< cycles of the link's work for layers to come
  bool streamed_ = false, bound_ = false;
};

double room_of(const Operators& network) {
  double room = std::numeric_limits<double>::infinity();
  for (const Operator* op : network) {
    if (op->room > 0) room = std::min(room, op->room);
  }
  return room;
}

/// Layers of a chip that keeps parameters by one roofline, with a link as the ceiling of those that do not
/// fit.
class KeptApm : public Core {
 public:
  explicit KeptApm(Rooflines kept) : kept_(std::move(kept)) {}
  explicit KeptApm(const Json& json)
      : kept_(rooflines_from(json.at("kept"))),
        link_{json.at("link").at("cycles_per_byte"), json.at("link").at("cycles_per_layer"),
              json.at("link").at("cycles_ahead")},
        network_(terms_from(json, kTerms)) {}
  [[nodiscard]] std::size_t channels() const override { return kChannels; }
  [[nodiscard]] bool in_order() const override { return true; }
  void add(const Operator& op, std::span<double> channels) const override {
    channels[kCycles] += roofline_of(kept_, op.kind).cycles(op.features);
    channels[kCount] += 1;
    channels[kElements] += op.features[kWeights];
    channels[kBytes] += op.features[kParameters];
    channels[kRoom] += op.room;
  }
  void fold(std::span<const double> operators, std::span<double> sums) const override {
    fold(operators, sums, link_);
  }
  [[nodiscard]] double cycles(std::span<const double> sums) const override {
    double all = network_[0];
    for (Index i = 1; i < kTerms; ++i) all += network_[i] * sums[static_cast<std::size_t>(i - 1)];
    return all;
  }
  [[nodiscard]] std::vector<Layer> layers(const Operators& network) const override {
    Walk walk(room_of(network), link_);
    std::vector<Layer> list;
    for (const Operator* op : network) {
      const Roofline& roofline = roofline_of(kept_, op->kind);
      const double cycles = walk.next(roofline.cycles(op->features), op->features[kParameters]);
      list.push_back({cycles, walk.bound() ? kParameters : roofline.binding(op->features)});
    }
    return list;
  }
  [[nodiscard]] std::vector<std::pair<std::string, double>> coefficients() const override {
    return {{"constant", network_[0]},
            {"layers", network_[1]},
            {"operators", network_[2]},
            {"weights", network_[3]},
            {"bytes streamed", network_[4]},
            {"(link, a byte)", link_.per_byte},
            {"(link, a layer)", link_.per_layer},
            {"(link runs ahead)", link_.ahead}};
  }
  void fit_network(const Dataset& data, std::span<const std::size_t> networks);
  [[nodiscard]] Json to_json() const override {
    return {{"kept", json_of(kept_)},
            {"link",
             {{"cycles_per_byte", link_.per_byte},
              {"cycles_per_layer", link_.per_layer},
              {"cycles_ahead", link_.ahead}}},
            {"network", plain(network_)}};
  }

 private:
  /// Of an operator: cycles if kept, 1, elements of weights, bytes of parameters, room. Of a network: cycles
  /// of its layers, operators, elements of weights, bytes streamed.
  enum Channel : std::size_t { kCycles, kCount, kElements, kBytes, kRoom, kChannels };
  static constexpr Index kTerms = 5;

  static void fold(std::span<const double> operators, std::span<double> sums, const Link& link) {
    double room = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < operators.size(); i += kChannels) {
      if (operators[i + kRoom] > 0) room = std::min(room, operators[i + kRoom]);
    }
    Walk walk(room, link);
    for (std::size_t i = 0; i < operators.size(); i += kChannels) {
      const double bytes = operators[i + kBytes];
      sums[kCycles] += walk.next(operators[i + kCycles], bytes);
      if (walk.streamed()) sums[kBytes] += bytes;
      sums[kCount] += operators[i + kCount];
      sums[kElements] += operators[i + kElements];
    }
  }

  Rooflines kept_;
  Link link_;
  Vector network_ = Vector::Zero(kTerms);
};

/// What operators took where their parameters were kept, and where they were not all cycles and bytes.
struct Kept {
  Observed means;
  double streamed_cycles = 0, streamed_bytes = 0;
  Kept(const Dataset& data, std::span<const std::size_t> networks) : means(data.operators.size()) {
    for (const std::size_t i : networks) {
      const Network& network = data.networks[i];
      Walk walk(room_of(operators_of(data, network)), {});
      for (const Sample& sample : network.samples) {
        const double bytes = data.operators[sample.op].features[kParameters];
        const auto cycles = static_cast<double>(sample.cycles);
        if (walk.streams(bytes)) {
          streamed_cycles += cycles;
          streamed_bytes += bytes;
        } else {
          means.cycles[sample.op] += (cycles - means.cycles[sample.op]) / ++means.count[sample.op];
        }
      }
    }
  }
};

void KeptApm::fit_network(const Dataset& data, std::span<const std::size_t> networks) {
  constexpr int kRounds = 40;
  const Vector cycles = cycles_of(data, networks);
  std::vector<std::vector<double>> items;
  for (const std::size_t i : networks) {
    items.push_back(channel_items(*this, operators_of(data, data.networks[i])));
  }
  const auto squares = [&](const Link& link, Vector& terms) {
    Matrix columns(cycles.size(), kTerms);
    for (Index i = 0; i < cycles.size(); ++i) {
      std::vector<double> sums(kChannels, 0);
      fold(items[static_cast<std::size_t>(i)], sums, link);
      columns.row(i) << 1, vector_of(sums).head(kTerms - 1).transpose();
    }
    return fit_terms(columns, cycles, terms);
  };
  const Kept seen(data, networks);
  const double per_byte = seen.streamed_bytes > 0 ? seen.streamed_cycles / seen.streamed_bytes : 0;
  link_ = {per_byte, 0, 0};
  double least = squares(link_, network_);
  if (per_byte == 0) return;
  // A search along each coordinate, with steps that shrink where neither direction helps.
  Link step{per_byte / 8, per_byte * 4096, per_byte * 65536};
  const auto attempt = [&](double Link::*what, double by) {
    Link link = link_;
    link.*what = std::max(0.0, link.*what + by);
    Vector terms;
    const double now = squares(link, terms);
    if (now >= least) return false;
    least = now;
    link_ = link;
    network_ = terms;
    return true;
  };
  for (int round = 0; round < kRounds; ++round) {
    for (double Link::*what : {&Link::ahead, &Link::per_byte, &Link::per_layer}) {
      if (!attempt(what, step.*what) && !attempt(what, -(step.*what))) step.*what /= 2;
    }
  }
}

/// Layers by two rooflines, of their shortest and of their longest time, and how far a network is between
/// them: the share of one feature's sum that lies beyond a knee. The network's terms are linear in these
/// sums.
class KneeApm : public Core {
 public:
  KneeApm(Rooflines shortest, Rooflines longest)
      : shortest_(std::move(shortest)), longest_(std::move(longest)) {}
  explicit KneeApm(const Json& json)
      : shortest_(rooflines_from(json.at("shortest"))),
        longest_(rooflines_from(json.at("longest"))),
        feature_(json.at("knee_feature")),
        network_(terms_from(json, kTerms)),
        knee_(json.at("knee")) {}
  [[nodiscard]] std::size_t channels() const override { return kChannels; }
  void add(const Operator& op, std::span<double> channels) const override {
    channels[0] += roofline_of(shortest_, op.kind).cycles(op.features);
    channels[1] += roofline_of(longest_, op.kind).cycles(op.features);
    channels[2] += 1;
    channels[3] += op.features[kWeights];
    channels[4] += op.features[feature_];
  }
  [[nodiscard]] double cycles(std::span<const double> sums) const override {
    const double beyond = std::max(0.0, sums[4] - knee_);
    const double share = sums[4] > 0 ? beyond / sums[4] : 0;
    return network_[0] + (network_[1] + (1 - share) * network_[6]) * sums[0] +
           (network_[2] + share * network_[7]) * sums[1] + network_[3] * sums[2] + network_[4] * sums[3] +
           network_[5] * beyond;
  }
  [[nodiscard]] std::vector<Layer> layers(const Operators& network) const override {
    const std::vector<double> sums = channel_sums(*this, network);
    const double share = sums[4] > 0 ? std::max(0.0, sums[4] - knee_) / sums[4] : 0;
    std::vector<Layer> list;
    for (const Operator* op : network) {
      const Roofline& shortest = roofline_of(shortest_, op->kind);
      const Roofline& longest = roofline_of(longest_, op->kind);
      list.push_back({(1 - share) * shortest.cycles(op->features) + share * longest.cycles(op->features),
                      (share < 0.5 ? shortest : longest).binding(op->features)});
    }
    return list;
  }
  [[nodiscard]] std::vector<std::pair<std::string, double>> coefficients() const override {
    return {
        {"constant", network_[0]},        {"layers, shortest", network_[1]}, {"layers, longest", network_[2]},
        {"operators", network_[3]},       {"weights", network_[4]},          {"beyond the knee", network_[5]},
        {"rest x shortest", network_[6]}, {"share x longest", network_[7]},  {"(the knee)", knee_}};
  }
  void fit_network(const Dataset& data, std::span<const std::size_t> networks);
  [[nodiscard]] Json to_json() const override {
    return {{"shortest", json_of(shortest_)},
            {"longest", json_of(longest_)},
            {"network", plain(network_)},
            {"knee", knee_},
            {"knee_feature", feature_}};
  }

 private:
  /// Layers' shortest and longest cycles, operators, weights, the knee's feature.
  static constexpr std::size_t kChannels = 5;
  static constexpr Index kTerms = 8;
  Rooflines shortest_, longest_;
  std::size_t feature_ = kWeights;
  Vector network_ = Vector::Zero(kTerms);
  double knee_ = 0;
};

/// What KneeApm's terms multiply.
Matrix knee_columns(const Matrix& sums, double knee) {
  Matrix columns(sums.rows(), 8);
  const Vector beyond = (sums.col(4).array() - knee).max(0);
  const Vector share = beyond.cwiseQuotient(sums.col(4).cwiseMax(1));
  columns << Vector::Ones(sums.rows()), sums.leftCols(4), beyond,
      sums.col(0).cwiseProduct(Vector(1 - share.array())), sums.col(1).cwiseProduct(share);
  return columns;
}

void KneeApm::fit_network(const Dataset& data, std::span<const std::size_t> networks) {
  constexpr int kKnees = 48;
  // A knee must explain something that chance does not.
  constexpr double kWorthwhile = 0.99;
  const Vector cycles = cycles_of(data, networks);
  Matrix sums = sum_rows(*this, data, networks);
  knee_ = sums.col(4).maxCoeff();
  double least = kWorthwhile * fit_terms(knee_columns(sums, knee_), cycles, network_);
  const auto attempt = [&](std::size_t feature, double knee) {
    Vector terms;
    const double squares = fit_terms(knee_columns(sums, knee), cycles, terms);
    if (squares >= least) return;
    least = squares;
    feature_ = feature;
    knee_ = knee;
    network_ = terms;
  };
  for (std::size_t feature = 0; feature < data.features.size(); ++feature) {
    for (std::size_t i = 0; i < networks.size(); ++i) {
      sums(static_cast<Index>(i), 4) = data.sums(data.networks[networks[i]])[feature];
    }
    const double low = sums.col(4).minCoeff();
    const double step = (sums.col(4).maxCoeff() - low) / kKnees;
    if (step <= 0) continue;
    for (int i = 1; i < kKnees; ++i) attempt(feature, low + step * i);
    for (double fine = step / 2; feature_ == feature && fine > step / 64; fine /= 2) {
      const double middle = knee_;
      attempt(feature, middle - fine);
      attempt(feature, middle + fine);
    }
  }
}

}  // namespace

std::shared_ptr<const Core> train_apm(const Dataset& data, std::span<const std::size_t> networks) {
  const bool keeps = std::any_of(data.operators.begin(), data.operators.end(),
                                 [](const Operator& op) { return op.room > 0; });
  if (keeps) {
    auto core = std::make_shared<KeptApm>(fit_rooflines(data, Kept(data, networks).means));
    core->fit_network(data, networks);
    return core;
  }
  auto core = std::make_shared<KneeApm>(fit_rooflines(data, networks, Extreme::shortest),
                                        fit_rooflines(data, networks, Extreme::longest));
  core->fit_network(data, networks);
  return core;
}

std::shared_ptr<const Core> apm_from(const Json& json) {
  if (json.contains("kept")) return std::make_shared<KeptApm>(json);
  return std::make_shared<KneeApm>(json);
}

}  // namespace npusim::fit
