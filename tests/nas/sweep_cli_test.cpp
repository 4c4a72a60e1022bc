// npusim sweep as users run it.
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/types.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "nas/jobs/store.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/nas/background.h"

using namespace npusim::test;

namespace {

std::vector<std::string> sweep(const std::vector<std::string>& more) {
  std::vector<std::string> words{"sweep", "--hw", "ascend310", "resnet8"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// A grid of 16 x 8 combinations.
std::vector<std::string> with_grid(std::vector<std::string> more) {
  more.insert(more.end(), {"--set", "cube.m=1..16", "--set", "dram.channels=1..8"});
  return sweep(more);
}

std::vector<std::string> program(std::vector<std::string> words) {
  words.insert(words.begin(), NPUSIM_BINARY);
  return words;
}

/// The table of the grid when nothing befalls it.
const std::string& calm_table() {
  static const std::string table = run_npusim(with_grid({"--no-store"})).out;
  REQUIRE(std::count(table.begin(), table.end(), '\n') == 1 + 16 * 8);
  return table;
}

}  // namespace

TEST_CASE("a sweep writes the same table with -j 1, with -j 3 and from the store") {
  const TempFolder folder;
  const std::vector<std::string> grid{"--set", "cube.m=8,16", "--set", "dram.channels=2,4"};
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.end(), grid.begin(), grid.end());
    return run_npusim(sweep(more));
  };
  const Outcome one = run({"-j", "1", "--no-store"});
  CHECK(one.exit_code == 0);
  CHECK(contains(one.err, "4 simulations: 4 run\n"));
  CHECK(contains(one.err, "Sensitivity of latency"));
  const std::string store = folder / "results.db";
  CHECK(run({"-j", "3", "--store", store}).out == one.out);
  const Outcome again = run({"--store", store, "--resume"});
  CHECK(again.out == one.out);
  CHECK(contains(again.err, "4 simulations: 0 run, 4 reused from " + store));
}

TEST_CASE("invalid combinations are listed before the first run and have rows that say why") {
  const Outcome outcome = run_npusim(sweep({"--no-store", "--set", "cube.m=16,0"}));
  CHECK(outcome.exit_code == 0);
  CHECK(
      contains(outcome.err, "1 of 2 combinations cannot be built and are not run:\n  ascend310 cube.m=0: "));
  CHECK(contains(outcome.err, "1 simulations: 1 run"));
  CHECK(contains(outcome.out, "ascend310,resnet8,0,,,"));
  CHECK(contains(outcome.out, "invalid: --set cube.m=0"));
  CHECK(run_npusim(sweep({"--no-store", "--set", "cube.m=0"})).exit_code == 1);
}

TEST_CASE("linked keys, two chips, two networks and JSON go together") {
  const Outcome outcome =
      run_npusim({"sweep", "--hw", "ascend310,midap", "resnet8", "mobilenet_v1_0_25_128", "--no-store",
                  "--link", "cube.m=8,16,cube.n=16,8", "--format", "json", "--pareto", "latency_ms,cube.m"});
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.err, "6 simulations: 6 run"));
  CHECK(contains(outcome.out, "\"cube.m\": 8,\n      \"cube.n\": 16"));
  CHECK(contains(outcome.out, "\"pareto\": 1"));
}

TEST_CASE("errors of sweeps are told before anything runs") {
  const auto error = [](const std::vector<std::string>& more) {
    const Outcome outcome = run_npusim(sweep(more));
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.out.empty());
    return outcome.err;
  };
  CHECK(contains(error({"--no-store", "--set", "cube.m=8,,9"}), "at character 10"));
  CHECK(contains(error({"--no-store", "--set", "cube.q=8"}), "no such key in ascend310"));
  CHECK(contains(error({"--no-store", "--pareto", "latency"}), "'latency' is no numeric column"));
  CHECK(contains(error({"--no-store", "--resume"}), "excludes"));
  CHECK(contains(error({"--no-store", "--dtype", "int9"}), "not in 'int9'"));
  const TempFolder folder;
  CHECK(contains(error({"--store", folder / "new.db", "--resume"}), "has no result of this command"));
  write_file(folder / "text", std::string(3000, 'x'));
  CHECK(contains(error({"--store", folder / "text"}), "not a results store"));
}

TEST_CASE("a sweep killed with signal 9 is resumed to the same table, without repeating what was stored") {
  const TempFolder folder;
  const std::string store = folder / "results.db";
  {
    Background killed(program(with_grid({"-j", "2", "--store", store})), folder / "err");
    REQUIRE(wait_for_rows(killed, store, 5));
    killed.kill(SIGKILL);
    CHECK(killed.wait(60) == 128 + SIGKILL);
  }
  const std::int64_t kept = npusim::jobs::Store(store).rows();
  CHECK(kept >= 5);
  CHECK(kept < 128);
  const Outcome resumed = run_npusim(with_grid({"--resume", "--store", store}));
  CHECK(resumed.exit_code == 0);
  CHECK(contains(resumed.err, fmt::format("128 simulations: {} run, {} reused", 128 - kept, kept)));
  CHECK(resumed.out == calm_table());
}

TEST_CASE("a worker killed with signal 9 costs its job a second try, and the table is the same") {
  const TempFolder folder;
  const std::string store = folder / "results.db";
  const std::string table = folder / "table.csv";
  Background run(program(with_grid({"-j", "2", "--store", store, "-o", table})), folder / "err");
  REQUIRE(wait_for_rows(run, store, 3));
  const std::vector<pid_t> workers = children(run.process());
  REQUIRE(workers.size() == 2);
  ::kill(workers[0], SIGKILL);
  CHECK(run.wait(120) == 0);
  CHECK(contains(read_file(folder / "err"),
                 "a worker was killed by signal 9 (Killed) while simulating resnet8"));
  CHECK(contains(read_file(folder / "err"), "128 simulations: 128 run"));
  CHECK(read_file(table) == calm_table());
}

TEST_CASE("Ctrl-C keeps what is done, writes the rows it has and says how many are open") {
  const TempFolder folder;
  const std::string store = folder / "results.db";
  Background run(program(with_grid({"-j", "2", "--store", store, "-o", folder / "table.csv"})),
                 folder / "err");
  REQUIRE(wait_for_rows(run, store, 3));
  run.kill(SIGINT);
  CHECK(run.wait(60) == 1);
  CHECK(contains(read_file(folder / "err"), "what was done is kept: repeat the command to continue"));
  const std::string part = read_file(folder / "table.csv");
  CHECK(contains(part, ",ok\n"));
  CHECK(contains(part, ",not run\n"));
}

TEST_CASE("two sweeps on one store at once write the same table, and the store has every row once") {
  const TempFolder folder;
  const std::string store = folder / "results.db";
  const auto words = [&](const char* name) {
    return program(with_grid({"-j", "1", "--store", store, "-o", folder / name}));
  };
  Background one(words("one.csv"), folder / "one");
  Background two(words("two.csv"), folder / "two");
  CHECK(one.wait(120) == 0);
  CHECK(two.wait(120) == 0);
  CHECK(read_file(folder / "one.csv") == calm_table());
  CHECK(read_file(folder / "two.csv") == calm_table());
  CHECK(npusim::jobs::Store(store).rows() == 128);
}

TEST_CASE("on a full disk a sweep ends and says so; what was stored is whole and is reused") {
  // A file system of 600 KiB in a name space of its own.
  const TempFolder folder;
  const std::string script =
      "mount -t tmpfs -o size=600k tmpfs \"$1\" || exit 77; shift; \"$@\"; code=$?; cp " +
      (folder / "full/results.db") + "* " + (folder / "") + "; exit $code";
  std::filesystem::create_directory(folder / "full");
  std::vector<std::string> words{"unshare", "--mount", "--map-root-user", "sh", "-c",
                                 script,    "sh",      folder / "full"};
  for (const auto& word : program(with_grid({"--store", folder / "full/results.db"}))) words.push_back(word);
  const Outcome full = run_program(words);
  if (full.exit_code == 77 || contains(full.err, "unshare")) {
    WARN("skipped: no small file system can be made here: " + full.err);
    return;
  }
  CHECK(full.exit_code == 1);
  CHECK(contains(full.err, "the disk is full; all results stored so far are kept"));
  const std::string copy = folder / "results.db";
  const std::int64_t kept = npusim::jobs::Store(copy).rows();
  CHECK(kept > 0);
  CHECK(kept < 128);
  const Outcome resumed = run_npusim(with_grid({"--store", copy}));
  CHECK(contains(resumed.err, fmt::format("{} reused", kept)));
  CHECK(resumed.out == calm_table());
}

TEST_CASE("a sweep of nothing is one row, and values that all are out of limits are an error") {
  const Outcome one = run_npusim(sweep({"--no-store"}));
  CHECK(one.exit_code == 0);
  CHECK(contains(one.err, "1 simulations: 1 run"));
  CHECK(std::count(one.out.begin(), one.out.end(), '\n') == 2);
  const Outcome none = run_npusim(sweep({"--no-store", "--set", "cube.m=0,-1"}));
  CHECK(none.exit_code == 1);
  CHECK(contains(none.err, "no combination can be built"));
  CHECK(run_npusim(sweep({"--no-store", "--set", "cube.m=9..1"})).exit_code == 1);
}

TEST_CASE("results of another npusim are not reused and stay in the store") {
  const TempFolder folder;
  const std::string store = folder / "results.db";
  REQUIRE(run_npusim(sweep({"--store", store})).exit_code == 0);
  sqlite3* connection = nullptr;
  REQUIRE(sqlite3_open(store.c_str(), &connection) == SQLITE_OK);
  sqlite3_exec(connection, "UPDATE results SET version='0.0.9+0'", nullptr, nullptr, nullptr);
  sqlite3_close(connection);
  CHECK(contains(run_npusim(sweep({"--store", store})).err, "1 run, 0 reused"));
  CHECK(npusim::jobs::Store(store).rows() == 2);
}

TEST_CASE(
    "the output's name says its format: .json and .sqlite, which has the CSV's columns with their types") {
  const TempFolder folder;
  const auto write = [&](const char* name) {
    const Outcome outcome = run_npusim(sweep({"--no-store", "--set", "cube.m=8,0,16", "-o", folder / name}));
    REQUIRE(outcome.exit_code == 0);
    return folder / name;
  };
  CHECK(read_file(write("a.json")).rfind("{\n  \"schema\": \"npusim.sweep/1\"", 0) == 0);
  const std::string csv = read_file(write("a.csv"));
  sqlite3* connection = nullptr;
  REQUIRE(sqlite3_open(write("a.sqlite").c_str(), &connection) == SQLITE_OK);
  std::string rows;
  const auto collect = [](void* text, int count, char** cells, char**) {
    for (int i = 0; i < count; ++i)
      *static_cast<std::string*>(text) += fmt::format("{}|", cells[i] == nullptr ? "" : cells[i]);
    return 0;
  };
  const char* query = "SELECT \"cube.m\", cycles, typeof(cycles), typeof(latency_ms), status='ok' FROM sweep";
  CHECK(sqlite3_exec(connection, query, collect, &rows, nullptr) == SQLITE_OK);
  sqlite3_close(connection);
  const auto cycles = [&](const char* start) {
    const std::size_t at = csv.find(start) + std::string(start).size();
    return csv.substr(at, csv.find(',', at) - at);
  };
  CHECK(rows == fmt::format("8|{}|integer|real|1|0||null|null|0|16|{}|integer|real|1|", cycles("resnet8,8,"),
                            cycles("resnet8,16,")));
  CHECK(read_file(write("a.sqlite")) == read_file(write("b.sqlite")));
  const Outcome nowhere = run_npusim(sweep({"--no-store", "-o", folder / "no/such/a.sqlite"}));
  CHECK(nowhere.exit_code == 1);
  CHECK(contains(nowhere.err, "no/such/a.sqlite"));
  CHECK(contains(run_npusim(sweep({"--no-store", "--format", "sqlite"})).err, "name the file with -o"));
}

TEST_CASE("three shards in three stores merge into a store from which the same table comes") {
  const TempFolder folder;
  std::vector<std::string> merge{"store", "merge", folder / "all.db"};
  std::int64_t rows = 0;
  for (const char* part : {"1/3", "2/3", "3/3"}) {
    const std::string store = folder / fmt::format("part{}.db", part[0]);
    const Outcome outcome = run_npusim(with_grid({"--shard", part, "--store", store}));
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.err, fmt::format("shard {} of 3: ", part[0])));
    rows += npusim::jobs::Store(store).rows();
    merge.push_back(store);
  }
  CHECK(rows == 128);
  CHECK(contains(run_npusim(merge).out, "all.db: 128 results"));
  const Outcome table = run_npusim(with_grid({"--store", folder / "all.db", "--resume"}));
  CHECK(contains(table.err, "128 simulations: 0 run, 128 reused"));
  CHECK(table.out == calm_table());
  // Once more adds nothing.
  CHECK(contains(run_npusim(merge).out, "part3.db: 0 results added"));
}

TEST_CASE("shards that are none and stores that are not there are errors") {
  const auto error = [](const std::vector<std::string>& words) {
    const Outcome outcome = run_npusim(words);
    CHECK(outcome.exit_code == 1);
    return outcome.err;
  };
  for (const char* shard : {"0/3", "4/3", "1", "1/", "/3", "1/3x", "a/b"}) {
    CHECK(contains(error(sweep({"--shard", shard})), "expected PART/PARTS"));
  }
  CHECK(contains(error(sweep({"--shard", "1/3", "--no-store"})), "excludes"));
  CHECK(contains(error(sweep({"--shard", "1/3", "-o", "x.csv"})), "excludes"));
  const TempFolder folder;
  CHECK(contains(error({"store", "merge", folder / "a.db", folder / "none.db"}), "none.db: no such file"));
  CHECK(!std::filesystem::exists(folder / "none.db"));
  CHECK(contains(error(sweep({"--executor", "mars"})), "'mars' is none of local, mpi"));
}
