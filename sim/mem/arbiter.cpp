#include "sim/mem/arbiter.h"

#include <array>
#include <tuple>

#include "sim/mem/memory.h"

namespace npusim::mem {

namespace {
constexpr std::array<std::string_view, 4> kNames = {"fifo", "round_robin", "fixed_priority", "weighted"};
}

std::string_view to_string(Arbitration arbitration) { return kNames[static_cast<std::size_t>(arbitration)]; }

std::vector<std::string> arbitration_names() { return {kNames.begin(), kNames.end()}; }

Arbiter::Arbiter(Arbitration arbitration, const std::vector<PortSpec>& ports) : arbitration_(arbitration) {
  for (const PortSpec& port : ports) {
    priority_.push_back(arbitration == Arbitration::fixed_priority ? port.priority : 0);
    weight_.push_back(arbitration == Arbitration::weighted ? port.weight : 1);
  }
  reset();
}

void Arbiter::reset() {
  turn_ = priority_.empty() ? 0 : priority_.size() - 1;
  left_ = 0;
}

std::size_t Arbiter::in_turn(const std::vector<Candidate>& candidates) const {
  std::size_t first_behind = candidates.size();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].port == turn_ && left_ > 0) return i;
    if (candidates[i].port > turn_ && first_behind == candidates.size()) first_behind = i;
  }
  return first_behind == candidates.size() ? 0 : first_behind;
}

std::size_t Arbiter::pick(const std::vector<Candidate>& candidates) const {
  if (arbitration_ == Arbitration::round_robin || arbitration_ == Arbitration::weighted) {
    return in_turn(candidates);
  }
  std::size_t best = 0;
  const auto key = [&](std::size_t i) {
    return std::tuple(-priority_[candidates[i].port], candidates[i].arrival);
  };
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    if (key(i) < key(best)) best = i;
  }
  return best;
}

void Arbiter::granted(std::uint16_t port) {
  if (port != turn_ || left_ == 0) left_ = weight_[port];
  turn_ = port;
  --left_;
}

}  // namespace npusim::mem
