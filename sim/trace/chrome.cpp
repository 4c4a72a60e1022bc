// Chrome trace event format (the JSON object form), which Perfetto and chrome://tracing read. Source: "Trace
// Event Format", Google, 2016: metadata events (ph M) name the tracks, complete events (ph X) are slices in
// microseconds.
#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "sim/base/error.h"
#include "sim/trace/report.h"

namespace npusim::trace {
namespace {

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class ChromeTrace {
 public:
  explicit ChromeTrace(const Report& report) : report_(report) {
    ensure(report.clock_mhz > 0, "a trace needs the chip's clock");
    for (const LayerReport& layer : report.layers) layers_.push_back(json_text(layer.name));
    for (const std::string& name : report.span_names) names_.push_back(json_text(name));
  }

  std::string text() {
    append("{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    append("{{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{{\"name\":{}}}}}",
           json_text(report_.hw + ": " + report_.network));
    name_track(0, json_text("layers"));
    for (std::size_t e = 0; e < report_.engines.size(); ++e) {
      name_track(e + 1, json_text(report_.engines[e].name));
    }
    for (std::size_t i = 0; i < report_.layers.size(); ++i) {
      const LayerReport& layer = report_.layers[i];
      slice(0, layers_[i], "layer", layer.start_cycle, layer.end_cycle);
      append(",\"args\":{{\"op\":{},\"macs\":{},\"cycles\":{}}}}}", json_text(layer.op), layer.macs,
             layer.cycles());
    }
    for (const Span& span : report_.spans) print(span);
    append("\n]}}\n");
    return fmt::to_string(out_);
  }

 private:
  template <class... Args>
  void append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  void name_track(std::size_t track, const std::string& name) {
    append(",\n{{\"ph\":\"M\",\"pid\":1,\"tid\":{},\"name\":\"thread_name\",\"args\":{{\"name\":{}}}}}",
           track, name);
    append(
        ",\n{{\"ph\":\"M\",\"pid\":1,\"tid\":{0},\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{0}"
        "}}}}",
        track);
  }

  /// Picoseconds of a cycle. Slices are cut at these, so that neighbours touch and never overlap by rounding.
  [[nodiscard]] std::int64_t picoseconds(std::int64_t cycle) const {
    return std::llround(static_cast<double>(cycle) * 1e6 / report_.clock_mhz);
  }

  /// A slice without its arguments and closing brace.
  void slice(std::size_t track, const std::string& name, const char* category, std::int64_t from,
             std::int64_t to) {
    const std::int64_t start = picoseconds(from);
    const std::int64_t length = picoseconds(to) - start;
    append(
        ",\n{{\"ph\":\"X\",\"pid\":1,\"tid\":{},\"name\":{},\"cat\":\"{}\",\"ts\":{}.{:06},\"dur\":{}.{:06}",
        track, name, category, start / 1000000, start % 1000000, length / 1000000, length % 1000000);
  }

  void print(const Span& span) {
    const std::size_t track = std::size_t{span.engine} + 1;
    if (span.stall_from < span.start) {
      const std::string reason = fmt::format("\"{}\"", to_string(span.stall));
      slice(track, reason, "stall", span.stall_from, span.start);
      append(",\"args\":{{\"cycles\":{}}}}}", span.start - span.stall_from);
    }
    const std::string unnamed = fmt::format("\"command {}\"", span.command);
    slice(track, span.command < names_.size() ? names_[span.command] : unnamed, "command", span.start,
          span.end);
    append(",\"args\":{{\"layer\":{},\"start_cycle\":{},\"cycles\":{}}}}}",
           span.task < layers_.size() ? layers_[span.task] : std::string("\"\""), span.start,
           span.end - span.start);
  }

  const Report& report_;
  std::vector<std::string> layers_, names_;  ///< as JSON text
  fmt::memory_buffer out_;
};

}  // namespace

std::string to_chrome_trace(const Report& report) { return ChromeTrace(report).text(); }

}  // namespace npusim::trace
