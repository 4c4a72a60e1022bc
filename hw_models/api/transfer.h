// Chips whose DMA engines can be asked for one transfer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hw_models/api/npu.h"

namespace npusim::hw {

/// What an Npu may also be.
class Transfers {
 public:
  virtual ~Transfers() = default;
  /// Names of the memories between which its engines move bytes.
  [[nodiscard]] virtual std::vector<std::string> memories() const = 0;
  /// A program of one transfer. Throws UserError when a memory does not hold `bytes`.
  [[nodiscard]] virtual Compiled transfer(const std::string& from, const std::string& to,
                                          std::int64_t bytes) const = 0;
};

/// Runs one transfer of `bytes` between two memories of the chip. Throws UserError for chips that are no
/// Transfers and for memories they do not have, with the nearest name.
trace::Report run_transfer(const Config& description, const std::string& from, const std::string& to,
                           std::int64_t bytes);

}  // namespace npusim::hw
