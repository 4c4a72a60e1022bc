// Rank 0's part, over a transport without MPI.
#include "nas/mpi/hand_out.h"

#include <fmt/format.h>

#include <deque>
#include <functional>
#include <map>
#include <numeric>

#include "sim/base/error.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::mpi;

namespace {

/// Other ranks as a function: what a rank answers to a line that rank 0 sends it.
class Fake final : public Transport {
 public:
  using Answer = std::function<std::vector<std::string>(int rank, const std::string& line)>;
  Fake(int size, Answer answer) : size_(size), answer_(std::move(answer)) {
    for (int rank = 1; rank < size; ++rank) inbox_.emplace_back(rank, "hello same");
  }
  [[nodiscard]] int rank() const override { return 0; }
  [[nodiscard]] int size() const override { return size_; }
  bool send(int to, const std::string& line) override {
    if (line != "alive") sent_[to].push_back(line);
    for (const std::string& text : answer_(to, line)) inbox_.emplace_back(to, text);
    return true;
  }
  bool receive(int& from, std::string& line) override {
    pulse_ = !pulse_;
    if (inbox_.empty() && living_ > 0 && pulse_) {
      from = living_;
      line = "alive";
      return true;
    }
    if (inbox_.empty()) return false;
    std::tie(from, line) = inbox_.front();
    inbox_.pop_front();
    return true;
  }
  void leave() override {}
  std::map<int, std::vector<std::string>> sent_;
  int living_ = 0;  ///< a rank that says "alive" whenever it is asked twice

 private:
  bool pulse_ = false;
  int size_;
  Answer answer_;
  std::deque<std::pair<int, std::string>> inbox_;
};

/// "job 12" as 12, or -1.
int job_of(const std::string& line) { return line.rfind("job ", 0) == 0 ? std::stoi(line.substr(4)) : -1; }

std::vector<std::string> done(const std::string& line) {
  if (job_of(line) < 0) return {};
  return {fmt::format("done {} r{}", job_of(line), job_of(line))};
}

struct Run {
  bool complete = false;
  std::map<std::size_t, jobs::Outcome> outcomes;
  std::vector<bool> gone;
  std::vector<std::string> retries;
};

Run run(Fake& fake, std::size_t count, const std::string& hash = "same", bool stop = false) {
  Run result;
  std::vector<std::size_t> list(count);
  std::iota(list.begin(), list.end(), 0U);
  jobs::PoolOptions options;
  options.stop = [stop] { return stop; };
  options.retrying = [&](std::size_t job, const std::string& how) {
    result.retries.push_back(fmt::format("{}: {}", job, how));
  };
  result.complete = hand_out(
      fake, {hash, std::chrono::milliseconds(50)}, list, options,
      [&](std::size_t job, const jobs::Outcome& outcome) {
        CHECK(result.outcomes.emplace(job, outcome).second);
      },
      result.gone);
  return result;
}

}  // namespace

TEST_CASE("three ranks do 50 jobs, each once, and all get some") {
  Fake fake(4, [](int, const std::string& line) { return done(line); });
  const Run result = run(fake, 50);
  CHECK(result.complete);
  REQUIRE(result.outcomes.size() == 50);
  for (const auto& [job, outcome] : result.outcomes) CHECK(outcome.text == fmt::format("r{}", job));
  for (int rank = 1; rank <= 3; ++rank) CHECK(fake.sent_[rank].size() >= 10);
  CHECK(result.gone == std::vector<bool>(4, false));
}

TEST_CASE("a rank that falls silent with a job is given up after its time, and another does the job") {
  Fake fake(3, [](int rank, const std::string& line) {
    return rank == 1 ? std::vector<std::string>{} : done(line);
  });
  fake.living_ = 2;
  const Run result = run(fake, 6);
  CHECK(result.complete);
  CHECK(result.outcomes.size() == 6);
  CHECK(result.gone == std::vector<bool>{false, true, false});
  CHECK(fake.sent_[1].size() == 1);
}

TEST_CASE("when all ranks are silent that is an error, not a wait") {
  Fake fake(3, [](int, const std::string&) { return std::vector<std::string>{}; });
  CHECK_THROWS_AS(run(fake, 6), UserError);
}

TEST_CASE("a rank with another batch is named") {
  Fake fake(2, [](int, const std::string& line) { return done(line); });
  std::string message;
  try {
    run(fake, 3, "other");
  } catch (const UserError& error) {
    message = error.what();
  }
  CHECK(message.find("rank 1 has other jobs than rank 0") != std::string::npos);
}

TEST_CASE("a job whose workers died twice on a rank is lost, with the retry told; the rank goes on") {
  Fake fake(2, [](int, const std::string& line) -> std::vector<std::string> {
    if (job_of(line) == 2) return {"retry 2 killed by signal 9", "lost 2 killed by signal 9"};
    return done(line);
  });
  const Run result = run(fake, 5);
  CHECK(result.complete);
  CHECK(result.retries == std::vector<std::string>{"2: killed by signal 9"});
  CHECK(result.outcomes.at(2).lost);
  CHECK(result.outcomes.at(2).text == "killed by signal 9");
  CHECK(!result.outcomes.at(4).lost);
}

TEST_CASE("a stop hands out nothing more") {
  Fake fake(2, [](int, const std::string& line) { return done(line); });
  const Run result = run(fake, 5, "same", true);
  CHECK(!result.complete);
  CHECK(result.outcomes.empty());
}
