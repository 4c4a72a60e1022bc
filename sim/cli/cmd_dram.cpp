// npusim dram: one DRAM channel and its controller under a stream of requests.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/mem/dram/fr_fcfs_controller.h"
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

DramRules rules_of(const DramOptions& options) {
  Config table = mem::dram_table(options.config, "--config");
  for (const std::string& assignment : options.overrides) table.set(assignment);
  const std::string flavour =
      !options.flavour.empty() ? options.flavour : (options.policy == "dramsim3" ? "dramsim3" : "jedec");
  return mem::read_rules(table,
                         static_cast<mem::Flavour>(choose("--timing", flavour, {"jedec", "dramsim3"})));
}

double percentile(const std::vector<std::int64_t>& sorted, std::size_t percent) {
  if (sorted.empty()) return 0;
  return static_cast<double>(sorted[(sorted.size() * percent + 99) / 100 - 1]);
}

Figures figures_of(const mem::DramCounters& counters, const DramRules& rules, mem::ReplayResult result) {
  Figures figures;
  const double ns = 1e9 / static_cast<double>(rules.clock_hz);
  const auto columns = static_cast<double>(counters.reads + counters.writes);
  const auto clocks = static_cast<double>(std::max<std::int64_t>(result.clocks, 1));
  figures.clocks = result.clocks;
  figures.gigabytes_per_second = columns * static_cast<double>(rules.burst_bytes) / (clocks * ns);
  figures.peak = static_cast<double>(rules.burst_bytes) / (static_cast<double>(rules.burst_clocks) * ns);
  figures.of_peak = figures.gigabytes_per_second / figures.peak;
  if (columns > 0)
    figures.row_hit_rate = std::max(0.0, 1 - static_cast<double>(counters.activates) / columns);
  figures.refresh_share = static_cast<double>(counters.refreshes * rules.refresh_clocks) /
                              (clocks * static_cast<double>(rules.ranks)) +
                          static_cast<double>(counters.bank_refreshes * rules.bank_refresh_clocks) /
                              (clocks * static_cast<double>(rules.banks()));
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

std::string to_text(const DramOptions& options, const std::string& mapping, std::int64_t requests,
                    const Figures& f, const mem::DramCounters& counters) {
  std::string text = fmt::format("{} under {}: {} requests, policy {}, mapping '{}'\n\n", options.config,
                                 options.stream, trace::grouped(requests), options.policy, mapping);
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
  for (const auto& [name, count] : command_counts(counters)) {
    if (count > 0)
      commands += fmt::format("{}{} {}", commands.empty() ? "" : ", ", name, trace::grouped(count));
  }
  line("commands", commands);
  line("answered without",
       fmt::format("{} reads from waiting writes, {} requests merged",
                   trace::grouped(counters.forwarded_reads), trace::grouped(counters.merged)));
  return text;
}

std::string to_json(const DramOptions& options, const std::string& mapping, std::int64_t requests,
                    const Figures& f, const mem::DramCounters& counters) {
  nlohmann::ordered_json json;
  json["schema"] = "npusim.dram/1";
  json["config"] = options.config;
  json["stream"] = options.stream;
  json["policy"] = options.policy;
  json["mapping"] = mapping;
  json["requests"] = requests;
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
  for (const auto& [name, count] : command_counts(counters)) json["commands"][name] = count;
  json["forwarded_reads"] = counters.forwarded_reads;
  json["merged_requests"] = counters.merged;
  return json.dump(2) + "\n";
}

/// One line a command: clock, command, rank, bank group, bank, row, column; -1 where it has none.
std::string command_text(const std::vector<mem::IssuedCommand>& commands) {
  std::string text;
  for (const mem::IssuedCommand& one : commands) {
    text += fmt::format("{} {}{} {} {} {} {} {}\n", one.clock, mem::to_string(one.command),
                        one.auto_precharge ? "a" : "", one.rank, one.group, one.bank, one.row, one.column);
  }
  return text;
}

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

void run(const DramOptions& options) {
  const std::size_t format = choose("--format", options.format, {"text", "json"});
  check_writable(options.output);
  check_writable(options.commands);
  const FrFcfsPolicy policy = policy_of(options);
  const DramRules rules = rules_of(options);
  if (options.constraints) return write_output(options.output, constraint_text(rules));
  const std::string text = mapping_text(options, rules);
  const mem::AddressMapping mapping(rules, text, "--mapping");
  std::int64_t requests = options.requests;
  mem::RequestStream stream;
  const bool file = options.stream.find_first_of("./") != std::string::npos;
  std::vector<mem::TimedRequest> trace;
  if (file) {
    trace = mem::read_request_trace(options.stream, mapping);
    requests = static_cast<std::int64_t>(trace.size());
    stream = [&trace](std::int64_t i) { return trace[static_cast<std::size_t>(i)]; };
  } else {
    (void)choose("--stream", options.stream, mem::stream_names());
    stream = mem::named_stream(options.stream, rules, options.rate);
  }
  mem::FrFcfsController controller(rules, policy, mapping);
  std::vector<mem::IssuedCommand> commands;
  if (!options.commands.empty()) controller.trace(&commands);
  Figures figures;
  {
    const Progress progress(fmt::format("replaying {} on {}", options.stream, options.config));
    figures = figures_of(controller.counters(), rules, mem::replay(controller, stream, requests));
  }
  if (!options.commands.empty()) write_output(options.commands, command_text(commands));
  const auto writer = format == 0 ? to_text : to_json;
  write_output(options.output, writer(options, text, requests, figures, controller.counters()));
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
  CLI::App* command = app.add_subcommand("dram", "replay requests on one DRAM channel");
  add_model_options(*command, *options);
  command
      ->add_option("--stream", options->stream,
                   fmt::format("a file of 'clock R|W hexaddress' lines, or one of {}",
                               fmt::join(mem::stream_names(), ", ")))
      ->type_name("STREAM");
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
