// The input unit of a DPU: requesters that read words of CMX through the ports.
#pragma once

#include <cstdint>

#include "hw_models/vpu/clocked/job.h"

namespace npusim::vpu::clocked {

/// One stream of words that the IDU reads, in an order of its own.
class Requester {
 public:
  Requester() = default;
  /// `lanes` lanes, each of which reads on average `taps / pixels` taps: the fraction is carried from lane to
  /// lane. A tap is `words` words, of which each holds a port for `cost` thousandths of a CMX clock.
  Requester(std::int64_t lanes, std::int64_t taps, std::int64_t pixels, std::int64_t words,
            std::int64_t cost);
  [[nodiscard]] bool done() const { return lanes_ == 0 && words_ == 0; }
  [[nodiscard]] std::int64_t cost() const { return cost_; }
  [[nodiscard]] std::int64_t read() const { return read_; }
  [[nodiscard]] std::int64_t total() const { return total_; }
  void take();
  /// Words that belong to the first `done` of `all` steps.
  [[nodiscard]] std::int64_t share(std::int64_t done, std::int64_t all) const;

 private:
  void open_lane();

  std::int64_t lanes_ = 0, taps_ = 0, pixels_ = 1, per_tap_ = 1, cost_ = 0;
  std::int64_t owed_ = 0;   ///< taps times pixels that earlier lanes left
  std::int64_t words_ = 0;  ///< left of the present lane
  std::int64_t read_ = 0, total_ = 0;
};

/// Ports, arbiter and the two operand buffers. The arbiter serves the requester that is further behind in its
/// own total (weighted round robin), so that both streams end together.
class Idu {
 public:
  explicit Idu(const Structure& structure) : structure_(structure) {}
  /// `steps`: of the array, among which the words are shared out evenly. `port_credit`: what a port gives a
  /// CMX clock, in the unit of the requesters' costs.
  void latch(const Requester& features, const Requester& weights, std::int64_t steps,
             std::int64_t port_credit);
  /// One edge of CMX's clock; `begun`: steps that have left the buffers.
  void edge(std::int64_t begun);
  [[nodiscard]] bool done() const { return features_.done() && weights_.done(); }
  /// Whether the words of the first `steps` steps have been read.
  [[nodiscard]] bool has(std::int64_t steps) const;

 private:
  [[nodiscard]] bool room(const Requester& requester, std::int64_t begun) const;
  Requester* arbitrate(std::int64_t begun);

  Structure structure_;
  Requester features_, weights_;
  std::int64_t steps_ = 1;
  std::int64_t port_credit_ = 0, credit_ = 0;
};

}  // namespace npusim::vpu::clocked
