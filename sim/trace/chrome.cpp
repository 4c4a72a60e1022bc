// Chrome trace event format (the JSON object form), which Perfetto and chrome://tracing read. Source: "Trace
// Event Format", Google, 2016: metadata events (ph M) name the tracks, complete events (ph X) are slices in
// microseconds, flows are pairs (ph s and f) of one id inside two slices, counters (ph C) hold until the
// next.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "sim/base/error.h"
#include "sim/trace/program_view.h"
#include "sim/trace/report.h"

namespace npusim::trace {
namespace {

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Samples of each bandwidth's curve over a run.
constexpr std::int64_t kSamples = 1000;

class ChromeTrace {
 public:
  /// `view` adds flows and counters; may be null.
  ChromeTrace(const Report& report, const ProgramView* view) : report_(report), view_(view) {
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
    if (view_ != nullptr) {
      flows();
      bandwidths();
      occupancies();
    }
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

  /// An arrow into each command that flags held up: from the last of the commands that set them, which is the
  /// one that it waited for. (Arrows to all 20,000 commands of ResNet-50 with flags would double the file.)
  /// Commands of no duration have no slice for an arrow to start or end in.
  void flows() {
    std::vector<const Span*> by_command(view_->moved.size(), nullptr);
    for (const Span& span : report_.spans) {
      if (span.end > span.start) by_command.at(span.command) = &span;
    }
    std::vector<const Span*> last(by_command.size(), nullptr);
    for (const auto& [setter, waiter] : view_->dependences) {
      const Span* const from = by_command.at(setter);
      if (from == nullptr || by_command.at(waiter) == nullptr) continue;
      if (last.at(waiter) == nullptr || from->end > last.at(waiter)->end) last.at(waiter) = from;
    }
    std::size_t id = 0;
    for (std::size_t c = 0; c < last.size(); ++c) {
      if (last[c] == nullptr || last[c]->engine == by_command[c]->engine) continue;
      const Span& waiter = *by_command[c];
      if (waiter.stall != Stall::dependency || waiter.stall_from == waiter.start) continue;
      ++id;
      end_of_flow("s\"", id, *last[c]);
      end_of_flow("f\",\"bp\":\"e\"", id, waiter);
    }
  }
  /// At the slice's start: a moment that is inside however long it is. Perfetto draws from its end anyway.
  void end_of_flow(const char* phase, std::size_t id, const Span& span) {
    const std::int64_t at = picoseconds(span.start);
    append(
        ",\n{{\"ph\":\"{},\"id\":{},\"pid\":1,\"tid\":{},\"name\":\"flag\",\"cat\":\"flag\",\"ts\":{}.{:06}}"
        "}",
        phase, id, span.engine + 1, at / 1000000, at % 1000000);
  }

  void counter(const std::string& name, const char* unit, std::int64_t cycle, double value) {
    const std::int64_t at = picoseconds(cycle);
    append(",\n{{\"ph\":\"C\",\"pid\":1,\"name\":{},\"ts\":{}.{:06},\"args\":{{\"{}\":{:.6g}}}}}", name,
           at / 1000000, at % 1000000, unit, value);
  }

  /// What each engine and all together move to and from memory outside of the engines' own, averaged over
  /// equal pieces of the run.
  void bandwidths() {
    const std::int64_t total = report_.total_cycles;
    const std::int64_t piece = std::max<std::int64_t>(1, (total + kSamples - 1) / kSamples);
    const auto pieces = static_cast<std::size_t>((total + piece - 1) / piece);
    std::vector<std::vector<double>> bytes(report_.engines.size() + 1, std::vector<double>(pieces, 0));
    for (const Span& span : report_.spans) {
      const auto moved = static_cast<double>(view_->moved.at(span.command));
      if (moved == 0 || pieces == 0) continue;
      const double length = static_cast<double>(std::max<std::int64_t>(1, span.end - span.start));
      for (std::int64_t from = span.start; from < std::max(span.end, span.start + 1);) {
        const auto at = std::min(static_cast<std::size_t>(from / piece), pieces - 1);
        const std::int64_t to = std::max(from + 1, std::min(span.end, (from / piece + 1) * piece));
        bytes[span.engine][at] += moved * static_cast<double>(to - from) / length;
        bytes.back()[at] += moved * static_cast<double>(to - from) / length;
        from = to;
      }
    }
    for (std::size_t e = 0; e < bytes.size(); ++e) {
      if (std::all_of(bytes[e].begin(), bytes[e].end(), [](double b) { return b == 0; })) continue;
      const std::string name = e < report_.engines.size() ? report_.engines[e].name + " moves" : "all move";
      double before = -1;
      for (std::size_t i = 0; i <= pieces; ++i) {
        const auto from = static_cast<std::int64_t>(i) * piece;
        const auto length = static_cast<double>(std::min(piece, total - from));
        const double rate = i < pieces ? bytes[e][i] / length * report_.clock_mhz / 1e3 : 0;
        if (rate != before) counter(json_text(name), "GB/s", std::min(from, total), rate);
        before = rate;
      }
    }
  }

  void occupancies() {
    for (const SpaceUse& space : view_->spaces) {
      if (std::all_of(space.used.begin(), space.used.end(), [](auto used) { return used == 0; })) continue;
      std::int64_t before = -1;
      for (std::size_t t = 0; t < std::min(space.used.size(), report_.layers.size()); ++t) {
        if (space.used[t] != before)
          counter(json_text(space.name + " holds"), "KiB", report_.layers[t].start_cycle,
                  static_cast<double>(space.used[t]) / 1024);
        before = space.used[t];
      }
      counter(json_text(space.name + " holds"), "KiB", report_.total_cycles, 0);
    }
  }

  const Report& report_;
  const ProgramView* view_;
  std::vector<std::string> layers_, names_;  ///< as JSON text
  fmt::memory_buffer out_;
};

}  // namespace

std::string to_chrome_trace(const Report& report) { return ChromeTrace(report, nullptr).text(); }

std::string to_chrome_trace(const Report& report, const ProgramView& view) {
  return ChromeTrace(report, &view).text();
}

}  // namespace npusim::trace
