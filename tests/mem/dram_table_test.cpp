// Timing tables and a chip's dram section.
#include <cstdio>
#include <fstream>
#include <string>

#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/mem/scripts.h"

namespace npusim::mem::test {
namespace {

template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  INFO("'" << text << "' should contain '" << part << "'");
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

/// The built-in lpddr4-3200 with the line of `key` replaced; "" deletes it.
Config changed(const std::string& key, const std::string& line) {
  std::ifstream in(std::string(NPUSIM_SOURCE_DIR) + "/sim/mem/dram/lpddr4-3200.yaml");
  std::string text;
  std::string one;
  bool done = false;
  while (std::getline(in, one)) {
    if (!done && one.find(key + ":") != std::string::npos) {
      one = line;
      done = true;
    }
    text += one + "\n";
  }
  REQUIRE(done);
  return Config::parse(text, "my.yaml");
}

std::string chip_yaml(const std::string& model) {
  return "dram:\n  model: " + model +
         "\n  channels: 4\n  interleave_bytes: 512\n  controller_cycles: 80\n  bank_xor: true\n  "
         "write_queue: 16\n";
}

}  // namespace

TEST_CASE("Six timing tables are built in, and every number in them has a source", "[mem][dram]") {
  REQUIRE(dram_tables() == std::vector<std::string>{"lpddr4-3200", "lpddr4x-3200", "lpddr4x-4266",
                                                    "lpddr5-6400", "ddr4-2400", "ddr4-3200"});
  for (const std::string& name : dram_tables()) {
    const Config table = dram_table(name, "test");
    CHECK(read_timing(table).standard == name);
    for (const std::string& key : table.keys()) {
      INFO(name << " " << key);
      if (key != "standard") CHECK(table.provenance(key) != nullptr);
    }
  }
}

TEST_CASE("The tables' channels have the published peak bandwidth", "[mem][dram]") {
  const auto megabytes = [](const std::string& name) {
    const DramTiming t = dram(name).timing;
    return t.clock_hz / 1'000'000 * t.burst_bytes / t.burst_clocks;
  };
  CHECK(megabytes("lpddr4-3200") == 6400);
  CHECK(megabytes("lpddr4x-3200") == 6400);
  CHECK(megabytes("lpddr4x-4266") == 8532);
  CHECK(megabytes("lpddr5-6400") == 12'800);
  CHECK(megabytes("ddr4-2400") == 19'200);
  CHECK(megabytes("ddr4-3200") == 25'600);
}

TEST_CASE("LPDDR4X-3200 has LPDDR4-3200's timing", "[mem][dram]") {
  Config plain = dram_table("lpddr4-3200", "test");
  plain.set("standard=lpddr4x-3200");
  for (const std::string& key : plain.keys()) {
    if (key.starts_with("energy.")) plain.erase(key);  // whose supplies differ, and LPDDR4X's are not known
  }
  CHECK(plain.canonical() == dram_table("lpddr4x-3200", "test").canonical());
}

TEST_CASE("A chip's dram section is read whole", "[mem][dram]") {
  const Config config = Config::parse(chip_yaml("lpddr5-6400"), "chip.yaml");
  const DramSpec spec = read_dram(config, "dram");
  config.finish();
  CHECK(spec.timing.standard == "lpddr5-6400");
  CHECK(spec.timing.banks == 16);
  CHECK(spec.channels == 4);
  CHECK(spec.interleave_bytes == 512);
  CHECK(spec.controller_cycles == 80);
  CHECK(spec.bank_xor);
  CHECK(spec.write_queue == 16);
}

TEST_CASE("An unknown table names the file, the line and the nearest table", "[mem][dram]") {
  const std::string error =
      error_of([] { read_dram(Config::parse(chip_yaml("lpddr4x-3300"), "chip.yaml"), "dram"); });
  contains(error, "chip.yaml:2");
  contains(error, "lpddr4x-3300");
  contains(error, "did you mean 'lpddr4x-3200'");
}

TEST_CASE("A model that ends in .yaml is a file: read when it is there, an error when not", "[mem][dram]") {
  const std::string path = std::string(NPUSIM_SOURCE_DIR) + "/sim/mem/dram/ddr4-2400.yaml";
  CHECK(read_dram(Config::parse(chip_yaml(path), "chip.yaml"), "dram").timing.standard == "ddr4-2400");
  contains(error_of([] { read_dram(Config::parse(chip_yaml("nowhere.yaml"), "chip.yaml"), "dram"); }),
           "nowhere.yaml: cannot be read");
}

TEST_CASE("Impossible timings are refused with file, line and what was expected", "[mem][dram]") {
  const auto error = [](const std::string& key, const std::string& line) {
    return error_of([&] { read_timing(changed(key, line)); });
  };
  CHECK(error("trc", "  trc: 97").empty());
  contains(error("trc", "  trc: 96"), "my.yaml:21: 'timing.trc' is 96, expected at least tras + trp = 97");
  contains(error("trcd", "  trcd: 0"), "my.yaml:17");
  contains(error("trcd", ""), "'timing.trcd' is missing");
  contains(error("trcd", "  tcrd: 29"), "'timing.trcd' is missing; did you mean 'timing.");
  contains(error("banks", "  banks: 6"), "my.yaml:9: 'organisation.banks' is 6, expected a power of two");
  contains(error("page_bytes", "  page_bytes: 2000"),
           "'organisation.page_bytes' is 2000, expected a power of two");
  contains(error("page_bytes", "  page_bytes: 16"), "expected at least one burst");
  contains(error("tras", "  tras: 20"), "expected at least trcd = 29");
  contains(error("trp_all", "  trp_all: 28"), "expected at least trp = 29");
  contains(error("tfaw", "  tfaw: 10"), "expected at least trrd = 16");
  contains(error("trtw", "  trtw: 24"), "'timing.trtw' is 24, expected at least rl + burst - wl");
  contains(error("trefi", "  trefi: 700"), "'timing.trefi' is 700");
  contains(error("clock_mhz", "clock_mhz: fast"), "my.yaml:4: 'clock_mhz' is 'fast', expected an integer");
  contains(error("twr", "  twr: 29\n  tw: 3"), "my.yaml:25: unknown key 'timing.tw'");
}

TEST_CASE("A chip's dram section with odd values is refused", "[mem][dram]") {
  const auto error = [](const std::string& from, const std::string& to) {
    std::string text = chip_yaml("lpddr4-3200");
    text.replace(text.find(from), from.size(), to);
    return error_of([&] { read_dram(Config::parse(text, "chip.yaml"), "dram"); });
  };
  contains(error("interleave_bytes: 512", "interleave_bytes: 500"),
           "chip.yaml:4: 'dram.interleave_bytes' is 500");
  contains(error("interleave_bytes: 512", "interleave_bytes: 16"), "expected an integer from 32 to");
  contains(error("channels: 4", "channels: 0"), "chip.yaml:3");
  contains(error("bank_xor: true", "bank_xor: 2"),
           "chip.yaml:6: 'dram.bank_xor' is '2', expected true or false");
  contains(error("write_queue: 16", "write_queue: -1"), "chip.yaml:7");
  contains(error("  write_queue: 16\n", ""), "'dram.write_queue' is missing");
}

TEST_CASE("A chip chooses the exact controller and its parameters; what is not given has a default",
          "[mem][dram]") {
  const auto read = [](const std::string& more) {
    return read_dram(Config::parse(chip_yaml("lpddr4-3200") + more, "chip.yaml"), "dram");
  };
  const DramSpec plain = read("");
  CHECK(plain.policy == DramPolicy::in_order);
  CHECK(plain.fr_fcfs.arbitration == Arbitration::fifo);
  CHECK(plain.channel_bytes == 0);
  const DramSpec spec = read(
      "  policy: fr-fcfs\n  arbitration: weighted\n  fr_fcfs:\n    bank_queue: 4\n    write_queue: 16\n"
      "    write_idle: 3\n    page: adaptive\n    page_timeout: 70\n    refresh: per-bank\n");
  CHECK(spec.policy == DramPolicy::fr_fcfs);
  CHECK(spec.channel_bytes == INT64_C(1) << 30U);
  CHECK(spec.fr_fcfs.arbitration == Arbitration::weighted);
  const FrFcfsPolicy& policy = spec.fr_fcfs.policy;
  CHECK(policy.bank_queue == 4);
  CHECK(policy.read_queue == 32);
  CHECK(policy.write_high == 16);  // a full queue
  CHECK(policy.write_low == 4);    // a quarter of it
  CHECK(policy.write_idle == 3);
  CHECK(policy.page == PagePolicy::adaptive);
  CHECK(policy.page_timeout == 70);
  CHECK(policy.refresh == RefreshPolicy::per_bank);
  CHECK(spec.fr_fcfs.mapping == "ro ra ba co ba^ro");
  CHECK(read("  fr_fcfs: {mapping: RoCoBa}\n").fr_fcfs.mapping == "ra ro co ba");
}

TEST_CASE("Policies, watermarks and mappings that cannot work are refused where they stand", "[mem][dram]") {
  const auto error = [](const std::string& more, const std::string& model = "lpddr4-3200") {
    return error_of([&] {
      const Config config = Config::parse(chip_yaml(model) + more, "chip.yaml");
      read_dram(config, "dram");
      config.finish();
    });
  };
  contains(error("  policy: fr_fcfs\n"), "chip.yaml:8: 'dram.policy' is 'fr_fcfs'");
  contains(error("  policy: frfcfs\n"), "fr-fcfs");
  contains(error("  arbitration: robin\n"), "round_robin");
  contains(error("  arbitration: round_robin\n"),
           "chip.yaml:8: 'dram.arbitration' is round_robin, but the in-order");
  const std::string exact = "  policy: fr-fcfs\n  fr_fcfs:\n    ";
  contains(error(exact + "hit_cup: 4\n"), "chip.yaml:10: unknown key 'dram.fr_fcfs.hit_cup'");
  contains(error(exact + "bank_queue: 33\n"), "chip.yaml:10: 'dram.fr_fcfs.bank_queue' is '33'");
  contains(error(exact + "write_high: 33\n"),
           "chip.yaml:10: dram.fr_fcfs.write_high is 33, expected at most 32, write_queue");
  contains(error(exact + "write_low: 32\n"),
           "write_low is 32, expected at most 31, one less than write_high");
  contains(error(exact + "write_idle: 40\n"), "write_idle is 40, expected at most 32");
  contains(error(exact + "refresh: per-bank\n", "ddr4-2400"),
           "chip.yaml:10: dram.fr_fcfs.refresh: ddr4-2400 has no");
  contains(error(exact + "mapping: ro ba co[5:1]\n"),
           "chip.yaml:10: dram.fr_fcfs.mapping: address mapping 'ro ba co[5:1]': 'co' has 6 bits, but 5 are "
           "mapped");
  contains(error(exact + "mapping: RoBaXx\n"), "unknown field 'xx'");
  contains(error(exact + "mapping: ro ba ba co\n"), "bits of 'ba' are given twice");
}

TEST_CASE("A transfer beyond the DRAM's capacity is refused and names the port, its last byte is not",
          "[mem][dram]") {
  for (const DramPolicy policy : {DramPolicy::in_order, DramPolicy::fr_fcfs}) {
    MemorySpec spec;
    spec.clock_hz = 680'000'000;
    spec.dram = fr_fcfs_dram("lpddr4-3200", 2);
    spec.dram.policy = policy;
    spec.dram.channel_bytes = INT64_C(1) << 30U;
    spec.ports.resize(1);
    spec.ports[0].name = "mte2";
    const auto domain = make_memory_domain(spec);
    const std::int64_t capacity = INT64_C(2) << 30U;
    domain->start(0, std::vector{run(capacity - 256, 256)}, Cycles(0));
    REQUIRE(domain->next_completion().has_value());
    const std::string text =
        error_of([&] { domain->start(0, std::vector{run(capacity - 255, 256)}, Cycles(10'000)); });
    contains(
        text,
        "memory port 'mte2': a transfer of addresses 0x7fffff01 to 0x80000001 leaves the DRAM's 2048 MiB");
  }
}

}  // namespace npusim::mem::test
