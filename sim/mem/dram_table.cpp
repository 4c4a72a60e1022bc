// Reads DRAM descriptions: the chip's part (which memory, how many channels) and the standard's timing table.
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "sim/base/error.h"
#include "sim/mem/dram/energy.h"
#include "sim/mem/dram_channel.h"
#include "sim/mem/memory.h"

namespace npusim::embedded {
extern const std::string_view dram_lpddr4_3200;
extern const std::string_view dram_lpddr4x_3200;
extern const std::string_view dram_lpddr4x_4266;
extern const std::string_view dram_lpddr5_6400;
extern const std::string_view dram_ddr4_2400;
extern const std::string_view dram_ddr4_3200;
}  // namespace npusim::embedded

namespace npusim::mem {

namespace {

struct BuiltIn {
  std::string_view name;
  std::string_view text;
};

std::array<BuiltIn, 6> built_in_tables() {
  return {{{"lpddr4-3200", embedded::dram_lpddr4_3200},
           {"lpddr4x-3200", embedded::dram_lpddr4x_3200},
           {"lpddr4x-4266", embedded::dram_lpddr4x_4266},
           {"lpddr5-6400", embedded::dram_lpddr5_6400},
           {"ddr4-2400", embedded::dram_ddr4_2400},
           {"ddr4-3200", embedded::dram_ddr4_3200}}};
}

/// Refuses a value that contradicts others.
void require(const Config& table, bool holds, const std::string& key, const std::string& expected) {
  if (holds) return;
  throw UserError(
      fmt::format("{}: '{}' is {}, expected {}", table.where(key), key, table.raw(key), expected));
}

std::int64_t power_of_two(const Config& table, const std::string& key, std::int64_t high) {
  const std::int64_t value = table.integer(key, 1, high);
  require(table, (value & (value - 1)) == 0, key, "a power of two");
  return value;
}

void check_timing(const Config& table, const DramTiming& timing) {
  const auto at_least = [&table](const std::string& key, std::int64_t value, std::int64_t low,
                                 std::string_view why) {
    require(table, value >= low, "timing." + key, fmt::format("at least {} = {}", why, low));
  };
  require(table, timing.burst_bytes <= timing.page_bytes, "organisation.page_bytes", "at least one burst");
  at_least("tras", timing.tras, timing.trcd, "trcd");
  at_least("trc", timing.trc, timing.tras + timing.trp, "tras + trp");
  at_least("trp_all", timing.trp_all, timing.trp, "trp");
  at_least("tfaw", timing.tfaw, timing.trrd, "trrd");
  at_least("trtw", timing.trtw, timing.rl + timing.burst_clocks - timing.wl,
           "rl + burst - wl (write data behind read data)");
  at_least("trefi", timing.trefi, longest_refresh(timing) + 1, "a page's bursts, its recovery and a refresh");
}

constexpr std::int64_t kMostClocks = 100'000;
constexpr std::array<std::string_view, 9> kDetails = {"tccd_l",   "trrd_l",  "twtr_s",   "tppd",    "tdqsck",
                                                      "trefi_pb", "trfc_pb", "tpbr2pbr", "tpbr2act"};

/// What only the exact controller uses (dram/rules.h): present and in range.
void read_details(const Config& table) {
  (void)table.choice("protocol", {"lpddr4", "lpddr5", "ddr4"});
  (void)power_of_two(table, "organisation.bank_groups", 1024);
  (void)power_of_two(table, "organisation.ranks", 8);
  (void)power_of_two(table, "organisation.rows", 1 << 20);
  for (const std::string_view name : kDetails) {
    (void)table.integer(fmt::format("timing.{}", name), 0, kMostClocks);
  }
  for (const std::string& key : table.keys()) {
    if (!key.starts_with("dramsim3.")) continue;
    const std::string same = "timing." + key.substr(9);
    if (!table.has(same)) {
      throw UserError(
          fmt::format("{}: unknown key '{}'{}", table.where(key), key, suggestion(same, table.keys())));
    }
    (void)table.integer(key, 1, kMostClocks);
  }
}

void check_details(const Config& table, const DramTiming& timing) {
  require(table, table.integer("organisation.bank_groups", 1, 1024) <= timing.banks,
          "organisation.bank_groups", fmt::format("at most the {} banks", timing.banks));
  const auto within = [&table](const std::string& name, std::int64_t low, std::int64_t high,
                               const std::string& expected) {
    const std::int64_t value = table.integer("timing." + name, 0, kMostClocks);
    require(table, value >= low && value <= high, "timing." + name, expected);
    return value;
  };
  within("tccd_l", timing.burst_clocks, kMostClocks, "at least burst");
  within("trrd_l", timing.trrd, timing.tfaw, "from trrd to tfaw");
  within("twtr_s", 1, timing.twtr, "from 1 to twtr");
  within("tppd", 1, kMostClocks, "at least 1");
  within("tdqsck", 0, timing.rl - 1, "less than rl, which contains it");
  const std::int64_t interval = within("trefi_pb", 0, timing.trefi, "at most trefi");
  const std::int64_t refresh = within("trfc_pb", 0, timing.trfc, "at most trfc");
  require(table, (interval == 0) == (refresh == 0), "timing.trfc_pb", "0 exactly where trefi_pb is 0");
}

}  // namespace

std::vector<std::string> dram_tables() {
  std::vector<std::string> names;
  for (const BuiltIn& table : built_in_tables()) names.emplace_back(table.name);
  return names;
}

Config dram_table(const std::string& model, const std::string& where) {
  for (const BuiltIn& table : built_in_tables()) {
    if (table.name == model) return Config::parse(table.text, fmt::format("built-in {}.yaml", model));
  }
  if (model.ends_with(".yaml")) return Config::load(model);
  throw UserError(
      fmt::format("{}: no DRAM timing table '{}'{}; expected one of {}, or a file ending in .yaml", where,
                  model, suggestion(model, dram_tables()), fmt::join(dram_tables(), ", ")));
}

DramTiming read_timing(const Config& table) {
  const auto clocks = [&table](const std::string& key) {
    return table.integer("timing." + key, 1, kMostClocks);
  };
  DramTiming timing;
  timing.standard = table.text("standard");
  timing.clock_hz = table.integer("clock_mhz", 1, 10'000) * 1'000'000;
  timing.burst_bytes = power_of_two(table, "organisation.burst_bytes", 4096);
  timing.page_bytes = power_of_two(table, "organisation.page_bytes", 1 << 20);
  timing.banks = power_of_two(table, "organisation.banks", 1024);
  timing.burst_clocks = clocks("burst");
  timing.rl = clocks("rl");
  timing.wl = clocks("wl");
  timing.trcd = clocks("trcd");
  timing.trp = clocks("trp");
  timing.trp_all = clocks("trp_all");
  timing.tras = clocks("tras");
  timing.trc = clocks("trc");
  timing.trrd = clocks("trrd");
  timing.tfaw = clocks("tfaw");
  timing.twr = clocks("twr");
  timing.twtr = clocks("twtr");
  timing.trtp = clocks("trtp");
  timing.trtw = clocks("trtw");
  timing.trefi = clocks("trefi");
  timing.trfc = clocks("trfc");
  read_details(table);
  (void)read_currents(table);
  table.finish();
  check_timing(table, timing);
  check_details(table, timing);
  return timing;
}

}  // namespace npusim::mem
