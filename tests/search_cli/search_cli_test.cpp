#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

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
namespace fs = std::filesystem;

/// A search of 24 cells on MIDAP, in rounds of 8.
std::vector<std::string> small_search(const std::string& out, const std::string& store) {
  return {"search",     "--hw",   "midap",    "--space", "nb201",   "--evaluator", "proxy:params",
          "--strategy", "nsga2",  "--budget", "24",      "--round", "8",           "--population",
          "8",          "--seed", "3",        "-j",      "2",       "-o",          out,
          "--store",    store};
}

std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// Names and bytes of all files of a folder.
std::vector<std::pair<std::string, std::string>> files_of(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    files.emplace_back(entry.path().filename().string(), read_file(entry.path().string()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST_CASE("Every network of a front is an ONNX file that takes the same cycles when it is run") {
  const TempFolder folder;
  const Outcome run = run_npusim(small_search(folder / "out", folder / "s.db"));
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const Json search = Json::parse(read_file(folder / "out/search.json"));
  CHECK(search.at("schema") == "npusim.search/1");
  CHECK(search.at("evaluator") == "proxy:params");
  CHECK(search.at("evaluated") == 24);
  CHECK(contains(run.out, "params (a proxy)"));
  CHECK_FALSE(contains(run.out + search.dump(), "accuracy"));
  const Json& front = search.at("front");
  REQUIRE_FALSE(front.empty());
  for (const Json& member : front) {
    const std::string onnx = folder / ("out/" + member.at("onnx").get<std::string>());
    const Outcome again = run_npusim({"run", "--hw", "midap", onnx, "--format", "json"});
    INFO(again.err);
    REQUIRE(again.exit_code == 0);
    const Json& on = member.at("chips").at("midap");
    CHECK(Json::parse(again.out).at("total_cycles") == on.at("cycles"));
    const Json report = Json::parse(read_file(folder / ("out/" + on.at("report").get<std::string>())));
    CHECK(report.at("total_cycles") == on.at("cycles"));
  }
}

TEST_CASE("A search that is killed and repeated gives the files of an undisturbed one, byte for byte") {
  const TempFolder folder;
  REQUIRE(run_npusim(small_search(folder / "whole", folder / "whole.db")).exit_code == 0);
  const std::vector<std::string> words = small_search(folder / "killed", folder / "killed.db");
  const pid_t process = ::fork();
  if (process == 0) {
    std::vector<char*> list{const_cast<char*>(NPUSIM_BINARY)};
    for (const std::string& word : words) list.push_back(const_cast<char*>(word.c_str()));
    list.push_back(nullptr);
    ::execv(NPUSIM_BINARY, list.data());
    ::_exit(127);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(400));  // wherever that is: the result is the same
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
  REQUIRE(run_npusim(words).exit_code == 0);
  CHECK(files_of(folder / "killed") == files_of(folder / "whole"));
  const Outcome again = run_npusim(with(words, {"--resume"}));
  CHECK(again.exit_code == 0);
  CHECK(contains(again.out, "(0 run now)"));
}

TEST_CASE("--resume with nothing to resume is an error") {
  const TempFolder folder;
  const Outcome run = run_npusim(with(small_search(folder / "out", folder / "s.db"), {"--resume"}));
  CHECK(run.exit_code == 1);
  CHECK(contains(run.err, "has no result of this command"));
}

TEST_CASE("A limit that nothing keeps is an error with the fastest network found and its latency") {
  const TempFolder folder;
  const Outcome run =
      run_npusim(with(small_search(folder / "out", folder / "s.db"), {"--latency-ms", "0.0001"}));
  CHECK(run.exit_code == 1);
  CHECK(contains(run.err, "--latency-ms 0.0001 cannot be kept by any network of nb201"));
  CHECK(contains(run.err, "the fastest takes 0.0"));
  CHECK(contains(run.err, "nb201:"));
}

TEST_CASE("No network on a front exceeds its limits") {
  const TempFolder folder;
  const Outcome free = run_npusim(small_search(folder / "free", folder / "s.db"));
  REQUIRE(free.exit_code == 0);
  const Json front = Json::parse(read_file(folder / "free/search.json")).at("front");
  const double limit = front.at(front.size() / 2).at("chips").at("midap").at("latency_ms");
  const Outcome run = run_npusim(
      with(small_search(folder / "out", folder / "s.db"), {"--latency-ms", std::to_string(limit)}));
  REQUIRE(run.exit_code == 0);
  const Json search = Json::parse(read_file(folder / "out/search.json"));
  for (const Json& member : search.at("front")) {
    CHECK(member.at("chips").at("midap").at("latency_ms").get<double>() <= limit + 1e-6);
  }
}

TEST_CASE("Two chips have a report each, and an objective each when asked") {
  const TempFolder folder;
  const Outcome run =
      run_npusim({"search",       "--hw",     "midap",      "--hw",         "edgetpu-coral-usb",
                  "--combine",    "front",    "--space",    "nb201",        "--evaluator",
                  "proxy:params", "--budget", "6",          "--population", "4",
                  "--round",      "6",        "--no-store", "-o",           folder / "out"});
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const Json search = Json::parse(read_file(folder / "out/search.json"));
  CHECK(search.at("objectives").size() == 3);
  CHECK(fs::exists(folder / "out/1.midap.json"));
  CHECK(fs::exists(folder / "out/1.edgetpu-coral-usb.json"));
}

TEST_CASE("Unknown spaces, strategies, chips and a missing folder are errors that say what was expected") {
  const TempFolder folder;
  const auto error = [&](std::vector<std::string> words) {
    const Outcome run = run_npusim(words);
    CHECK(run.exit_code == 1);
    return run.err;
  };
  const std::string out = folder / "out";
  CHECK(contains(error({"search", "--hw", "midap", "--space", "s3nos", "-o", out}), "s3nas"));
  CHECK(contains(error({"search", "--hw", "midap", "-o", out}), "--space is missing"));
  CHECK(contains(error({"search", "--hw", "midap", "--space", "nb201"}), "-o is missing"));
  CHECK(contains(error({"search", "--space", "nb201", "-o", out}), "--hw is missing"));
  CHECK(
      contains(error({"search", "--hw", "midap", "--hw", "midap", "--space", "nb201", "-o", out}), "twice"));
  CHECK(contains(error({"search", "--hw", "midap", "--space", "nb201", "--strategy", "nsga3", "-o", out}),
                 "nsga2"));
}

TEST_CASE("A failing and a silent evaluator, and a malformed space, are errors that say what was expected") {
  const TempFolder folder;
  const auto error = [&](const std::string& space, const std::vector<std::string>& more) {
    const Outcome run = run_npusim(with({"search", "--hw", "midap", "--space", space, "--budget", "4",
                                         "--round", "4", "--no-store", "-o", folder / "out"},
                                        more));
    CHECK(run.exit_code == 1);
    return run.err;
  };
  const std::string failing = error("nb201", {"--evaluator", "command:exit 7", "--retries", "0"});
  CHECK(contains(failing, "exited with code 7"));
  CHECK(contains(failing, "\"accuracy\""));
  CHECK(contains(error("nb201", {"--evaluator", "command:sleep 60", "--timeout-s", "0.3", "--retries", "0"}),
                 "no answer in 0.3 s"));
  CHECK(contains(error("nb201", {"--evaluator", "table:" + (folder / "none.csv")}), "cannot be read"));
  test::write_file(folder / "bad.yaml", "image: 32\nstem: {width: 8}\nstages:\n  stage0: {widht: [8]}\n");
  const std::string malformed = error(folder / "bad.yaml", {});
  CHECK(contains(malformed, "bad.yaml:4"));
  CHECK(contains(malformed, "width"));
}

}  // namespace
}  // namespace npusim
