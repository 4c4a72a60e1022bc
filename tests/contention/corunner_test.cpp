// Co-runners' traffic: patterns, profiles and traces from files, ports at a load.
#include "sim/mem/corunner.h"

#include <cstdio>
#include <fstream>
#include <set>

#include "sim/base/error.h"
#include "sim/mem/memory.h"
#include "tests/catch.h"

namespace npusim::mem::test {
namespace {

const char* const kProfile = "corunner_test.yaml";
const char* const kTrace = "corunner_test.csv";

const char* const kGood =
    "name: cpu\nkind: random\nburst_bytes: 64\noutstanding: 8\nbase_mib: 1024\nsize_mib: 256\n"
    "read_percent: 70\nrate_gb_s: 3.4\nseed: 9\n";

std::string error_of(const std::string& profile) {
  std::ofstream(kProfile) << profile;
  std::string message = "no error";
  try {
    read_corunner(kProfile);
  } catch (const UserError& error) {
    message = error.what();
  }
  std::remove(kProfile);
  return message;
}

CoRunnerProfile profile_of(const std::string& text) {
  std::ofstream(kProfile) << text;
  CoRunnerProfile profile = read_corunner(kProfile);
  std::remove(kProfile);
  return profile;
}

void contains(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("A constant pattern walks its range in bursts, again and again, with reads spread evenly",
          "[corunner]") {
  TrafficPattern pattern;
  pattern.base = 4096;
  pattern.bytes = 256;
  pattern.read_percent = 75;
  TrafficSource source(pattern);
  std::string kinds;
  for (std::int64_t i = 0; i < 12; ++i) {
    CHECK(source.next().address == 4096 + i % 4 * 64);
    CHECK(source.next().bytes == 64);
    CHECK(source.next().cycle == 0);
    kinds += source.next().write ? 'w' : 'r';
    source.advance();
  }
  CHECK(kinds == "wrrrwrrrwrrr");
}

TEST_CASE("A random pattern covers its range with the given share of reads, the same for the same seed",
          "[corunner]") {
  TrafficPattern pattern;
  pattern.kind = TrafficPattern::Kind::random;
  pattern.base = 1 << 20U;
  pattern.bytes = 64 * 64;
  pattern.read_percent = 30;
  TrafficSource source(pattern);
  std::set<std::int64_t> seen;
  int reads = 0;
  std::vector<std::int64_t> first;
  for (int i = 0; i < 4000; ++i) {
    REQUIRE(source.next().address % 64 == 0);
    REQUIRE(source.next().address >= 1 << 20U);
    REQUIRE(source.next().address < (1 << 20U) + 64 * 64);
    seen.insert(source.next().address);
    reads += source.next().write ? 0 : 1;
    if (i < 50) first.push_back(source.next().address);
    source.advance();
  }
  CHECK(seen.size() == 64);
  CHECK(reads > 4000 * 27 / 100);
  CHECK(reads < 4000 * 33 / 100);
  source.reset();
  for (const std::int64_t address : first) {
    REQUIRE(source.next().address == address);
    source.advance();
  }
}

TEST_CASE("A trace is cut at bursts, repeated after its period and stretched by the load", "[corunner]") {
  TrafficPattern pattern;
  pattern.kind = TrafficPattern::Kind::trace;
  pattern.trace = {{5, 1000, 100, false}, {9, 64, 64, true}};
  pattern.period = 20;
  pattern.stretch_num = 100;
  pattern.stretch_den = 50;
  TrafficSource source(pattern);
  const std::vector<TracedAccess> expected = {{10, 1000, 24, false}, {10, 1024, 64, false},
                                              {10, 1088, 12, false}, {18, 64, 64, true},
                                              {50, 1000, 24, false}, {50, 1024, 64, false}};
  for (const TracedAccess& one : expected) {
    CHECK(source.next().cycle == one.cycle);
    CHECK(source.next().address == one.address);
    CHECK(source.next().bytes == one.bytes);
    CHECK(source.next().write == one.write);
    source.advance();
  }
}

TEST_CASE(
    "A profile becomes a port with the exact interval: 3.4 GB/s in 64-byte bursts at 680 MHz is 12.8 cycles",
    "[corunner]") {
  const CoRunnerProfile profile = profile_of(kGood);
  const PortSpec full = corunner_port(profile, 680'000'000, 100);
  CHECK(full.issue_num == 64);
  CHECK(full.issue_den == 5);
  CHECK(full.outstanding == 8);
  CHECK(full.name == "cpu");
  REQUIRE(full.traffic);
  CHECK(full.traffic->base == INT64_C(1) << 30U);
  CHECK(full.traffic->bytes == INT64_C(256) << 20U);
  CHECK(full.traffic->seed == 9);
  const PortSpec quarter = corunner_port(profile, 680'000'000, 25);
  CHECK(quarter.issue_num == 256);
  CHECK(quarter.issue_den == 5);
  const CoRunnerProfile by_requests =
      profile_of(replaced(kGood, "rate_gb_s: 3.4", "requests_per_us: 53.125"));
  CHECK(corunner_port(by_requests, 680'000'000, 100).issue_num == 64);
  CHECK(corunner_port(by_requests, 680'000'000, 100).issue_den == 5);
  const CoRunnerProfile fast = profile_of(replaced(kGood, "rate_gb_s: 3.4", "rate_gb_s: 60"));
  CHECK_NOTHROW(corunner_port(fast, 1'000'000'000, 100));
  CHECK_THROWS_AS(corunner_port(fast, 680'000'000, 100), UserError);
}

TEST_CASE("Faulty profiles are refused with file and line", "[corunner]") {
  CHECK(error_of(kGood) == "no error");
  contains(error_of(replaced(kGood, "kind: random", "kind: rondom")), "corunner_test.yaml:2");
  contains(error_of(replaced(kGood, "kind: random", "kind: rondom")), "random");
  contains(error_of(replaced(kGood, "read_percent: 70", "read_percent: 101")), "corunner_test.yaml:7");
  contains(error_of(replaced(kGood, "burst_bytes: 64", "burst_bytes: 48")),
           "corunner_test.yaml:3: 'burst_bytes' is 48, expected a power of two");
  contains(error_of(replaced(kGood, "outstanding: 8", "outstanding: 1")), "outstanding");
  contains(error_of(replaced(kGood, "name: cpu\n", "")), "name");
  contains(error_of(std::string(kGood) + "requests_per_us: 3\n"), "either 'rate_gb_s' or 'requests_per_us'");
  contains(error_of(replaced(kGood, "rate_gb_s: 3.4\n", "")), "either 'rate_gb_s' or 'requests_per_us'");
  contains(error_of(replaced(kGood, "rate_gb_s: 3.4", "rate_gb_s: 3.4001")), "at most three decimals");
  contains(error_of(replaced(kGood, "rate_gb_s: 3.4", "rate_gb_s: 0")), "rate_gb_s");
  contains(error_of(replaced(kGood, "outstanding", "outstandin")), "outstanding");
  contains(error_of(std::string(kGood) + "colour: red\n"), "corunner_test.yaml:10");
  contains(error_of(replaced(kGood, "kind: random", "kind: constant")), "no seed unless kind is random");
  contains(error_of("name: a\nkind: trace\nburst_bytes: 64\noutstanding: 4\ntrace: nowhere.csv\n"),
           "nowhere.csv: cannot be read");
}

TEST_CASE("Traces are read by column name, and their faults named by line", "[corunner]") {
  const auto error = [](const std::string& text) {
    std::ofstream(kTrace) << text;
    std::string message = "no error";
    try {
      read_traffic_trace(kTrace);
    } catch (const UserError& fault) {
      message = fault.what();
    }
    std::remove(kTrace);
    return message;
  };
  std::ofstream(kTrace) << "port,direction,bytes,address,cycle\nin,read,64,0x1000,3\n\nout, write ,32,17,3\n";
  const auto accesses = read_traffic_trace(kTrace);
  const CoRunnerProfile profile = profile_of(
      "name: a\nkind: trace\nburst_bytes: 64\noutstanding: 4\ntrace: corunner_test.csv\nperiod_cycles: 50\n");
  std::remove(kTrace);
  REQUIRE(accesses.size() == 2);
  CHECK(accesses[0].address == 4096);
  CHECK(accesses[0].cycle == 3);
  CHECK(accesses[1].write);
  CHECK(accesses[1].address == 17);
  CHECK(profile.pattern.period == 50);
  CHECK(corunner_port(profile, 1'000'000'000, 50).traffic->stretch_den == 50);

  const std::string header = "cycle,address,bytes,direction\n";
  contains(error("cycle,adress,bytes,direction\n"),
           "corunner_test.csv:1: no column 'address'; did you mean 'adress'");
  contains(error(header), "no access");
  contains(error(header + "1,2,3\n"), "corunner_test.csv:2: 3 columns");
  contains(error(header + "1,-2,3,read\n"), ":2: address '-2', expected a number of at least 0");
  contains(error(header + "1,2,0,read\n"), ":2: bytes '0', expected at least 1");
  contains(error(header + "1,9223372036854775807,1,read\n"), "an end under 2^63");
  contains(error(header + "1,1,9223372036854775807,read\n"), "an end under 2^63");
  CHECK(error(header + "1099511627776,9223372036854775806,1,read\n") == "no error");
  contains(error(header + "1099511627777,2,3,read\n"), ":2: cycle '1099511627777', expected at most 2^40");
  contains(error(header + "1,2,3,reed\n"), ":2: direction 'reed', expected read or write");
  contains(error(header + "5,2,3,read\n4,2,3,read\n"), ":3: cycle 4 is before the previous line's 5");
}

}  // namespace npusim::mem::test
