#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/scale/networks.h"

namespace npusim {
namespace {

using test::contains;
using test::kOursM;
using test::Outcome;
using test::read_file;
using test::run_npusim;
using test::TempFolder;
using Json = nlohmann::json;

/// One family on MIDAP to 1.5 ms.
std::vector<std::string> small(const TempFolder& folder, const std::string& out = "out") {
  return {"scale", "--hw",       "midap",   kOursM,          "--latency-ms",   "1.5",
          "-j",    "2",          "--how",   "s3nas",         "--evaluator",    "proxy:params",
          "-o",    folder / out, "--store", folder / "s.db", "--coefficients", "1.1,1.1,1.2"};
}

TEST_CASE(
    "Every network on the front is within the target, in any order of tries, also when run from its file") {
  const TempFolder folder;
  const Outcome run = run_npusim(small(folder));
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(contains(run.out, "params (a proxy)"));
  const Json json = Json::parse(read_file(folder / "out/scale.json"));
  CHECK(json.at("schema") == "npusim.scale/1");
  CHECK(json.at("evaluator") == "proxy:params");
  REQUIRE(json.at("families").size() == 1);
  const std::size_t largest = json.at("families")[0].at("largest");
  CHECK(json.at("variants")[largest].at("latency_ms") <= 1.5);
  double best = 0;
  for (const Json& one : json.at("variants")) {
    if (one.at("latency_ms") <= 1.5) best = std::max(best, one.at("score").get<double>());
    if (one.at("rank") == 0) continue;
    CHECK(one.at("latency_ms") <= 1.5);
    const std::string onnx = folder / ("out/" + one.at("onnx").get<std::string>());
    const Outcome again = run_npusim({"run", "--hw", "midap", onnx, "--format", "json"});
    REQUIRE(again.exit_code == 0);
    CHECK(Json::parse(again.out).at("total_cycles") == one.at("cycles"));
    if (one.at("rank") == 1) CHECK(one.at("score") == best);
  }
  CHECK(best > 0);
}

TEST_CASE("A repeated command simulates nothing and writes the same files") {
  const TempFolder folder;
  const Outcome first = run_npusim(small(folder));
  REQUIRE(first.exit_code == 0);
  const Outcome second = run_npusim(small(folder, "again"));
  CHECK(contains(second.out, "(0 run now)"));
  for (const char* file : {"/scale.json", "/scale.csv", "/1.onnx", "/1.json"}) {
    CHECK(read_file(folder / "out" + file) == read_file(folder / "again" + file));
  }
}

TEST_CASE("A target that nothing meets is an error with the fastest variant and its latency") {
  const TempFolder folder;
  std::vector<std::string> words = small(folder);
  *std::find(words.begin(), words.end(), "1.5") = "0.0001";
  const Outcome run = run_npusim(words);
  CHECK(run.exit_code == 1);
  CHECK(contains(run.err, "takes 0.0001 ms or less on midap"));
  CHECK(contains(run.err, "The fastest of the"));
  CHECK(contains(run.err, "M weights): d1-2-3-2-5 w0.4665 52x52"));
}

TEST_CASE("An unknown way to scale is refused with the nearest") {
  const TempFolder folder;
  std::vector<std::string> words = small(folder);
  *std::find(words.begin(), words.end(), "s3nas") = "compond";
  const Outcome run = run_npusim(words);
  CHECK(run.exit_code == 1);
  CHECK(contains(run.err, "--how: 'compond' is none of"));
  CHECK(contains(run.err, "did you mean 'compound'"));
}

/// `npusim scale` of a built-in network on MIDAP without scaling.
Outcome finished(const TempFolder& folder, const std::vector<std::string>& more) {
  std::vector<std::string> words{"scale", "--hw",         "midap",   "--evaluator",   "proxy:params",
                                 "-o",    folder / "out", "--store", folder / "s.db", "-j",
                                 "2"};
  words.insert(words.end(), more.begin(), more.end());
  return run_npusim(words);
}

TEST_CASE("Each Squeeze-and-Excitation's cost is what leaving it out saves, as an own simulation says") {
  const TempFolder folder;
  const Outcome run = finished(folder, {"s3nas_ours_m_plus", "--h-swish"});
  CHECK(run.exit_code == 1);  // it has h-swish already
  CHECK(contains(run.err, "--h-swish: s3nas_ours_m_plus has no ReLU"));
  const Outcome added = finished(folder, {kOursM, "--h-swish", "--squeeze-excite"});
  INFO(added.err);
  REQUIRE(added.exit_code == 0);
  const Json finish = Json::parse(read_file(folder / "out/scale.json")).at("finish");
  const auto cycles = [](const std::string& network) {
    const Outcome out = run_npusim({"run", "--hw", "midap", network, "--format", "json"});
    REQUIRE(out.exit_code == 0);
    return Json::parse(out.out).at("total_cycles").get<std::int64_t>();
  };
  const Json& steps = finish.at("steps");
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].at("cycles") == cycles("s3nas_ours_m"));
  CHECK(steps[2].at("cycles") == cycles("s3nas_ours_m_plus"));
  CHECK(cycles(folder / "out/1.onnx") == cycles("s3nas_ours_m_plus"));
  const Json& all = finish.at("excitations");
  REQUIRE(all.size() == 28);
  std::string rows = "block,std\n";
  for (const Json& one : all) {
    CHECK(one.at("cost_ms") > 0);
    rows += one.at("block").get<std::string>() + (one.at("block") == "stage2.0" ? ",0.01\n" : ",0.2\n");
  }
  test::write_file(folder / "a.csv", rows);
  const Outcome less =
      finished(folder, {folder / "out/1.onnx", "--activations", folder / "a.csv", "--threshold", "0.1"});
  INFO(less.err);
  REQUIRE(less.exit_code == 0);
  CHECK(contains(less.out, "kept in 27 of 28 blocks"));
  const double saved = steps[2].at("latency_ms").get<double>() -
                       Json::parse(read_file(folder / "out/1.json")).at("latency_ms").get<double>();
  for (const Json& one : all) {
    if (one.at("block") == "stage2.0") CHECK(saved == Approx(one.at("cost_ms").get<double>()).margin(1e-9));
  }
}

TEST_CASE("A share of 0.6 keeps 17 of 28, and a latency as many as it allows, those that do least first") {
  const TempFolder folder;
  REQUIRE(finished(folder, {"s3nas_ours_m_plus", "--how", "none", "--activations", "none"}).exit_code == 1);
  std::string rows = "block,std\n";
  const Outcome plain = finished(folder, {kOursM, "--squeeze-excite"});
  REQUIRE(plain.exit_code == 0);
  const Json all = Json::parse(read_file(folder / "out/scale.json")).at("finish").at("excitations");
  for (std::size_t i = 0; i < all.size(); ++i) {
    rows +=
        all[i].at("block").get<std::string>() + "," + std::to_string(0.01 * static_cast<double>(i)) + "\n";
  }
  test::write_file(folder / "a.csv", rows);
  const auto removed = [&](const std::vector<std::string>& how) {
    std::vector<std::string> words{"s3nas_ours_m_plus", "--activations", folder / "a.csv"};
    words.insert(words.end(), how.begin(), how.end());
    const Outcome run = finished(folder, words);
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    return Json::parse(read_file(folder / "out/scale.json"));
  };
  const Json share = removed({"--keep-share", "0.6"});
  CHECK(share.at("finish").at("removed").size() == 11);
  CHECK(share.at("finish").at("removed")[0] == all[0].at("block"));
  const Json target = removed({"--latency-ms", "2.8"});
  CHECK(target.at("variants")[0].at("latency_ms") <= 2.8);
  const std::size_t count = target.at("finish").at("removed").size();
  REQUIRE(count > 0);
  // With the last one removed put back, the target is missed.
  const Json one_less = removed({"--keep-share", std::to_string(1 - static_cast<double>(count - 1) / 28)});
  CHECK(one_less.at("finish").at("removed").size() == count - 1);
  CHECK(one_less.at("variants")[0].at("latency_ms") > 2.8);
  const Outcome none =
      finished(folder, {"s3nas_ours_m_plus", "--activations", folder / "a.csv", "--latency-ms", "1"});
  CHECK(none.exit_code == 1);
  CHECK(contains(none.err, "without any of its 28"));
}

TEST_CASE("Contradictory and missing options are refused") {
  const TempFolder folder;
  const auto refuses = [&](const std::vector<std::string>& words, const std::string& why) {
    const Outcome run = finished(folder, words);
    INFO(run.err);
    CHECK(run.exit_code == 1);
    CHECK(contains(run.err, why));
  };
  refuses({kOursM}, "nothing to do");
  refuses({kOursM, "--how", "depth"}, "--latency-ms is missing");
  refuses({kOursM, "--how", "compound", "--latency-ms", "3", "--repeats", "1,2"},
          "--repeats needs --how depth");
  refuses({kOursM, "--how", "depth", "--latency-ms", "3", "--coefficients", "1,2,1"}, "--coefficients needs");
  refuses({kOursM, "--how", "depth", "--latency-ms", "3", "--repeats", "1,x"}, "--repeats: 'x'");
  refuses({kOursM, "--how", "depth", "--latency-ms", "3", "--activations", "a"}, "scale first");
  refuses({kOursM, "--squeeze-excite", "--keep-share", "0.5"}, "expected the file and exactly one");
  refuses({kOursM, "--squeeze-excite", "--activations", "a"}, "expected the file and exactly one");
  refuses({"vgg16", "--squeeze-excite"}, "vgg16 has no place for it");
  refuses({"vgg16", "--how", "depth", "--latency-ms", "3"}, "no block that adds its own input");
  refuses({"vgg16", "--latency-ms", "3", "--coefficients", "1.2,1,1"}, "the depth of vgg16 must have 1");
  refuses({"shufflenet_v2_x1_0", "--latency-ms", "3"}, "shufflenet_v2_x1_0 cannot be scaled");
  refuses({"s3nas_our_m", "--latency-ms", "3"}, "did you mean");
}

TEST_CASE(
    "A finished network's file, whose h-swish is several operators, is scaled and judged like any other") {
  const TempFolder folder;
  REQUIRE(finished(folder, {"s3nas@64:488-9999-9889941-b838-cdddddddddd", "--h-swish", "--squeeze-excite",
                            "--weights"})
              .exit_code == 0);
  const Outcome run =
      run_npusim({"scale", "--hw", "midap", folder / "out/1.onnx", "--latency-ms", "0.8", "--coefficients",
                  "1.1,1.1,1.2", "-o", folder / "more", "--store", folder / "s.db", "-j", "2"});
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const Json json = Json::parse(read_file(folder / "more/scale.json"));
  CHECK(json.at("fixed") == Json{{"depth", ""}, {"width", ""}, {"image", ""}});
  CHECK(json.at("variants").size() > 3);
}

TEST_CASE("What the chip refuses is no candidate, and a note says why") {
  const TempFolder folder;
  // MIDAP's weight memory holds no 3x3 filter of 2048 channels.
  const Outcome run =
      run_npusim({"scale", "--hw", "midap", "resnet8", "--latency-ms", "400", "--coefficients", "1,2,1",
                  "--evaluator", "proxy:params", "-o", folder / "out", "--no-store", "-j", "2"});
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(contains(run.out, "of the variants could not be built or were refused by midap"));
  bool refused = false;
  const Json json = Json::parse(read_file(folder / "out/scale.json"));
  for (const Json& one : json.at("variants")) {
    if (!one.contains("refusal")) continue;
    refused = true;
    CHECK(one.at("rank") == 0);
  }
  CHECK(refused);
}

TEST_CASE("A table of a space's encodings cannot judge what is in no space") {
  const TempFolder folder;
  const Outcome run = run_npusim({"scale", "--hw", "midap", kOursM, "--latency-ms", "3", "--evaluator",
                                  "table:x.csv", "-o", folder / "out", "--no-store"});
  CHECK(run.exit_code == 1);
  CHECK(contains(run.err, "which these networks are not in"));
}

TEST_CASE("A network's file on the Edge TPU is scaled by its image, width and blocks") {
  const TempFolder folder;
  const Outcome list = run_npusim({"scale", "--hw", "edgetpu-coral-usb", "resnet8", "--latency-ms", "2",
                                   "--coefficients", "1.2,1.1,1.15", "--evaluator", "proxy:params", "-o",
                                   folder / "out", "--no-store", "-j", "2"});
  INFO(list.err);
  REQUIRE(list.exit_code == 0);
  const Outcome again =
      run_npusim({"scale", "--hw", "edgetpu-coral-usb", folder / "out/1.onnx", "--latency-ms", "1",
                  "--evaluator", "proxy:params", "-o", folder / "more", "--no-store"});
  CHECK(again.exit_code == 1);
  CHECK(contains(again.err, "--assume-int8"));
}

TEST_CASE("Depth-only scaling says how many combinations there were and how far their sums are off") {
  const TempFolder folder;
  const Outcome run = run_npusim({"scale", "--hw", "midap", "--how", "depth", kOursM, "--latency-ms", "2.8",
                                  "--repeats", "3-4,4-5,7-8,4,11-12", "--evaluator", "proxy:macs", "-o",
                                  folder / "out", "--store", folder / "s.db", "-j", "2"});
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK(contains(run.out, "16 combinations of depths"));
  const Json json = Json::parse(read_file(folder / "out/scale.json"));
  CHECK(json.at("how") == "depth");
  CHECK(json.at("sums").at("worst_error") < 0.02);
  for (const Json& one : json.at("variants")) CHECK(one.contains("estimate_ms"));
}

}  // namespace
}  // namespace npusim
