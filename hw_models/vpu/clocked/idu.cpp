#include "hw_models/vpu/clocked/idu.h"

#include "sim/base/units.h"

namespace npusim::vpu::clocked {

Requester::Requester(std::int64_t lanes, std::int64_t taps, std::int64_t pixels, std::int64_t words,
                     std::int64_t cost)
    : lanes_(lanes), taps_(taps), pixels_(pixels), per_tap_(words), cost_(cost) {
  total_ = mul_div(lanes, taps, pixels) * words;
  open_lane();
}

void Requester::open_lane() {
  while (words_ == 0 && lanes_ > 0) {
    --lanes_;
    owed_ += taps_;
    words_ = owed_ / pixels_ * per_tap_;
    owed_ %= pixels_;
  }
}

void Requester::take() {
  --words_;
  ++read_;
  open_lane();
}

std::int64_t Requester::share(std::int64_t done, std::int64_t all) const {
  return mul_div(total_, done, all);
}

void Idu::latch(const Requester& features, const Requester& weights, std::int64_t steps,
                std::int64_t port_credit) {
  features_ = features;
  weights_ = weights;
  steps_ = steps;
  port_credit_ = port_credit;
  credit_ = 0;
}

bool Idu::room(const Requester& requester, std::int64_t begun) const {
  return !requester.done() && requester.read() < requester.share(begun, steps_) + structure_.operand_words;
}

Requester* Idu::arbitrate(std::int64_t begun) {
  const bool features = room(features_, begun);
  const bool weights = room(weights_, begun);
  if (!features || !weights) return features ? &features_ : weights ? &weights_ : nullptr;
  // Whose next word is due first, both streams drawn to the same length.
  const bool first = features_.read() * weights_.total() <= weights_.read() * features_.total();
  return first ? &features_ : &weights_;
}

void Idu::edge(std::int64_t begun) {
  credit_ += structure_.ports * port_credit_;
  for (Requester* next = arbitrate(begun);; next = arbitrate(begun)) {
    if (next == nullptr) {
      credit_ = 0;  // ports that find no room stand still
      return;
    }
    if (credit_ < next->cost()) return;
    credit_ -= next->cost();
    next->take();
  }
}

bool Idu::has(std::int64_t steps) const {
  return features_.read() >= features_.share(steps, steps_) &&
         weights_.read() >= weights_.share(steps, steps_);
}

}  // namespace npusim::vpu::clocked
