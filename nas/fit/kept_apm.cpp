// Chips that keep parameters: which layers' are kept, and a link that brings the others'.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

#include "nas/fit/apm_parts.h"
#include "sim/base/error.h"

namespace npusim::fit::apm {
namespace {

using Json = nlohmann::json;
using Index = Eigen::Index;

/// How parameters that the chip does not keep reach it: in pieces, each layer's its own, that go to slots one
/// after another; a slot is free when its piece's share of the layer's work is done.
struct Link {
  static constexpr std::size_t kMostSlots = 16;
  double per_byte = 0;   ///< cycles
  double piece = 65536;  ///< bytes
  std::size_t slots = 2;
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
  /// Cycles of the next layer, which takes `kept` if its parameters are there. A piece's share of its work
  /// begins when the piece has come and the work before is done.
  double next(double kept, double bytes) {
    streamed_ = streams(bytes);
    const double start = now_;
    if (!streamed_) {
      now_ += kept;
      return kept;
    }
    const double work = kept / bytes;
    for (double left = bytes; left > 0; left -= link_.piece) {
      const double piece = std::min(left, link_.piece);
      double& used = used_[slot_];
      slot_ = slot_ + 1 == link_.slots ? 0 : slot_ + 1;
      link_free_ = std::max(link_free_, used) + piece * link_.per_byte;
      now_ = std::max(now_, link_free_) + piece * work;
      used = now_;
    }
    return now_ - start;
  }
  [[nodiscard]] bool streamed() const { return streamed_; }

 private:
  double left_;
  const Link& link_;
  double now_ = 0, link_free_ = 0;
  std::array<double, Link::kMostSlots> used_{};
  std::size_t slot_ = 0;
  bool streamed_ = false;
};

double room_of(const Operators& network) {
  double room = std::numeric_limits<double>::infinity();
  for (const Operator* op : network) {
    if (op->room > 0) room = std::min(room, op->room);
  }
  return room;
}

Link link_from(const Json& json) {
  if (!json.contains("bytes_per_piece")) {
    throw UserError("it is of an earlier npusim, whose apm knew no pieces and slots of a link: fit again");
  }
  const Link link{json.at("cycles_per_byte"), json.at("bytes_per_piece"), json.at("slots")};
  if (!(link.piece >= 1) || link.slots < 1 || link.slots > Link::kMostSlots) {
    throw UserError(fmt::format("a link of {} slots of {} bytes", link.slots, link.piece));
  }
  return link;
}

/// Layers of a chip that keeps parameters by one roofline, with a link as the ceiling of those that do not
/// fit.
class KeptApm : public Core {
 public:
  explicit KeptApm(Rooflines kept) : kept_(std::move(kept)) {}
  explicit KeptApm(const Json& json)
      : kept_(rooflines_from(json.at("kept"))),
        link_(link_from(json.at("link"))),
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
      const double kept = roofline.cycles(op->features);
      const double bytes = op->features[kParameters];
      const double cycles = walk.next(kept, bytes);
      const bool link_binds = walk.streamed() && bytes * link_.per_byte > kept;
      list.push_back({cycles, link_binds ? kParameters : roofline.binding(op->features)});
    }
    return list;
  }
  [[nodiscard]] std::vector<std::pair<std::string, double>> coefficients() const override {
    return {{"constant, cycles", network_[0]},       {"times layers' cycles", network_[1]},
            {"cycles an operator", network_[2]},     {"cycles a weight", network_[3]},
            {"cycles a byte streamed", network_[4]}, {"link: cycles a byte", link_.per_byte},
            {"link: bytes a piece", link_.piece},    {"link: slots", static_cast<double>(link_.slots)}};
  }
  void fit_network(const Dataset& data, std::span<const std::size_t> networks);
  [[nodiscard]] Json to_json() const override {
    return {{"kept", json_of(kept_)},
            {"link",
             {{"cycles_per_byte", link_.per_byte}, {"bytes_per_piece", link_.piece}, {"slots", link_.slots}}},
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

/// A link's parameters: those with which networks' layers together take nearest to what they took, relative
/// to it. Every choice of pieces and slots is tried on some networks, the best ones on all, each with the
/// speed that suits it.
class LinkFit {
 public:
  /// Relative errors of the first so many networks.
  using Residuals = std::function<Vector(const Link&, std::size_t networks)>;
  LinkFit(std::size_t networks, Residuals residuals)
      : networks_(networks), residuals_(std::move(residuals)) {}

  /// `per_byte`: cycles near the link's.
  [[nodiscard]] Link find(double per_byte) const {
    std::vector<Try> tries;
    for (double piece = kSmallest; piece <= kLargest; piece *= 2) {
      for (std::size_t slots = 1; slots <= Link::kMostSlots; ++slots) {
        tries.push_back(refined({per_byte, piece, slots}, std::min(networks_, kSample)));
      }
    }
    std::stable_sort(tries.begin(), tries.end(),
                     [](const Try& a, const Try& b) { return a.squares < b.squares; });
    Try best;
    for (std::size_t i = 0; i < kFinalists; ++i) {
      const Try one = refined(tries[i].link, networks_);
      if (one.squares < best.squares) best = one;
    }
    return best.link;
  }

 private:
  static constexpr std::size_t kSample = 50, kFinalists = 4;
  static constexpr int kSteps = 4;
  static constexpr double kSmallest = 8192, kLargest = 1 << 20;
  struct Try {
    Link link;
    double squares = std::numeric_limits<double>::infinity();
  };

  /// With the cycles a byte of least squares (Gauss-Newton).
  [[nodiscard]] Try refined(Link link, std::size_t networks) const {
    constexpr double kDifference = 1e-4;
    Try best;
    for (int step = 0; step <= kSteps; ++step) {
      const Vector residuals = residuals_(link, networks);
      if (const double squares = residuals.squaredNorm(); squares < best.squares) best = {link, squares};
      Link near = link;
      near.per_byte *= 1 + kDifference;
      const Vector slope = (residuals_(near, networks) - residuals) / (near.per_byte - link.per_byte);
      if (slope.squaredNorm() == 0) break;
      link.per_byte = std::max(link.per_byte / 2, link.per_byte - residuals.dot(slope) / slope.squaredNorm());
    }
    return best;
  }

  std::size_t networks_;
  Residuals residuals_;
};

void KeptApm::fit_network(const Dataset& data, std::span<const std::size_t> networks) {
  const Vector cycles = cycles_of(data, networks);
  std::vector<std::vector<double>> items;
  std::vector<double> layers;
  for (const std::size_t i : networks) {
    items.push_back(channel_items(*this, operators_of(data, data.networks[i])));
    layers.push_back(0);
    for (const Sample& sample : data.networks[i].samples) layers.back() += static_cast<double>(sample.cycles);
  }
  const auto residuals = [&](const Link& link, std::size_t count) {
    Vector relative(static_cast<Index>(count));
    for (std::size_t i = 0; i < count; ++i) {
      std::array<double, kChannels> sums{};
      fold(items[i], sums, link);
      const auto row = static_cast<Index>(i);
      relative[row] = (sums[kCycles] - layers[i]) / cycles[row];
    }
    return relative;
  };
  const Kept seen(data, networks);
  if (seen.streamed_bytes > 0) {
    link_ = LinkFit(networks.size(), residuals).find(seen.streamed_cycles / seen.streamed_bytes);
  }
  Matrix columns(cycles.size(), kTerms);
  for (Index i = 0; i < cycles.size(); ++i) {
    std::vector<double> sums(kChannels, 0);
    fold(items[static_cast<std::size_t>(i)], sums, link_);
    columns.row(i) << 1, vector_of(sums).head(kTerms - 1).transpose();
  }
  fit_terms(columns, cycles, network_);
}

}  // namespace

std::shared_ptr<const Core> train_kept(const Dataset& data, std::span<const std::size_t> networks) {
  auto core = std::make_shared<KeptApm>(fit_rooflines(data, Kept(data, networks).means));
  core->fit_network(data, networks);
  return core;
}

std::shared_ptr<const Core> kept_from(const Json& json) { return std::make_shared<KeptApm>(json); }

}  // namespace npusim::fit::apm
