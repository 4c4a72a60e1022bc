// What a comparison's searches return is simulated afresh, end to end.
#include <algorithm>
#include <map>
#include <sstream>

#include "nas/space/space.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

namespace npusim {
namespace {

using test::contains;
using test::Outcome;
using test::run_npusim;
using test::TempFolder;

/// The words of the first line that begins with `first` and has `second` behind it.
std::vector<std::string> row(const std::string& text, const std::string& first, const std::string& second) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    if (words.size() >= 7 && words[0] == first && words[1] == second) return words;
  }
  return {};
}

/// By network of the space its latency on MIDAP in ms.
std::map<std::string, double> simulated(const std::string& space_file) {
  const auto space = space::make_space(space_file);
  std::map<std::string, double> latencies;
  for (std::uint64_t i = 0; i < 4; ++i) {
    const std::string encoding = space->encode(*space->at(i));
    const Outcome run =
        run_npusim({"sweep", "--hw", "midap", space_file + ":" + encoding, "--no-store", "-j", "1"});
    REQUIRE(run.exit_code == 0);
    std::istringstream in(run.out.substr(run.out.find('\n') + 1));
    std::string cell;
    for (int column = 0; column < 4; ++column) std::getline(in, cell, ',');
    latencies[encoding] = std::stod(cell);
  }
  return latencies;
}

TEST_CASE(
    "a network that a benchmark makes half as slow as it is has a gap of 100 %, the sample of four one of 25 "
    "%") {
  const TempFolder folder;
  const std::string space = folder / "small.yaml", csv = folder / "all.csv";
  test::write_file(
      space,
      "image: 64\nstem: {kernel: 3, stride: 2, width: 16}\nhead: {width: 64}\nclasses: 10\nstages:\n"
      "  stage0: {width: 32, depth: 1, stride: 2, kernel: [3, 5], expansion: [1, 4]}\n");
  // The fastest by far is said to be the best, too: it alone is the front.
  std::string text = "encoding,accuracy,latency_ms\n";
  const std::map<std::string, double> latencies = simulated(space);
  const auto fastest = std::min_element(latencies.begin(), latencies.end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; });
  for (const auto& [encoding, latency] : latencies) {
    const bool best = encoding == fastest->first;
    text += encoding + "," + (best ? "2" : "1") + "," + std::to_string(best ? latency / 2 : latency) + "\n";
  }
  test::write_file(csv, text);
  const std::vector<std::string> command{"search", "--compare",    csv,      "--space",   space, "--hw",
                                         "midap",  "-j",           "1",      "--seeds",   "2",   "--budget",
                                         "4",      "--strategies", "random", "--no-store"};
  const Outcome run = run_npusim(command);
  INFO(run.out << run.err);
  REQUIRE(run.exit_code == 0);
  const std::vector<std::string> sample = row(run.out, "(uniform)", "4");
  REQUIRE_FALSE(sample.empty());
  CHECK(std::stod(sample[2]) == Approx(25).margin(0.1));
  CHECK(std::stod(sample[4]) == Approx(100).margin(0.1));
  const std::string rest = run.out.substr(run.out.find("(uniform)"));
  const std::vector<std::string> front = row(rest, "random", "front"), limit = row(rest, "random", "limit");
  REQUIRE(front.size() > 7);
  CHECK(front[2] == "2");  // one network of each of two seeds
  CHECK(std::stod(front[3]) == Approx(100).margin(0.1));
  CHECK(front[6] == "100");
  REQUIRE(limit.size() > 7);
  CHECK(std::stod(limit[3]) == Approx(100).margin(0.1));
  CHECK(contains(rest, "above the limit"));

  std::vector<std::string> two = command;
  two.insert(two.end(), {"--hw", "ascend310"});
  const Outcome refused = run_npusim(two);
  CHECK(refused.exit_code == 1);
  CHECK(contains(refused.err, "expected one --hw"));
}

}  // namespace
}  // namespace npusim
