// Hard limits: who is asked about what, and what strategies make of it.
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

namespace npusim {
namespace {

using test::contains;
using test::Outcome;
using test::read_file;
using test::run_npusim;
using test::TempFolder;
using Json = nlohmann::json;

/// A search of networks on MIDAP, of which some third keeps 1.4 ms.
std::vector<std::string> limited(const TempFolder& folder, const std::string& strategy,
                                 const std::string& budget, const std::vector<std::string>& more) {
  std::vector<std::string> words{
      "search",   "--hw", "midap",   "--space", "s3nas-mbconv", "--strategy", strategy,
      "--budget", budget, "--round", "10",      "--population", "10",         "--latency-ms",
      "1.4",      "-j",   "2",       "-o",      folder / "out", "--no-store"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// The rows of a CSV file without quoted cells, its header first.
std::vector<std::vector<std::string>> rows_of(const std::string& file) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    rows.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

/// A program that gives every network its number of the letter 2 and notes its encoding in a file.
std::string noting(const TempFolder& folder) {
  test::write_file(folder / "note.py",
                   "import json, sys\nfor line in sys.stdin:\n    asked = json.loads(line)\n"
                   "    open('" +
                       (folder / "asked") +
                       "', 'a').write(asked['encoding'] + '\\n')\n"
                       "    print(json.dumps({'id': asked['id'], 'accuracy': "
                       "asked['encoding'].count('2')}), flush=True)\n");
  return "command:python3 " + (folder / "note.py");
}

/// Columns of evaluated.csv: network, score, latency.
void check_asked(const TempFolder& folder) {
  std::set<std::string> asked;
  std::istringstream lines(read_file(folder / "asked"));
  for (std::string line; std::getline(lines, line);) CHECK(asked.insert("s3nas-mbconv:" + line).second);
  std::size_t over = 0, kept = 0;
  const auto rows = rows_of(folder / "out/evaluated.csv");
  REQUIRE(rows.size() == 41);
  for (std::size_t r = 1; r < rows.size(); ++r) {
    INFO(rows[r][0]);
    const bool exceeds = std::stod(rows[r][2]) > 1.4;
    (exceeds ? over : kept) += 1;
    CHECK(rows[r][1].empty() == exceeds);
    CHECK((asked.count(rows[r][0]) == 1) == !exceeds);
  }
  CHECK(over > 0);
  CHECK(kept > 0);
  CHECK(Json::parse(read_file(folder / "out/search.json")).at("over_limits") == over);
}

TEST_CASE("A program is never asked about a network beyond a hard limit, whatever the strategy") {
  for (const char* strategy : {"random", "evolution", "nsga2", "smbo", "reward"}) {
    INFO(strategy);
    const TempFolder folder;
    const Outcome run = run_npusim(limited(folder, strategy, "40", {"--evaluator", noting(folder)}));
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    CHECK(contains(run.out, "exceed a limit and were not judged"));
    check_asked(folder);
  }
}

TEST_CASE("With --soft the same program is asked about every network") {
  const TempFolder folder;
  REQUIRE(run_npusim(limited(folder, "nsga2", "40", {"--evaluator", noting(folder), "--soft"})).exit_code ==
          0);
  CHECK(rows_of(folder / "asked").size() == 40);
}

TEST_CASE("With --aim limit the networks judged late are better, and slower, than with --aim front") {
  double score[2] = {}, latency[2] = {};
  for (int aim = 0; aim < 2; ++aim) {
    const TempFolder folder;
    const Outcome run = run_npusim(limited(
        folder, "nsga2", "100", {"--evaluator", "proxy:params", "--aim", aim == 0 ? "front" : "limit"}));
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    const Json search = Json::parse(read_file(folder / "out/search.json"));
    CHECK(search.at("aim") == (aim == 0 ? "front" : "limit"));
    CHECK(search.at("front").at(0).at("chips").at("midap").at("latency_ms").get<double>() <= 1.4);
    const auto rows = rows_of(folder / "out/evaluated.csv");
    double judged = 0;
    for (std::size_t r = 51; r < rows.size(); ++r) {
      if (rows[r][1].empty()) continue;
      ++judged;
      score[aim] += std::stod(rows[r][1]);
      latency[aim] += std::stod(rows[r][2]);
    }
    score[aim] /= judged;
    latency[aim] /= judged;
  }
  CHECK(score[1] > score[0]);
  CHECK(latency[1] > latency[0]);
}

TEST_CASE("--aim limit without a hard limit is an error, and so is another aim") {
  const TempFolder folder;
  const auto error = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"search",       "--hw",       "midap", "--space",
                                   "s3nas-mbconv", "--no-store", "-o",    folder / "out"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome run = run_npusim(words);
    CHECK(run.exit_code == 1);
    return run.err;
  };
  CHECK(contains(error({"--aim", "limit"}), "expected a hard limit"));
  CHECK(contains(error({"--aim", "limit", "--latency-ms", "1", "--soft"}), "expected a hard limit"));
  CHECK(contains(error({"--aim", "limits"}), "did you mean 'limit'"));
}

}  // namespace
}  // namespace npusim
