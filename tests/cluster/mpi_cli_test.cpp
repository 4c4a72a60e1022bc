// npusim under mpirun. Without MPI these tests say that they are skipped.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "nas/jobs/store.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/nas/background.h"

using namespace npusim::test;

namespace {

using Words = std::vector<std::string>;

#ifdef NPUSIM_MPIRUN
constexpr const char* kMpirun = NPUSIM_MPIRUN;
#else
constexpr const char* kMpirun = "";
#endif

bool skipped() {
  if (std::string(kMpirun).empty()) {
    WARN("skipped: built without MPI");
    return true;
  }
  // Open MPI refuses root and more ranks than cores unless told.
  ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  return false;
}

Words sweep(const Words& more) {
  Words words{"sweep", "--hw",         "ascend310", "resnet8",
              "--set", "cube.m=1..16", "--set",     "dram.channels=1..8"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// Of three ranks.
Words cluster(const Words& more) {
  Words words{kMpirun, "--oversubscribe", "-np", "3", NPUSIM_BINARY};
  for (const auto& word : sweep(more)) words.push_back(word);
  words.insert(words.end(), {"--executor", "mpi"});
  return words;
}

const std::string& local_table() {
  static const std::string table = run_npusim(sweep({"--no-store", "-j", "1"})).out;
  REQUIRE(std::count(table.begin(), table.end(), '\n') == 129);
  return table;
}

/// Ranks of an mpirun, by their number.
pid_t rank_process(const Background& mpirun, const std::string& rank) {
  for (const pid_t child : children(mpirun.process())) {
    if (environment_of(child, "OMPI_COMM_WORLD_RANK") == rank) return child;
  }
  return 0;
}

}  // namespace

TEST_CASE("three ranks write the table of the local pool byte for byte, and share its store") {
  if (skipped()) return;
  const TempFolder folder;
  const std::string store = folder / "results.db";
  const Outcome outcome = run_program(cluster({"--store", store}));
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.out == local_table());
  CHECK(contains(outcome.err, "128 simulations: 128 run, 0 reused"));
  // Said once, by rank 0.
  CHECK(outcome.err.find("128 simulations", outcome.err.find("128 simulations") + 1) == std::string::npos);
  const Outcome again = run_npusim(sweep({"--store", store, "--resume"}));
  CHECK(contains(again.err, "128 simulations: 0 run, 128 reused"));
  CHECK(again.out == local_table());
  const Outcome all_there = run_program(cluster({"--store", store}));
  CHECK(all_there.exit_code == 0);
  CHECK(all_there.out == local_table());
}

TEST_CASE(
    "a rank killed with signal 9 ends the command, which does not hang, and the repeated one completes it") {
  if (skipped()) return;
  const TempFolder folder;
  const std::string store = folder / "results.db";
  {
    Background run(cluster({"--store", store, "-o", folder / "killed.csv"}), folder / "err");
    REQUIRE(wait_for_rows(run, store, 3));
    const pid_t rank = rank_process(run, "2");
    REQUIRE(rank > 0);
    ::kill(rank, SIGKILL);
    const int code = run.wait(60);
    CHECK(code > 0);
  }
  const std::int64_t kept = npusim::jobs::Store(store).rows();
  CHECK(kept >= 3);
  CHECK(kept < 128);
  const Outcome resumed = run_program(cluster({"--store", store, "--resume"}));
  INFO(resumed.err);
  CHECK(contains(resumed.err, fmt::format("{} reused", kept)));
  CHECK(resumed.out == local_table());
}

TEST_CASE("a simulation killed with signal 9 on a rank is tried once more there, and the table is the same") {
  if (skipped()) return;
  const TempFolder folder;
  const std::string store = folder / "results.db";
  Background run(cluster({"--store", store, "-o", folder / "table.csv"}), folder / "err");
  REQUIRE(wait_for_rows(run, store, 3));
  const pid_t rank = rank_process(run, "1");
  REQUIRE(rank > 0);
  const auto keepers = children(rank);
  REQUIRE(keepers.size() == 1);
  const auto workers = children(keepers[0]);
  REQUIRE(workers.size() == 1);
  ::kill(workers[0], SIGKILL);
  CHECK(run.wait(120) == 0);
  CHECK(contains(read_file(folder / "err"), "a worker was killed by signal 9 (Killed)"));
  CHECK(read_file(folder / "table.csv") == local_table());
}

TEST_CASE("an error of the user ends all ranks with its message") {
  if (skipped()) return;
  const Outcome outcome = run_program(cluster({"--no-store", "--set", "cube.q=1"}));
  CHECK(outcome.exit_code != 0);
  CHECK(contains(outcome.err, "no such key in ascend310"));
}

TEST_CASE("one rank alone, and an npusim without the plug-in, say what is lacking") {
  const Outcome outcome = run_npusim(sweep({"--no-store", "--executor", "mpi"}));
  CHECK(outcome.exit_code == 1);
  if (skipped()) {
    CHECK(contains(outcome.err, "which was built without MPI"));
  } else {
    CHECK(contains(outcome.err, "there is one rank"));
  }
}
