// npusim sweep as users run it.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "nas/jobs/store.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::test;

namespace {

std::vector<std::string> sweep(const std::vector<std::string>& more) {
  std::vector<std::string> words{"sweep", "--hw", "ascend310", "resnet8"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// Starts npusim with its output thrown away.
pid_t start(std::vector<std::string> words) {
  words.insert(words.begin(), NPUSIM_BINARY);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  REQUIRE(posix_spawn(&child, NPUSIM_BINARY, &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

/// Waits until the process has stored `rows` results or ended.
void wait_for_rows(pid_t process, const std::string& path, std::int64_t rows) {
  while (::waitid(P_PID, static_cast<id_t>(process), nullptr, WEXITED | WNOHANG | WNOWAIT) == 0) {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT);
    if (info.si_pid == process) return;
    if (std::filesystem::exists(path)) {
      npusim::jobs::Store store(path);
      if (store.rows() >= rows) return;
    }
    ::usleep(2000);
  }
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
  const std::vector<std::string> grid{"--set", "cube.m=1..16", "--set", "dram.channels=1,2,4,8"};
  std::vector<std::string> words = sweep({"-j", "2", "--store", store, "-o", folder / "killed.csv"});
  words.insert(words.end(), grid.begin(), grid.end());
  const pid_t process = start(words);
  wait_for_rows(process, store, 3);
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);

  std::vector<std::string> resume = sweep({"--resume", "--store", store, "-o", folder / "resumed.csv"});
  resume.insert(resume.end(), grid.begin(), grid.end());
  const Outcome resumed = run_npusim(resume);
  CHECK(resumed.exit_code == 0);
  CHECK(!contains(resumed.err, "64 run"));
  std::vector<std::string> calm = sweep({"--no-store", "-o", folder / "calm.csv"});
  calm.insert(calm.end(), grid.begin(), grid.end());
  CHECK(run_npusim(calm).exit_code == 0);
  const std::string table = read_file(folder / "calm.csv");
  CHECK(!table.empty());
  CHECK(read_file(folder / "resumed.csv") == table);
}
