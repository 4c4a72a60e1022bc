// Worker processes: what a death costs, and how the pool stops.
#include "nas/jobs/pool.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <map>
#include <numeric>
#include <stdexcept>

#include "nas/jobs/progress.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::jobs;
using npusim::test::TempFolder;

namespace {

std::vector<std::size_t> first(std::size_t count) {
  std::vector<std::size_t> list(count);
  std::iota(list.begin(), list.end(), 0U);
  return list;
}

struct Run {
  bool complete = false;
  std::map<std::size_t, Outcome> outcomes;
  std::vector<std::string> retries;
};

Run run(std::size_t count, std::size_t workers, const Work& work) {
  Run result;
  PoolOptions options;
  options.workers = workers;
  options.retrying = [&](std::size_t job, const std::string& how) {
    result.retries.push_back(fmt::format("{}: {}", job, how));
  };
  options.stop = [] { return InterruptScope::requested(); };
  result.complete = run_pool(
      first(count), [&] { return work; }, options,
      [&](std::size_t job, const Outcome& outcome) { CHECK(result.outcomes.emplace(job, outcome).second); });
  return result;
}

/// Whether this process has children left.
bool childless() { return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }

}  // namespace

TEST_CASE("50 jobs on 1 and on 3 workers are each done once, with the same results") {
  const Work work = [](std::size_t job) { return fmt::format("{}", job * job); };
  for (const std::size_t workers : {1U, 3U}) {
    const Run result = run(50, workers, work);
    CHECK(result.complete);
    REQUIRE(result.outcomes.size() == 50);
    for (const auto& [job, outcome] : result.outcomes) CHECK(outcome.text == fmt::format("{}", job * job));
    CHECK(result.retries.empty());
    CHECK(childless());
  }
}

TEST_CASE("a result of one megabyte arrives whole") {
  const Run result = run(2, 2, [](std::size_t job) { return std::string(1 << 20, job == 0 ? 'a' : 'b'); });
  CHECK(result.outcomes.at(0).text == std::string(1 << 20, 'a'));
  CHECK(result.outcomes.at(1).text == std::string(1 << 20, 'b'));
}

TEST_CASE("a worker killed in job 3 loses that job alone, and a fresh worker does it") {
  const TempFolder folder;
  const std::string mark = folder / "died";
  const Run result = run(8, 2, [&](std::size_t job) -> std::string {
    if (job == 3 && !std::filesystem::exists(mark)) {
      npusim::test::write_file(mark, "x");
      ::kill(::getpid(), SIGKILL);
    }
    return "done";
  });
  CHECK(result.complete);
  REQUIRE(result.outcomes.size() == 8);
  for (const auto& [job, outcome] : result.outcomes) CHECK(outcome.text == "done");
  CHECK(result.retries == std::vector<std::string>{"3: killed by signal 9 (Killed)"});
}

TEST_CASE("a job that always ends its worker is tried twice, then lost; the others are done") {
  const Run result = run(6, 2, [](std::size_t job) -> std::string {
    if (job == 2) {
      ::signal(SIGABRT, SIG_DFL);  // not the test runner's
      ::abort();
    }
    if (job == 4) ::_exit(7);
    return "done";
  });
  CHECK(result.complete);
  REQUIRE(result.outcomes.size() == 6);
  CHECK(result.retries.size() == 2);
  CHECK(result.outcomes.at(2).lost);
  CHECK(result.outcomes.at(2).text == "killed by signal 6 (Aborted)");
  CHECK(result.outcomes.at(4).lost);
  CHECK(result.outcomes.at(4).text == "exited with code 7");
  for (const std::size_t job : {0U, 1U, 3U, 5U}) CHECK(!result.outcomes.at(job).lost);
  CHECK(childless());
}

TEST_CASE(
    "an interrupt in job 5 of one worker keeps jobs 0 to 4, starts nothing more and leaves no process") {
  const InterruptScope interrupts;
  const Run result = run(20, 1, [](std::size_t job) -> std::string {
    if (job == 5) {
      ::kill(::getppid(), SIGINT);
      while (true) ::pause();
    }
    return "done";
  });
  CHECK(!result.complete);
  CHECK(result.outcomes.size() == 5);
  CHECK(result.outcomes.count(4) == 1);
  CHECK(childless());
}

TEST_CASE("progress says how many, how fast and how long") {
  CHECK(progress_text(0, 40, 0) == "0 of 40 jobs");
  CHECK(progress_text(10, 40, 5) == "10 of 40 jobs, 2 jobs/s, 15 s left");
  CHECK(progress_text(1, 1001, 10) == "1 of 1001 jobs, 0.1 jobs/s, 2 h 46 min left");
}
