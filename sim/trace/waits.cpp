#include "sim/trace/waits.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/trace/format.h"
#include "sim/trace/report.h"

namespace npusim::trace {

std::int64_t WaitReport::total() const {
  std::int64_t sum = service + own + refresh;
  for (const auto& other : others) sum += other.second;
  return sum;
}

nlohmann::ordered_json waits_json(const Report& report) {
  nlohmann::ordered_json json;
  json["clock_mhz"] = report.dram_clock_mhz;
  json["ports"] = nlohmann::ordered_json::array();
  for (const WaitReport& one : report.dram_waits) {
    nlohmann::ordered_json others = nlohmann::ordered_json::object();
    for (const auto& other : one.others) others[other.first] = other.second;
    json["ports"].push_back({{"port", one.port},
                             {"service_clocks", one.service},
                             {"own_clocks", one.own},
                             {"refresh_clocks", one.refresh},
                             {"others_clocks", others}});
  }
  return json;
}

std::string waits_text(const Report& report) {
  std::string text;
  for (const WaitReport& one : report.dram_waits) {
    const std::int64_t total = one.total();
    if (total == 0) continue;
    const auto share = [total](std::int64_t clocks) {
      return percent(static_cast<double>(clocks) / static_cast<double>(total));
    };
    std::string line =
        fmt::format("{}: {} channel clocks; served {}, behind its own {}, refresh {}", one.port,
                    grouped(total), share(one.service), share(one.own), share(one.refresh));
    for (const auto& other : one.others) line += fmt::format(", {} {}", other.first, share(other.second));
    text += labelled("waits", line, 11, 100);
  }
  return text;
}

}  // namespace npusim::trace
