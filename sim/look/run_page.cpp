#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/look/page.h"
#include "sim/trace/summary.h"

namespace npusim::embedded {
extern const std::string_view look_timeline_js, look_run_js;
}

namespace npusim::look {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::uint32_t kNoCommand = UINT32_MAX;

/// Unsigned LEB128; signed numbers zigzag. timeline.js reads it.
class Packed {
 public:
  void put(std::int64_t value) {
    auto rest = static_cast<std::uint64_t>(value);
    do {
      bytes_ += static_cast<char>((rest & 127U) | (rest > 127 ? 128U : 0U));
      rest >>= 7U;
    } while (rest != 0);
  }
  void put_signed(std::int64_t value) { put(value >= 0 ? value * 2 : -value * 2 - 1); }
  [[nodiscard]] std::string text() const { return base64(bytes_); }

 private:
  std::string bytes_;
};

/// Index of each name among the distinct ones, which are listed in order of appearance.
std::vector<std::size_t> indices(const std::vector<std::string>& names, Json& distinct) {
  std::map<std::string, std::size_t> seen;
  std::vector<std::size_t> index;
  distinct = Json::array();
  for (const std::string& name : names) {
    const auto [at, added] = seen.emplace(name, seen.size());
    if (added) distinct.push_back(name);
    index.push_back(at->second);
  }
  return index;
}

/// Spans of no duration behind the launches, which no command waits for: at the start of every layer that
/// joins none before, where the engine's report has launch cycles.
std::vector<trace::Span> launches(const trace::Report& report, std::size_t engine) {
  std::vector<trace::Span> spans;
  for (std::size_t t = 0; t < report.layers.size(); ++t) {
    const trace::LayerReport& layer = report.layers[t];
    if (layer.joined || engine >= layer.engines.size()) continue;
    const std::int64_t cycles = layer.engines[engine].stalls[trace::Stall::launch];
    if (cycles == 0) continue;
    trace::Span span;
    span.task = static_cast<std::uint32_t>(t);
    span.command = kNoCommand;
    span.stall_from = layer.start_cycle;
    span.start = span.end = layer.start_cycle + cycles;
    span.stall = trace::Stall::launch;
    spans.push_back(span);
  }
  return spans;
}

Json packed_spans(const trace::Report& report, const trace::ProgramView& view,
                  const std::vector<std::size_t>& opcode) {
  std::vector<std::vector<const trace::Span*>> by_engine(report.engines.size());
  for (const trace::Span& span : report.spans) by_engine[span.engine].push_back(&span);
  Json engines = Json::array();
  for (std::size_t e = 0; e < by_engine.size(); ++e) {
    auto& spans = by_engine[e];
    if (spans.empty()) continue;
    const std::vector<trace::Span> launched = launches(report, e);
    for (const trace::Span& span : launched) spans.push_back(&span);
    std::stable_sort(spans.begin(), spans.end(), [](const auto* a, const auto* b) {
      return std::pair(a->start, a->stall_from) < std::pair(b->start, b->stall_from);
    });
    Packed packed;
    std::int64_t time = 0;
    std::int64_t task = 0;
    for (const trace::Span* span : spans) {
      packed.put_signed(span->start - time);
      packed.put(span->end - span->start);
      packed.put(std::max<std::int64_t>(0, span->start - span->stall_from));
      packed.put(static_cast<std::int64_t>(span->stall));
      packed.put_signed(static_cast<std::int64_t>(span->task) - task);
      const bool command = span->command != kNoCommand;
      packed.put(command ? static_cast<std::int64_t>(opcode[span->command]) : 0);
      packed.put(command ? view.moved[span->command] : 0);
      time = span->end;
      task = span->task;
    }
    engines.push_back({{"name", report.engines[e].name}, {"count", spans.size()}, {"data", packed.text()}});
  }
  return engines;
}

Json spaces_json(const trace::ProgramView& view) {
  Json spaces = Json::array();
  for (const trace::SpaceUse& space : view.spaces) {
    spaces.push_back(
        {{"name", space.name}, {"global", space.global}, {"bytes", space.bytes}, {"used", space.used}});
  }
  return spaces;
}

Json ceilings_json(const RunPage& page) {
  static constexpr std::array<const char*, 3> kMemories{"dram", "sram", "link"};
  Json ceilings = Json::array();
  for (const Ceiling& ceiling : page.ceilings) {
    ceilings.push_back({{"name", ceiling.name},
                        {"memory", kMemories.at(static_cast<std::size_t>(ceiling.memory))},
                        {"gb_s", ceiling.bytes_per_cycle * page.report->clock_mhz / 1e3}});
  }
  return ceilings;
}

Json what_ifs_json(const RunPage& page) {
  Json rows = Json::array();
  const double now = page.report->latency_ms();
  for (const WhatIf& what : page.what_ifs) {
    const double then = what.clock_mhz > 0 ? static_cast<double>(what.cycles) / (what.clock_mhz * 1e3) : 0;
    rows.push_back({{"label", what.label},
                    {"change", what.change},
                    {"cycles", what.cycles},
                    {"clock_mhz", what.clock_mhz},
                    {"ratio", now > 0 ? then / now : 0},
                    {"failure", what.failure}});
  }
  return rows;
}

}  // namespace

std::string run_page(const RunPage& run) {
  const trace::Report& report = *run.report;
  const trace::ProgramView& view = *run.view;
  Json json;
  json["report"] = Json::parse(trace::to_json(report, false));
  json["version"] = run.version;
  json["advice"] = trace::advice(report);
  const auto opcode = indices(report.span_names, json["opcodes"]);
  json["spans"] = packed_spans(report, view, opcode);
  json["ceilings"] = ceilings_json(run);
  // What moves to and from outside of the chip by layer, for the ceiling of a host link.
  std::vector<std::int64_t> linked(report.layers.size(), 0);
  for (std::size_t t = 0; t < linked.size(); ++t) {
    const std::size_t end = t + 1 < view.first_command.size() ? view.first_command[t + 1] : view.moved.size();
    for (std::size_t c = view.first_command[t]; c < end; ++c) linked[t] += view.moved[c];
  }
  json["linked"] = linked;
  json["what_ifs"] = what_ifs_json(run);
  json["spaces"] = spaces_json(view);
  json["program"] = view.text;
  const std::string data = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return page(fmt::format("{} on {}", report.network, report.hw), data,
              {embedded::look_timeline_js, embedded::look_run_js});
}

}  // namespace npusim::look
