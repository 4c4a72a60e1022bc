// npusim dram: DRAM channels and their controllers under a stream of requests.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <sstream>
#include <tuple>

#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/mem/dram/energy.h"
#include "sim/mem/dram/interleaved_channels.h"
#include "sim/mem/dram/replay.h"
#include "sim/mem/memory.h"
#include "sim/trace/format.h"

namespace npusim::cli {
namespace {

using mem::DramRules;
using mem::FrFcfsPolicy;

struct DramOptions {
  std::string config = "lpddr4-3200";
  std::string stream = "seq_read";
  std::int64_t channels = 1;
  std::int64_t interleave = 256;
  std::int64_t requests = 100'000;
  std::string mapping;
  std::string policy = "fr-fcfs";
  std::string flavour;
  std::string page;
  std::string refresh;
  std::int64_t page_timeout = 100;
  std::int64_t rate = 100;
  std::vector<std::string> overrides;
  std::string format = "text";
  std::string output;
  std::string commands;
  bool constraints = false;
};

/// What a run showed, in the units that are printed.
struct Figures {
  std::int64_t clocks = 0;
  double gigabytes_per_second = 0, of_peak = 0, peak = 0;
  double row_hit_rate = 0, refresh_share = 0;
  double mean_ns = 0, p50_ns = 0, p95_ns = 0, p99_ns = 0, max_ns = 0;
  std::size_t reads = 0;
  std::optional<mem::DramEnergy> energy;
  double nanojoules = 0, milliwatts = 0, picojoules_per_bit = 0;  ///< of energy
};

/// One run: what was simulated, and what it showed.
struct Outcome {
  std::string mapping;
  std::int64_t requests = 0;
  Figures figures;
  mem::DramCounters counters;
};

/// "RoBaCo", the simulators' way, as "ro ba co"; anything with a blank or a bracket is taken as written.
std::string mapping_text(const DramOptions& options, const DramRules& rules) {
  std::string text = !options.mapping.empty() ? options.mapping
                     : rules.bank_groups > 1  ? "RoRaBaCoBg"
                                              : "RoRaBaCo";
  if (text.find_first_of(" [") != std::string::npos) return text;
  std::string fields;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 2 == 0 && i > 0) fields += ' ';
    fields += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
  }
  // A single rank has no bits, whether it is named or not.
  return rules.ranks > 1 || fields.find("ra") != std::string::npos ? fields : "ra " + fields;
}

FrFcfsPolicy policy_of(const DramOptions& options) {
  const std::size_t kind = choose("--policy", options.policy, {"fr-fcfs", "dramsim3"});
  FrFcfsPolicy policy = kind == 0 ? mem::default_policy() : mem::dramsim3_policy();
  if (!options.page.empty()) {
    policy.page =
        static_cast<mem::PagePolicy>(choose("--page", options.page, {"open", "closed", "adaptive"}));
  }
  if (policy.page == mem::PagePolicy::adaptive) policy.page_timeout = options.page_timeout;
  if (!options.refresh.empty()) {
    policy.refresh = static_cast<mem::RefreshPolicy>(
        choose("--refresh", options.refresh, {"none", "all-bank", "per-bank"}));
  }
  return policy;
}

Config table_of(const DramOptions& options) {
  Config table = mem::dram_table(options.config, "--config");
  for (const std::string& assignment : options.overrides) table.set(assignment);
  return table;
}

DramRules rules_of(const DramOptions& options, const Config& table) {
  const std::string flavour =
      !options.flavour.empty() ? options.flavour : (options.policy == "dramsim3" ? "dramsim3" : "jedec");
  return mem::read_rules(table,
                         static_cast<mem::Flavour>(choose("--timing", flavour, {"jedec", "dramsim3"})));
}

double percentile(const std::vector<std::int64_t>& sorted, std::size_t percent) {
  if (sorted.empty()) return 0;
  return static_cast<double>(sorted[(sorted.size() * percent + 99) / 100 - 1]);
}

/// `rules` of one of `channels` channels.
Figures figures_of(const mem::DramCounters& counters, const DramRules& rules, std::int64_t channels,
                   mem::ReplayResult& result) {
  Figures figures;
  const double ns = 1e9 / static_cast<double>(rules.clock_hz);
  const auto columns = static_cast<double>(counters.reads + counters.writes);
  const auto clocks = static_cast<double>(std::max<std::int64_t>(result.clocks, 1));
  figures.clocks = result.clocks;
  figures.gigabytes_per_second = columns * static_cast<double>(rules.burst_bytes) / (clocks * ns);
  figures.peak =
      static_cast<double>(rules.burst_bytes * channels) / (static_cast<double>(rules.burst_clocks) * ns);
  figures.of_peak = figures.gigabytes_per_second / figures.peak;
  if (columns > 0)
    figures.row_hit_rate = std::max(0.0, 1 - static_cast<double>(counters.activates) / columns);
  figures.refresh_share = static_cast<double>(counters.refreshes * rules.refresh_clocks) /
                              (clocks * static_cast<double>(rules.ranks * channels)) +
                          static_cast<double>(counters.bank_refreshes * rules.bank_refresh_clocks) /
                              (clocks * static_cast<double>(rules.banks() * channels));
  std::vector<std::int64_t>& latencies = result.read_latencies;
  std::sort(latencies.begin(), latencies.end());
  figures.reads = latencies.size();
  if (latencies.empty()) return figures;
  const auto sum = std::accumulate(latencies.begin(), latencies.end(), std::int64_t{0});
  figures.mean_ns = ns * static_cast<double>(sum) / static_cast<double>(latencies.size());
  figures.p50_ns = ns * percentile(latencies, 50);
  figures.p95_ns = ns * percentile(latencies, 95);
  figures.p99_ns = ns * percentile(latencies, 99);
  figures.max_ns = ns * static_cast<double>(latencies.back());
  return figures;
}

using Counts = std::vector<std::pair<std::string, std::int64_t>>;

Counts command_counts(const mem::DramCounters& c) {
  return {{"act", c.activates},
          {"rd", c.reads},
          {"wr", c.writes},
          {"pre", c.precharges},
          {"prea", c.precharges_all},
          {"ref", c.refreshes},
          {"refpb", c.bank_refreshes},
          {"auto_precharge", c.auto_precharges}};
}

std::vector<std::pair<std::string, double>> energy_parts(const mem::DramEnergy& energy) {
  return {{"activate", energy.activate},
          {"read", energy.read},
          {"write", energy.write},
          {"refresh", energy.refresh},
          {"active_standby", energy.active_standby},
          {"precharge_standby", energy.precharge_standby}};
}

std::string energy_text(const Figures& f) {
  if (!f.energy) return "the timing table has no currents";
  std::string text = fmt::format("{:.3f} uJ, {:.1f} mW", f.nanojoules / 1000, f.milliwatts);
  if (f.picojoules_per_bit > 0) text += fmt::format(", {:.2f} pJ/bit", f.picojoules_per_bit);
  text += ":";
  for (const auto& [name, picojoules] : energy_parts(*f.energy)) {
    text += fmt::format(" {} {:.1f} %", name, 100 * picojoules / f.energy->total());
  }
  return text;
}

std::string to_text(const DramOptions& options, const Outcome& outcome) {
  const Figures& f = outcome.figures;
  const std::string channels = options.channels == 1 ? "" : fmt::format(", {} channels", options.channels);
  std::string text =
      fmt::format("{} under {}: {} requests{}, policy {}, mapping '{}'\n\n", options.config, options.stream,
                  trace::grouped(outcome.requests), channels, options.policy, outcome.mapping);
  const auto line = [&text](const char* label, const std::string& value) {
    text += fmt::format("{:<17}{}\n", label, value);
  };
  line("clocks", trace::grouped(f.clocks));
  line("bandwidth",
       fmt::format("{:.3f} GB/s, {:.2f} % of {:.3f} GB/s", f.gigabytes_per_second, 100 * f.of_peak, f.peak));
  if (f.reads > 0) {
    line("read latency", fmt::format("mean {:.1f}, p50 {:.1f}, p95 {:.1f}, p99 {:.1f}, max {:.1f} ns",
                                     f.mean_ns, f.p50_ns, f.p95_ns, f.p99_ns, f.max_ns));
  }
  line("row hits", fmt::format("{:.2f} %", 100 * f.row_hit_rate));
  line("refresh", fmt::format("{:.2f} % of the time", 100 * f.refresh_share));
  std::string commands;
  for (const auto& [name, count] : command_counts(outcome.counters)) {
    if (count > 0)
      commands += fmt::format("{}{} {}", commands.empty() ? "" : ", ", name, trace::grouped(count));
  }
  line("commands", commands);
  line("energy", energy_text(f));
  line("answered without", fmt::format("{} reads from waiting writes, {} requests merged",
                                       trace::grouped(outcome.counters.forwarded_reads),
                                       trace::grouped(outcome.counters.merged)));
  return text;
}

std::string to_json(const DramOptions& options, const Outcome& outcome) {
  const Figures& f = outcome.figures;
  nlohmann::ordered_json json;
  json["schema"] = "npusim.dram/1";
  json["config"] = options.config;
  json["stream"] = options.stream;
  json["channels"] = options.channels;
  json["policy"] = options.policy;
  json["mapping"] = outcome.mapping;
  json["requests"] = outcome.requests;
  json["clocks"] = f.clocks;
  json["bandwidth_gbs"] = f.gigabytes_per_second;
  json["peak_gbs"] = f.peak;
  json["percent_of_peak"] = 100 * f.of_peak;
  json["row_hit_rate"] = f.row_hit_rate;
  json["refresh_share"] = f.refresh_share;
  if (f.reads > 0) {
    json["read_latency_ns"] = {
        {"mean", f.mean_ns}, {"p50", f.p50_ns}, {"p95", f.p95_ns}, {"p99", f.p99_ns}, {"max", f.max_ns}};
  }
  for (const auto& [name, count] : command_counts(outcome.counters)) json["commands"][name] = count;
  if (f.energy) {
    for (const auto& [name, picojoules] : energy_parts(*f.energy)) {
      json["energy_nj"][name] = picojoules / 1000;
    }
    json["energy_nj"]["total"] = f.nanojoules;
    json["power_mw"] = f.milliwatts;
  }
  json["forwarded_reads"] = outcome.counters.forwarded_reads;
  json["merged_requests"] = outcome.counters.merged;
  return json.dump(2) + "\n";
}

/// Follows the commands of all channels: for the energy, and for the file of commands.
class CommandLog {
 public:
  CommandLog(mem::InterleavedChannels& memory, const DramRules& rules, bool energy, bool keep)
      : keep_(keep), issued_(memory.size()) {
    if (energy) open_.assign(memory.size(), mem::OpenTime(rules));
    for (std::size_t i = 0; i < issued_.size() && (energy || keep); ++i) memory.trace_channel(i, &issued_[i]);
  }

  /// Takes in what was issued since the last call.
  void update() {
    for (std::size_t i = 0; i < issued_.size(); ++i) {
      if (issued_[i].empty()) continue;
      if (!open_.empty()) open_[i].add(issued_[i]);
      for (const mem::IssuedCommand& one : issued_[i]) {
        if (keep_) kept_.emplace_back(one.clock, i, one);
      }
      issued_[i].clear();
    }
  }

  /// Rank-clocks with an open row, over all channels.
  [[nodiscard]] std::int64_t open_clocks(std::int64_t until) const {
    std::int64_t total = 0;
    for (const mem::OpenTime& one : open_) total += one.clocks(until);
    return total;
  }

  /// One line a command: clock, command, channel (when there are several), rank, bank group, bank, row,
  /// column; -1 where it has none.
  std::string text() {
    std::stable_sort(kept_.begin(), kept_.end(), [](const auto& a, const auto& b) {
      return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
    });
    std::string text;
    for (const auto& [clock, channel, one] : kept_) {
      const std::string place = issued_.size() == 1 ? "" : fmt::format(" {}", channel);
      text += fmt::format("{} {}{}{} {} {} {} {} {}\n", clock, mem::to_string(one.command),
                          one.auto_precharge ? "a" : "", place, one.rank, one.group, one.bank, one.row,
                          one.column);
    }
    return text;
  }

 private:
  bool keep_;
  std::vector<std::vector<mem::IssuedCommand>> issued_;  ///< by channel, not taken in yet
  std::vector<mem::OpenTime> open_;                      ///< by channel
  std::vector<std::tuple<std::int64_t, std::size_t, mem::IssuedCommand>> kept_;
};

std::string constraint_text(const DramRules& rules) {
  using trace::Table;
  Table table(
      {{"scope", Table::Align::left}, {"from", Table::Align::left}, {"to", Table::Align::left}, {"clocks"}});
  for (const mem::Constraint& rule : rules.constraints) {
    table.row({std::string(to_string(rule.scope)),
               fmt::format("{}{}", to_string(rule.from), rule.nth > 1 ? fmt::format(" (4 back)") : ""),
               std::string(to_string(rule.to)), std::to_string(rule.clocks)});
  }
  return table.text(kAnyWidth);
}

void add_energy(Figures& figures, const mem::DramEnergy& energy, const DramRules& rules,
                const mem::DramCounters& counters) {
  const double ns = 1e9 / static_cast<double>(rules.clock_hz);
  const auto bits = static_cast<double>((counters.reads + counters.writes) * rules.burst_bytes * 8);
  figures.energy = energy;
  figures.nanojoules = energy.total() / 1000;
  figures.milliwatts = energy.total() / (static_cast<double>(std::max<std::int64_t>(figures.clocks, 1)) * ns);
  figures.picojoules_per_bit = bits > 0 ? energy.total() / bits : 0;
}

/// The stream that the options name; `requests` becomes its length.
mem::RequestStream stream_of(const DramOptions& options, const DramRules& rules,
                             const mem::InterleavedChannels& memory, std::int64_t& requests) {
  if (options.stream.find_first_of("./") == std::string::npos) {
    (void)choose("--stream", options.stream, mem::stream_names());
    return mem::named_stream(options.stream, rules, options.rate, options.channels);
  }
  auto trace = std::make_shared<std::vector<mem::TimedRequest>>(mem::read_request_trace(
      options.stream, [&memory](std::uint64_t address) { memory.check_address(address); }));
  requests = static_cast<std::int64_t>(trace->size());
  return [trace](std::int64_t i) { return (*trace)[static_cast<std::size_t>(i)]; };
}

void run(const DramOptions& options) {
  const std::size_t format = choose("--format", options.format, {"text", "json"});
  check_writable(options.output);
  check_writable(options.commands);
  const FrFcfsPolicy policy = policy_of(options);
  const Config table = table_of(options);
  const DramRules rules = rules_of(options, table);
  if (options.constraints) return write_output(options.output, constraint_text(rules));
  Outcome outcome;
  outcome.mapping = mapping_text(options, rules);
  const mem::AddressMapping mapping(rules, outcome.mapping, "--mapping");
  mem::InterleavedChannels memory(rules, policy, mapping, options.channels, options.interleave,
                                  "--interleave");
  outcome.requests = options.requests;
  const mem::RequestStream stream = stream_of(options, rules, memory, outcome.requests);
  const std::optional<mem::DramCurrents> currents = mem::read_currents(table);
  CommandLog log(memory, rules, currents.has_value(), !options.commands.empty());
  {
    const Progress progress(fmt::format("replaying {} on {}", options.stream, options.config));
    mem::ReplayResult result =
        mem::replay(memory, stream, outcome.requests, options.channels, [&log] { log.update(); });
    outcome.counters = memory.counters();
    outcome.figures = figures_of(outcome.counters, rules, options.channels, result);
  }
  if (currents) {
    const std::int64_t clocks = outcome.figures.clocks;
    add_energy(outcome.figures,
               mem::energy_of(*currents, mem::read_timing(table), rules, outcome.counters,
                              clocks * rules.ranks * options.channels, log.open_clocks(clocks)),
               rules, outcome.counters);
  }
  if (!options.commands.empty()) write_output(options.commands, log.text());
  write_output(options.output, format == 0 ? to_text(options, outcome) : to_json(options, outcome));
}

void add_model_options(CLI::App& command, DramOptions& options) {
  command
      .add_option("--config", options.config,
                  "timing table: a built-in one or a YAML file; default: lpddr4-3200")
      ->type_name("TABLE");
  command.add_option("--set", options.overrides, "override one key of the table, such as timing.trfc=608")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      .add_option("--mapping", options.mapping,
                  "address bits from the top: RoBaCo, RoBaCoBg, ..., or 'ro co[5:2] ba co[1:0] ba^ro'")
      ->type_name("FIELDS");
  command
      .add_option("--policy", options.policy, "fr-fcfs (default), or dramsim3: that simulator's decisions")
      ->type_name("POLICY");
  command
      .add_option("--timing", options.flavour,
                  "jedec, or dramsim3: that simulator's formulas; default: as the policy")
      ->type_name("FLAVOUR");
  command.add_option("--page", options.page, "open, closed or adaptive")->type_name("POLICY");
  command.add_option("--page-timeout", options.page_timeout, "clocks until the adaptive policy closes a row")
      ->type_name("CLOCKS")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000}));
  command.add_option("--refresh", options.refresh, "none, all-bank or per-bank")->type_name("POLICY");
}

}  // namespace

void add_dram(CLI::App& app) {
  auto options = std::make_shared<DramOptions>();
  CLI::App* command = app.add_subcommand("dram", "replay requests on DRAM channels");
  add_model_options(*command, *options);
  command
      ->add_option("--stream", options->stream,
                   fmt::format("a file of 'clock R|W hexaddress' lines, or one of {}",
                               fmt::join(mem::stream_names(), ", ")))
      ->type_name("STREAM");
  command->add_option("--channels", options->channels, "equal channels; default: 1")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1024}));
  command
      ->add_option("--interleave", options->interleave,
                   "bytes after which the next channel follows; default: 256")
      ->type_name("BYTES");
  command->add_option("--requests", options->requests, "of a named stream; default: 100000")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}));
  command->add_option("--rate", options->rate, "percent of the peak data rate at which a named stream comes")
      ->type_name("PERCENT")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100}));
  command->add_option("--format", options->format, "text or json; default: text")->type_name("FORMAT");
  command->add_option("-o,--output", options->output, "write here instead of standard output")
      ->type_name("FILE");
  command->add_option("--commands", options->commands, "write every DRAM command to this file")
      ->type_name("FILE");
  command->add_flag("--constraints", options->constraints, "print the table of timing constraints instead");
  command->callback([options] { run(*options); });
}

}  // namespace npusim::cli
