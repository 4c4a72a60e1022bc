#include <fmt/format.h>

#include <iterator>

#include "sim/trace/report.h"

namespace npusim::trace {
namespace {

/// A CSV field (RFC 4180): quoted when it holds a comma, a quote or a line break.
std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

std::string to_csv(const Report& report) {
  fmt::memory_buffer out;
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "name,op,engine,start_cycle,end_cycle,cycles,macs,busy");
  for (std::size_t r = 0; r < kStallReasons; ++r) fmt::format_to(to, ",{}", to_string(static_cast<Stall>(r)));
  fmt::format_to(to, ",dram_read_bytes,dram_write_bytes,sram_read_bytes,sram_write_bytes\n");
  for (const LayerReport& layer : report.layers) {
    fmt::format_to(to, "{},{},{},{},{},{},{},{}", field(layer.name), field(layer.op), field(layer.engine),
                   layer.start_cycle, layer.end_cycle, layer.cycles(), layer.macs, layer.busy_cycles);
    for (const std::int64_t cycles : layer.stalls.by_reason) fmt::format_to(to, ",{}", cycles);
    fmt::format_to(to, ",{},{},{},{}\n", layer.dram_read_bytes, layer.dram_write_bytes, layer.sram_read_bytes,
                   layer.sram_write_bytes);
  }
  return fmt::to_string(out);
}

}  // namespace npusim::trace
