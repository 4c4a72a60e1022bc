// Whose request goes next at a shared memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace npusim::mem {

struct PortSpec;

/// How masters that wait in front of a memory, each in a queue of its own, take turns.
enum class Arbitration : std::uint8_t {
  fifo,            ///< the oldest request, of equals that of the lowest port
  round_robin,     ///< the next master that waits, in turn after the one that had the last request
  fixed_priority,  ///< the highest PortSpec::priority, of equals the oldest request, then the lowest port
  weighted         ///< round robin in which a turn lasts for PortSpec::weight requests
};

/// "fifo", "round_robin", "fixed_priority", "weighted".
std::string_view to_string(Arbitration arbitration);
/// All of them, in the order of the enumeration.
std::vector<std::string> arbitration_names();

/// Decides among masters, one request at a time. A master waits at most for one request of each other master
/// (round_robin) or `weight` requests of each other (weighted) before its oldest request is granted; under
/// fixed_priority a lower one may wait for ever.
class Arbiter {
 public:
  /// A master whose oldest request could go.
  struct Candidate {
    std::uint16_t port = 0;
    std::int64_t arrival = 0;  ///< of that request
  };

  Arbiter(Arbitration arbitration, const std::vector<PortSpec>& ports);
  /// The index of the candidate whose turn it is. `candidates` are in order of ports and not empty. Changes
  /// nothing.
  [[nodiscard]] std::size_t pick(const std::vector<Candidate>& candidates) const;
  /// A request of `port` has been granted.
  void granted(std::uint16_t port);
  void reset();

 private:
  [[nodiscard]] std::size_t in_turn(const std::vector<Candidate>& candidates) const;

  Arbitration arbitration_;
  std::vector<std::int64_t> priority_, weight_;  ///< by port
  std::size_t turn_ = 0;                         ///< port that had the last request
  std::int64_t left_ = 0;                        ///< requests that its turn still has
};

}  // namespace npusim::mem
