// Reads constraint tables: a protocol's formulas (rules-*.yaml) with a speed grade's numbers.
#include "sim/mem/dram/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <sstream>

#include "sim/base/error.h"
#include "sim/mem/memory.h"

namespace npusim::embedded {
extern const std::string_view dram_rules_lpddr4;
extern const std::string_view dram_rules_lpddr5;
extern const std::string_view dram_rules_ddr4;
}  // namespace npusim::embedded

namespace npusim::mem {

namespace {

constexpr std::array<std::string_view, kCommands> kCommandNames = {"act",  "rd",  "wr",   "pre",
                                                                   "prea", "ref", "refpb"};
constexpr std::array<std::string_view, kScopes> kScopeNames = {"bank", "bank_group", "rank", "other_rank"};

template <std::size_t n>
std::optional<std::size_t> index_of(const std::array<std::string_view, n>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

template <std::size_t n>
std::size_t required_index(const std::array<std::string_view, n>& names, const std::string& name,
                           const std::string& where, std::string_view what) {
  if (const auto index = index_of(names, name)) return *index;
  throw UserError(fmt::format("{}: unknown {} '{}'{}", where, what, name,
                              suggestion(name, std::vector<std::string>(names.begin(), names.end()))));
}

Config protocol_rules(const Config& table) {
  const std::string protocol = table.choice("protocol", {"lpddr4", "lpddr5", "ddr4"});
  const std::string_view text = protocol == "lpddr4"   ? embedded::dram_rules_lpddr4
                                : protocol == "lpddr5" ? embedded::dram_rules_lpddr5
                                                       : embedded::dram_rules_ddr4;
  return Config::parse(text, fmt::format("built-in rules-{}.yaml", protocol));
}

using Values = std::map<std::string, std::int64_t>;

/// Sums and differences of names and integers, such as "wl + burst + 2".
std::int64_t evaluate(const std::string& formula, const std::string& where, const Values& values) {
  std::istringstream words(formula);
  std::int64_t sum = 0;
  std::string word;
  for (std::int64_t sign = 1; words >> word;) {
    if (std::isdigit(static_cast<unsigned char>(word.front())) != 0) {
      sum += sign * std::stoll(word);
    } else if (const auto value = values.find(word); value != values.end()) {
      sum += sign * value->second;
    } else {
      std::vector<std::string> names;
      for (const auto& [name, ignored] : values) names.push_back(name);
      throw UserError(fmt::format("{}: '{}' in '{}' is no key of timing{}", where, word, formula,
                                  suggestion(word, names)));
    }
    if (!(words >> word)) return sum;
    if (word != "+" && word != "-") {
      throw UserError(fmt::format("{}: expected + or - between the terms of '{}'", where, formula));
    }
    sign = word == "+" ? 1 : -1;
  }
  throw UserError(fmt::format("{}: '{}' is not a sum of names and numbers", where, formula));
}

/// "act-act*4" of scope "rank".
Constraint parse_constraint(const std::string& scope, const std::string& name, const std::string& where) {
  Constraint rule;
  rule.scope = static_cast<Scope>(required_index(kScopeNames, scope, where, "scope"));
  const auto dash = name.find('-');
  if (dash == std::string::npos) {
    throw UserError(fmt::format("{}: '{}' is no pair of commands such as act-rd", where, name));
  }
  std::string to = name.substr(dash + 1);
  if (const auto star = to.find('*'); star != std::string::npos) {
    const std::string times = to.substr(star + 1);
    if (times != "4" || to.substr(0, star) != "act") {
      throw UserError(fmt::format("{}: '{}': the only window is act-act*4", where, name));
    }
    rule.nth = 4;
    to.resize(star);
  }
  rule.from = static_cast<Command>(required_index(kCommandNames, name.substr(0, dash), where, "command"));
  rule.to = static_cast<Command>(required_index(kCommandNames, to, where, "command"));
  return rule;
}

Values timing_values(const Config& table, Flavour flavour) {
  constexpr std::int64_t kMostClocks = 100'000;
  Values values;
  for (const std::string& key : table.keys()) {
    if (key.starts_with("timing.")) values[key.substr(7)] = table.integer(key, 0, kMostClocks);
  }
  for (const std::string& key : table.keys()) {
    if (!key.starts_with("dramsim3.")) continue;
    const std::string name = key.substr(9);
    const std::int64_t value = table.integer(key, 0, kMostClocks);
    if (flavour == Flavour::dramsim3) values[name] = value;
  }
  return values;
}

void read_organisation(const Config& table, const Values& values, DramRules& rules) {
  const auto count = [&table](const std::string& key) {
    return table.integer("organisation." + key, 1, 1 << 20);
  };
  rules.standard = table.text("standard");
  rules.clock_hz = table.integer("clock_mhz", 1, 10'000) * 1'000'000;
  rules.ranks = count("ranks");
  rules.bank_groups = count("bank_groups");
  rules.banks_per_group = count("banks") / rules.bank_groups;
  rules.rows = count("rows");
  rules.burst_bytes = count("burst_bytes");
  rules.columns = count("page_bytes") / rules.burst_bytes;
  rules.burst_clocks = values.at("burst");
  rules.refresh_interval = values.at("trefi");
  rules.refresh_clocks = values.at("trfc");
  rules.bank_refresh_interval = values.at("trefi_pb");
  rules.bank_refresh_clocks = values.at("trfc_pb");
}

}  // namespace

std::string_view to_string(Command command) { return kCommandNames[static_cast<std::size_t>(command)]; }
std::string_view to_string(Scope scope) { return kScopeNames[static_cast<std::size_t>(scope)]; }

std::int64_t DramRules::distance(Scope scope, Command from, Command to, std::int64_t nth) const {
  for (const Constraint& one : constraints) {
    if (one.scope == scope && one.from == from && one.to == to && one.nth == nth) return one.clocks;
  }
  return 0;
}

DramRules read_rules(const Config& table, Flavour flavour) {
  read_timing(table);  // refuses missing, unknown and contradicting values
  const Values values = timing_values(table, flavour);
  DramRules rules;
  read_organisation(table, values, rules);
  const Config protocol = protocol_rules(table);
  const std::string prefix = flavour == Flavour::jedec ? "jedec." : "dramsim3.";
  for (const std::string& key : protocol.keys()) {
    if (!key.starts_with(prefix)) continue;
    const std::string rest = key.substr(prefix.size());
    const std::string where = protocol.where(key);
    const std::int64_t clocks = evaluate(protocol.text(key), where, values);
    const auto dot = rest.find('.');
    if (rest == "read_end") {
      rules.read_end = clocks;
    } else if (rest == "write_end") {
      rules.write_end = clocks;
    } else if (rest.starts_with("command_clocks.")) {
      rules.command_clocks[required_index(kCommandNames, rest.substr(dot + 1), where, "command")] = clocks;
    } else {
      Constraint rule = parse_constraint(rest.substr(0, dot), rest.substr(dot + 1), where);
      rule.clocks = clocks;
      if (clocks > 0) rules.constraints.push_back(rule);
    }
  }
  return rules;
}

DramRules dram_rules(const std::string& model, Flavour flavour, const std::string& where) {
  return read_rules(dram_table(model, where), flavour);
}

}  // namespace npusim::mem
