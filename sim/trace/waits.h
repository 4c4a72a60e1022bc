// Who waited for whom at the DRAM.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace npusim::trace {

struct Report;

/// What one port's requests waited for at the DRAM channels, in command clocks summed over channels. The
/// parts add up to the clocks in which the port had unserved requests there (sim/mem/wait_ledger.h defines
/// them).
struct WaitReport {
  std::string port;
  std::int64_t service = 0;                                    ///< what they would have taken anyway
  std::int64_t own = 0;                                        ///< behind the port's own earlier requests
  std::int64_t refresh = 0;                                    ///< behind refreshes
  std::vector<std::pair<std::string, std::int64_t>> others{};  ///< behind others' requests, by port; no zeros
  [[nodiscard]] std::int64_t total() const;
};

/// The field `dram.waits`: clock_mhz and a list by port.
nlohmann::ordered_json waits_json(const Report& report);
/// A line a port that used the DRAM: its clocks there in percent by cause. Empty without accounts.
std::string waits_text(const Report& report);

}  // namespace npusim::trace
