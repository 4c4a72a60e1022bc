// Guesses, their samples, and what they say about latency.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "hw_models/api/npu.h"
#include "nas/uncertainty/study.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::uncertainty;
using test::contains;
using test::TempFolder;

namespace {

const Guess& guess(const Guesses& guesses, const std::string& key) {
  const auto found = std::find_if(guesses.varied.begin(), guesses.varied.end(),
                                  [&](const Guess& one) { return one.key == key; });
  REQUIRE(found != guesses.varied.end());
  return *found;
}

Study study_of(const std::string& chip, std::size_t samples, std::uint64_t seed) {
  const Config description = hw::describe(chip);
  return plan_study(description, zoo::build("resnet8"), hw::make_npu(description)->dtypes().front(),
                    find_guesses(description, {}), {samples, seed});
}

std::string error_of(const Config& description) {
  try {
    plan_study(description, zoo::build("resnet8"), ir::DType::i8, find_guesses(description, {}), {});
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

/// Results by job without simulating: latency follows from the chip's description.
template <class Latency>
jobs::BatchResult computed(const Study& study, const Latency& latency) {
  jobs::BatchResult results;
  for (const jobs::Job& job : study.batch.jobs) {
    jobs::Result one{jobs::Status::ok, "", {}};
    one.summary.latency_ms = latency(study.batch.chips[job.chip].description());
    results.results.push_back(one);
  }
  return results;
}

double number(const Config& description, const char* key) { return std::stod(description.raw(key)); }

}  // namespace

TEST_CASE("every guessed number of the built-in chips has a range that holds its value") {
  for (const std::string& name : hw::chip_names()) {
    INFO(name);
    const Guesses guesses = find_guesses(hw::describe(name), {});
    std::vector<std::string> kept;
    for (const Kept& one : guesses.kept) kept.push_back(one.key);
    // The only word without alternatives: which address mappings a chip could have is an open list.
    kept.erase(std::remove(kept.begin(), kept.end(), "dram.fr_fcfs.mapping"), kept.end());
    CHECK(kept == std::vector<std::string>{});
  }
}

TEST_CASE("the kind of a range is found by asking the chip: whole numbers, numbers, powers of two, words") {
  const Guesses ascend = find_guesses(hw::describe("ascend310"), {});
  CHECK(guess(ascend, "mte2.outstanding").kind == Kind::integer);
  CHECK(guess(ascend, "dram.interleave_bytes").kind == Kind::power_of_two);
  CHECK(guess(ascend, "dram.bank_xor").words == std::vector<std::string>{"false", "true"});
  CHECK(guess(ascend, "dram.policy").words == std::vector<std::string>{"in-order", "fr-fcfs"});
  const Guesses vpu = find_guesses(hw::describe("vpu-meteorlake"), {});
  CHECK(guess(vpu, "shave.time_factor").kind == Kind::real);
}

TEST_CASE("places in a range of whole numbers, powers of two and words are equally likely") {
  const Guess whole{"k", "2", Kind::integer, 1, 4, 1, {}};
  CHECK(whole.at(0) == "1");
  CHECK(whole.at(0.2499) == "1");
  CHECK(whole.at(0.25) == "2");
  CHECK(whole.at(0.9999) == "4");
  const Guess power{"k", "64", Kind::power_of_two, 64, 512, 1, {}};
  CHECK(power.at(0.24) == "64");
  CHECK(power.at(0.26) == "128");
  CHECK(power.at(0.9999) == "512");
  const Guess multiple{"k", "64", Kind::multiple, 32, 128, 32, {}};
  CHECK(multiple.at(0.9999) == "128");
  CHECK(multiple.at(0.26) == "64");
  const Guess real{"k", "1", Kind::real, 0.5, 2.5, 1, {}};
  CHECK(real.at(0.25) == "1");
  CHECK(real.alternatives() == std::vector<std::string>{"0.5", "2.5"});
  const Guess word{"k", "b", Kind::word, 0, 0, 1, {"a", "b", "c"}};
  CHECK(word.at(0.34) == "b");
  CHECK(word.alternatives() == std::vector<std::string>{"a", "c"});
}

TEST_CASE("20 samples of a Latin hypercube take one value from each twentieth of a range") {
  Guesses guesses;
  guesses.varied.push_back({"dma.outstanding", "32", Kind::integer, 1, 200, 1, {}});
  guesses.varied.push_back({"write.buffer_kib", "64", Kind::integer, 41, 240, 1, {}});
  const Study study =
      plan_study(hw::describe("midap"), zoo::build("resnet8"), ir::DType::i8, guesses, {20, 3});
  REQUIRE(study.samples.size() == 20);
  REQUIRE(study.drawn_again == 0);
  std::vector<std::vector<int>> order(2);
  for (std::size_t g = 0; g < 2; ++g) {
    for (const Variant& sample : study.samples) {
      order[g].push_back(static_cast<int>((std::stod(sample.values[g]) - guesses.varied[g].low) / 10));
    }
  }
  CHECK(order[0] != order[1]);
  for (auto& parts : order) {
    std::sort(parts.begin(), parts.end());
    for (int i = 0; i < 20; ++i) CHECK(parts[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("a seed gives the same samples again, another one others, and more guesses do not change them") {
  const auto values = [](const Study& study) {
    std::vector<std::vector<std::string>> all;
    for (const Variant& sample : study.samples) all.push_back(sample.values);
    return all;
  };
  CHECK(values(study_of("midap", 8, 1)) == values(study_of("midap", 8, 1)));
  CHECK(values(study_of("midap", 8, 1)) != values(study_of("midap", 8, 2)));
  const Config description = hw::describe("midap");
  Guesses fewer = find_guesses(description, {"dma.outstanding"});
  const Study less = plan_study(description, zoo::build("resnet8"), ir::DType::i8, fewer, {8, 1});
  CHECK(values(less)[0].back() == values(study_of("midap", 8, 1))[0].back());
}

TEST_CASE("samples that the chip's own rules forbid are drawn again") {
  const Study study = study_of("ascend310", 40, 1);
  CHECK(study.drawn_again > 0);
  CHECK(study.drawn_again < 40);
  for (const Variant& sample : study.samples) CHECK(sample.refused.empty());
}

TEST_CASE("a guess without a range is named and keeps its value; one that the user sets is not varied") {
  Config own = hw::describe("midap");
  own.merge(Config::parse("clock_mhz: 777\ndram: {channels: 1}\nsources:\n  clock_mhz: guessed | a rumour\n",
                          "mine.yaml"));
  const Guesses guesses = find_guesses(own, {"dma.outstanding"});
  REQUIRE(guesses.kept.size() >= 1);
  CHECK(guesses.kept[0].key == "clock_mhz");
  CHECK(guesses.kept[0].reason == "no range is given (mine.yaml:1)");
  for (const Guess& one : guesses.varied) CHECK(one.key != "dma.outstanding");
}

TEST_CASE("a value outside its own range, and a chip without ranges, are errors that name them") {
  Config own = hw::describe("midap");
  own.merge(Config::parse("clock_mhz: 777\nsources:\n  clock_mhz: guessed [10, 20] | x\n", "mine.yaml"));
  CHECK(error_of(own) ==
        "mine.yaml:1: 'clock_mhz' is '777', outside the range [10, 20] that its source gives");
  const Config bare = Config::parse("chip: midap\nspeed: 3\nsources:\n  speed: guessed | x\n", "bare.yaml");
  CHECK(error_of(bare) ==
        "--uncertainty: midap has no guessed parameter with a range; guessed without one: speed");
}

TEST_CASE("quantiles are linear between neighbours") {
  CHECK(quantile({7}, 0.05) == 7);
  CHECK(quantile({1, 2, 3, 4, 5}, 0.5) == 3);
  CHECK(quantile({1, 2}, 0.05) == Approx(1.05));
  CHECK(quantile({0, 10, 20}, 0.95) == Approx(19));
}

TEST_CASE("latency 2 ms + outstanding/8 ms + write_queue/64 ms has swings 7 ms and 1 ms, the others none") {
  const Study study = study_of("midap", 200, 1);
  const auto latency = [](const Config& chip) {
    return 2 + number(chip, "dma.outstanding") / 8 + number(chip, "dram.write_queue") / 64;
  };
  const Findings findings = find(study, computed(study, latency));
  const double nominal = latency(hw::describe("midap"));
  CHECK(findings.nominal.latency_ms == nominal);
  REQUIRE(findings.tornado.size() == study.guesses.varied.size());
  CHECK(study.guesses.varied[findings.tornado[0].guess].key == "dma.outstanding");
  CHECK(findings.tornado[0].swing_ms() == Approx(7));
  CHECK(study.guesses.varied[findings.tornado[1].guess].key == "dram.write_queue");
  CHECK(findings.tornado[1].swing_ms() == Approx(1));
  for (std::size_t i = 2; i < findings.tornado.size(); ++i) CHECK(findings.tornado[i].swing_ms() == 0);
  // Uniform on [3, 10] plus uniform on [0, 1].
  CHECK(findings.median_ms == Approx(7).margin(0.15));
  CHECK(findings.p05_ms == Approx(3.84).margin(0.1));
  CHECK(findings.p95_ms == Approx(10.16).margin(0.1));
  CHECK(findings.least_ms < findings.p05_ms);
  CHECK(findings.most_ms > findings.p95_ms);
}

TEST_CASE(
    "samples that the chip refuses to run are counted and have no latency; if all are, that is an error") {
  const Study study = study_of("midap", 10, 1);
  jobs::BatchResult results = computed(study, [](const Config&) { return 1.0; });
  results.results[study.samples[4].job] = {jobs::Status::invalid, "too small", {}};
  const Findings findings = find(study, results);
  CHECK(findings.ran == 9);
  CHECK(findings.failed[4] == "too small");
  const std::string text = to_text({"midap", "resnet8"}, study, findings);
  CHECK(contains(text, "1 have no latency, the first: too small"));
  for (const Variant& sample : study.samples) {
    results.results[sample.job] = {jobs::Status::invalid, "too small", {}};
  }
  CHECK_THROWS_AS(find(study, results), UserError);
}

TEST_CASE("npusim run --uncertainty writes the same bytes with -j 1, with -j 3 and from the store") {
  const TempFolder folder;
  const std::string store = folder / "results.db";
  const auto run = [](std::vector<std::string> more) {
    std::vector<std::string> words{"run", "--hw", "midap", "resnet8", "--uncertainty", "6", "--seed", "5"};
    words.insert(words.end(), more.begin(), more.end());
    return test::run_npusim(words);
  };
  const test::Outcome one = run({"--format", "json", "-j", "1", "--store", store});
  CHECK(one.exit_code == 0);
  CHECK(run({"--format", "json", "--jobs", "3", "--no-store"}).out == one.out);
  const test::Outcome again = run({"--format", "json", "--store", store});
  CHECK(again.out == one.out);
  CHECK(contains(again.err, ": 0 run"));
  const auto json = nlohmann::json::parse(one.out);
  CHECK(json["schema"] == "npusim.uncertainty/1");
  CHECK(json["samples"].size() == 6);
  const auto& latency = json["latency_ms"];
  CHECK(latency["least"] <= latency["p05"]);
  CHECK(latency["p05"] <= latency["median"]);
  CHECK(latency["median"] <= latency["p95"]);
  CHECK(latency["p95"] <= latency["most"]);
  double before = 1e300;
  for (const auto& swing : json["tornado"]) {
    CHECK(swing["swing_ms"] <= before);
    CHECK(swing["least_ms"] <= latency["nominal"]);
    CHECK(swing["most_ms"] >= latency["nominal"]);
    before = swing["swing_ms"];
  }
  CHECK(contains(run({"--store", store}).out, "median"));
  CHECK(contains(run({"--format", "csv", "--store", store}).out, "sample,dma.outstanding,"));
}

TEST_CASE("--uncertainty excludes what belongs to one run, and --seed needs it") {
  const auto error = [](const std::vector<std::string>& more) {
    std::vector<std::string> words{"run", "--hw", "midap", "resnet8"};
    words.insert(words.end(), more.begin(), more.end());
    const test::Outcome outcome = test::run_npusim(words);
    CHECK(outcome.exit_code == 1);
    return outcome.err;
  };
  CHECK(contains(error({"--uncertainty", "5", "--trace", "t.json"}), "excludes"));
  CHECK(contains(error({"--seed", "5"}), "requires"));
  CHECK(contains(error({"--uncertainty", "0"}), "--uncertainty"));
}
