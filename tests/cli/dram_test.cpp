// npusim dram: figures, formats, traces, and what it refuses.
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::test;

TEST_CASE("dram reports DRAMsim3's clocks and bandwidth for a sequential LPDDR4-3200 stream") {
  const Outcome outcome =
      run_npusim({"dram", "--config", "lpddr4-3200", "--policy", "dramsim3", "--format", "json"});
  REQUIRE(outcome.exit_code == 0);
  const auto json = nlohmann::json::parse(outcome.out);
  CHECK(json["schema"] == "npusim.dram/1");
  CHECK(json["clocks"] == 874'437);
  CHECK(json["commands"]["rd"] == 100'000);
  CHECK(json["commands"]["act"] == 1883);
  CHECK(json["commands"]["ref"] == 139);
  CHECK(std::abs(json["percent_of_peak"].get<double>() - 91.49) < 0.005);
  CHECK(std::abs(json["read_latency_ns"]["mean"].get<double>() - 292.5) < 0.06);
}

TEST_CASE("dram's text has bandwidth, latency, row hits, refresh and commands") {
  const Outcome outcome = run_npusim({"dram", "--stream", "dma_4r1w", "--rate", "50", "--requests", "5000"});
  REQUIRE(outcome.exit_code == 0);
  for (const auto* part :
       {"bandwidth", "GB/s", "read latency", "p99", "row hits", "refresh", "act ", "5,000"}) {
    INFO(part);
    CHECK(contains(outcome.out, part));
  }
}

TEST_CASE("dram replays a file of requests and writes the commands") {
  const TempFolder folder;
  write_file(folder / "in.txt", "# two reads of one row, one write\n0 R 0x0\n3 R 20\n900 W 0x40\n");
  const Outcome outcome =
      run_npusim({"dram", "--stream", folder / "in.txt", "--commands", folder / "out.txt"});
  REQUIRE(outcome.exit_code == 0);
  CHECK(read_file(folder / "out.txt") == "1 act 0 0 0 0 0\n30 rd 0 0 0 0 0\n38 rd 0 0 0 0 1\n");
}

TEST_CASE("dram runs several channels: four have four times the peak, refresh share and hits of one") {
  const auto figures = [](const char* channels, const char* requests) {
    const Outcome outcome =
        run_npusim({"dram", "--channels", channels, "--requests", requests, "--format", "json"});
    REQUIRE(outcome.exit_code == 0);
    return nlohmann::json::parse(outcome.out);
  };
  const auto one = figures("1", "40000");
  const auto four = figures("4", "160000");
  CHECK(four["channels"] == 4);
  CHECK(four["peak_gbs"] == 25.6);
  CHECK(std::abs(four["percent_of_peak"].get<double>() - one["percent_of_peak"].get<double>()) < 1);
  CHECK(std::abs(four["refresh_share"].get<double>() - one["refresh_share"].get<double>()) < 0.002);
  CHECK(four["commands"]["rd"] == 160'000);
}

TEST_CASE("dram names the channel of each command when there are several") {
  const TempFolder folder;
  write_file(folder / "in.txt", "0 R 0\n0 R 100\n");
  const Outcome outcome = run_npusim(
      {"dram", "--channels", "2", "--stream", folder / "in.txt", "--commands", folder / "out.txt"});
  REQUIRE(outcome.exit_code == 0);
  CHECK(read_file(folder / "out.txt") ==
        "1 act 0 0 0 0 0 0\n1 act 1 0 0 0 0 0\n30 rd 0 0 0 0 0 0\n30 rd 1 0 0 0 0 0\n");
}

TEST_CASE("dram adds up the energy where the table has currents, and says where it has none") {
  const Outcome outcome =
      run_npusim({"dram", "--config", "ddr4-2400", "--requests", "5000", "--format", "json"});
  REQUIRE(outcome.exit_code == 0);
  const auto json = nlohmann::json::parse(outcome.out);
  double sum = 0;
  for (const auto& [name, value] : json["energy_nj"].items()) {
    if (name != "total") sum += value.get<double>();
  }
  CHECK(std::abs(sum - json["energy_nj"]["total"].get<double>()) < 1e-6 * sum);
  // A read burst: 1.2 V, 8 devices, (135 - 43) mA, 4 clocks of 0.833 ns.
  CHECK(std::abs(json["energy_nj"]["read"].get<double>() - 5000 * 2.944) < 0.1);
  CHECK(json["power_mw"].get<double>() > 1000);
  const Outcome none = run_npusim({"dram", "--config", "lpddr5-6400", "--requests", "100"});
  CHECK(contains(none.out, "no currents"));
}

TEST_CASE("dram --constraints prints the table that is enforced") {
  const Outcome outcome = run_npusim({"dram", "--config", "ddr4-2400", "--constraints"});
  REQUIRE(outcome.exit_code == 0);
  CHECK(contains(outcome.out, "bank_group  rd            rd         6\n"));
}

TEST_CASE("dram refuses unknown tables, streams and policies, and faulty traces by line") {
  const auto refused = [](const std::vector<std::string>& arguments, const std::string& part) {
    const Outcome outcome = run_npusim(arguments);
    INFO(outcome.err);
    CHECK(outcome.exit_code == 1);
    CHECK(contains(outcome.err, part));
  };
  refused({"dram", "--config", "lpddr4-3300"}, "did you mean 'lpddr4-3200'");
  refused({"dram", "--stream", "seq_raed"}, "did you mean 'seq_read'");
  refused({"dram", "--policy", "fifo"}, "fr-fcfs, dramsim3");
  refused({"dram", "--mapping", "RoCo"}, "'ba' has 3 bits, but 0 are mapped");
  refused({"dram", "--set", "timing.trc=90"}, "'timing.trc' is 90, expected at least tras + trp = 97");
  refused({"dram", "--config", "ddr4-3200", "--refresh", "per-bank"}, "ddr4-3200 has no per-bank refresh");
  refused({"dram", "--requests", "0"}, "--requests");
  refused({"dram", "--channels", "0"}, "--channels");
  refused({"dram", "--interleave", "100"},
          "--interleave: blocks of 100 bytes a channel, expected a power of two");
  refused({"dram", "--mapping", "RoBaCoCo"}, "--mapping");
  refused({"dram", "--mapping", "ro ba co[5:1]"}, "--mapping");
  refused({"dram", "--set", "timing.trcx=90"}, "timing.trc");
  refused({"dram", "--set", "energy.vdd2.idd4r_ma=1"}, "expected at least idd3n_ma = 30");
  const TempFolder folder;
  write_file(folder / "in.txt", "0 R 0\n1 R 21\n");
  refused({"dram", "--stream", folder / "in.txt"},
          "in.txt:2: address 0x21 is not a multiple of the 32 bytes");
  write_file(folder / "in.txt", "0 R 0\n1 W 40000000\n");
  refused({"dram", "--stream", folder / "in.txt"}, "in.txt:2: address 0x40000000 is beyond the 1024 MiB");
  write_file(folder / "in.txt", "1 R 0\n0 W 20\n");
  refused({"dram", "--stream", folder / "in.txt"}, "in.txt:2: clock 0 is before the previous line's 1");
}
