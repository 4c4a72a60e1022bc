// Parameters from which rows were simulated are found again.
#include <cmath>

#include "hw_models/api/npu.h"
#include "nas/calibrate/calibration.h"
#include "nas/calibrate/objective.h"
#include "nas/calibrate/report.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::calibrate;

namespace {

RunBatch with_workers(std::size_t workers) {
  return [workers](const jobs::Batch& batch) {
    jobs::BatchOptions options;
    options.workers = workers;
    options.version = "test";
    return jobs::run_batch(batch, options);
  };
}

void silent(const Progress& /*progress*/) {}

Calibration calibrated(const Problem& problem, const Options& options = {}, std::size_t workers = 2) {
  return calibrate::calibrate(problem, options, with_workers(workers), silent);
}

constexpr std::int64_t kBatches[] = {1, 2, 4};
const std::vector<std::string> kNetworks{"resnet8", "block:r1_k3_s11_e2_i128_o128_c15@14"};

/// Transfers one at a time and a short host call: so that memory latency shows.
const std::vector<std::string> kSetUp{"mte2.transfers_in_flight=1", "mte2.outstanding=16",
                                      "launch.host_us=5"};

/// Rows of small networks, simulated on ascend310 with `truth` set, and the keys of `free` to be found from
/// the values that ascend310.yaml has.
Problem problem_of(const std::vector<std::string>& truth, const std::vector<std::string>& free,
                   const std::vector<std::string>& networks = kNetworks) {
  Problem problem;
  problem.description = hw::describe("ascend310", kSetUp);
  problem.free = parse_parameters(problem.description, free, {});
  problem.measured.file = "rows.csv";
  problem.measured.hash = "0123";
  std::vector<std::string> overrides = kSetUp;
  overrides.insert(overrides.end(), truth.begin(), truth.end());
  hw::Evaluator evaluator(hw::describe("ascend310", overrides), kernel::KernelKind::run_ahead);
  for (const std::string& name : networks) {
    for (const std::int64_t batch : kBatches) {
      problem.graphs.push_back(zoo::build(name, batch));
      Row row;
      row.line = problem.measured.rows.size() + 2;
      row.network = name;
      row.batch = batch;
      row.measured = evaluator.evaluate(problem.graphs.back(), {}).latency_ms();
      problem.targets.push_back({problem.measured.rows.size(), ir::DType::f16});
      problem.measured.rows.push_back(row);
    }
  }
  return problem;
}

/// Multiplies each measurement by exp(noise of about that size): sums of twelve uniform numbers are normal
/// enough.
void disturb(Problem& problem, double size) {
  Rng rng(7);
  for (Row& row : problem.measured.rows) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(rng.next() >> 11U) * 0x1p-53;
    row.measured *= std::exp(size * sum);
  }
}

const std::vector<std::string> kTruth{"launch.task_us=7", "dram.controller_cycles=120"};
const std::vector<std::string> kFree{"launch.task_us=1..30", "dram.controller_cycles"};

bool mentions(const std::vector<std::string>& texts, const std::string& part) {
  for (const std::string& text : texts) {
    if (text.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE(
    "launch.task_us = 7 and dram.controller_cycles = 120 are found again from 10 and 80, without noise") {
  const Problem problem = problem_of(kTruth, kFree);
  const Calibration done = calibrated(problem);
  CHECK(done.start == Setting{"10.0", "80"});
  CHECK(number_of(done.fitted[0]) == Approx(7).epsilon(0.002));
  CHECK(number_of(done.fitted[1]) == Approx(120).margin(1));
  CHECK(done.train_before.errors.mape > 0.02);
  CHECK(done.train_after.errors.mape < 1e-4);
  REQUIRE(done.cross.has_value());
  CHECK(done.cross->errors.mape < done.train_before.errors.mape);
  CHECK(done.folds == 2);
  CHECK(done.whole_networks);
  CHECK(done.knowledge.keys[0].known == Known::determined);
  CHECK(*done.knowledge.keys[0].elasticity > 0.05);
  CHECK_FALSE(mentions(done.warnings, "not determined"));
}

TEST_CASE("with 2 % noise the ranges hold the true values and the fit is as good as the noise") {
  Problem problem = problem_of(kTruth, kFree);
  disturb(problem, 0.02);
  Options options;
  options.folds = 0;
  const Calibration done = calibrated(problem, options);
  CHECK(number_of(done.fitted[0]) == Approx(7).epsilon(0.1));
  CHECK(done.train_after.errors.mape < 0.025);
  CHECK(done.train_after.errors.mape < done.train_before.errors.mape);
  const KeyKnowledge& task = done.knowledge.keys[0];
  REQUIRE(task.known == Known::determined);
  CHECK(number_of(task.low) <= 7);
  CHECK(number_of(task.high) >= 7);
  CHECK(number_of(task.high) - number_of(task.low) > 0.01);
  CHECK_FALSE(done.cross.has_value());
}

TEST_CASE("a key without influence is said to be undetermined and keeps its value") {
  // Of policy fr-fcfs only, which is not in use.
  const Problem problem =
      problem_of({"launch.task_us=7"}, {"dram.fr_fcfs.hit_cap,launch.task_us=1..30"}, {"resnet8"});
  const Calibration done = calibrated(problem);
  CHECK(done.knowledge.keys[0].known == Known::no_influence);
  CHECK(done.fitted[0] == done.start[0]);
  CHECK(done.knowledge.keys[1].known == Known::determined);
  CHECK(number_of(done.fitted[1]) == Approx(7).epsilon(0.002));
  CHECK(mentions(done.warnings, "dram.fr_fcfs.hit_cap is not determined: no row's latency changes with it"));
  CHECK_FALSE(done.whole_networks);
  Config fitted = problem.description;
  fitted.set("launch.task_us=" + done.fitted[1]);
  const std::string yaml = to_yaml(problem, done, hw::describe("ascend310"), fitted);
  CHECK(yaml.find("launch.host_us: 5\n") != std::string::npos);
  CHECK(yaml.find("hit_cap") == std::string::npos);
  CHECK(yaml.find("  launch.task_us: 'fitted | rows.csv (0123, 3 rows)'\n") != std::string::npos);
}

TEST_CASE("two keys that only matter together are not told apart") {
  // One network at one batch: a launch per operator and a call per network are one number.
  Problem problem = problem_of({"launch.task_us=7", "launch.host_us=50"},
                               {"launch.task_us=1..30,launch.host_us=4..400"}, {"resnet8"});
  problem.measured.rows.resize(1);
  problem.targets.resize(1);
  for (int i = 0; i < 3; ++i) {
    problem.measured.rows.push_back(problem.measured.rows[0]);
    problem.targets.push_back(problem.targets[0]);
  }
  const Calibration done = calibrated(problem);
  CHECK(done.train_after.errors.mape < 0.001);
  CHECK(done.knowledge.condition > 1e3);
  REQUIRE(done.knowledge.flat.size() == 1);
  CHECK(mentions(done.warnings, "do not tell apart"));
  CHECK(mentions(done.warnings, "4 rows for 2 free keys"));
}

TEST_CASE("a bound that keeps the truth out is reported as hit") {
  const Problem problem = problem_of({"launch.task_us=7"}, {"launch.task_us=8..30"}, {"resnet8"});
  Options options;
  options.folds = 0;
  const Calibration done = calibrated(problem, options);
  CHECK(done.fitted[0] == "8");
  CHECK(mentions(done.warnings, "launch.task_us = 8 is at its bound (low 8)"));
}

TEST_CASE("a list of sizes and a word are searched, too") {
  const Problem problem = problem_of({"dram.interleave_bytes=1024", "dram.policy=fr-fcfs"},
                                     {"dram.interleave_bytes,dram.policy"}, {"resnet8"});
  const Calibration done = calibrated(problem);
  CHECK(done.train_after.errors.mape < 1e-9);
  CHECK(done.fitted == Setting{"1024", "fr-fcfs"});
}

TEST_CASE("rows kept for testing are judged, not fitted to") {
  Problem problem = problem_of({"launch.task_us=7"}, {"launch.task_us=1..30"}, {"resnet8"});
  problem.measured.rows[0].test = true;
  problem.measured.rows[0].measured *= 3;
  const Calibration done = calibrated(problem);
  CHECK(done.train.size() == 2);
  CHECK(number_of(done.fitted[0]) == Approx(7).epsilon(0.002));
  REQUIRE(done.test_after.has_value());
  CHECK(done.test_after->errors.mape == Approx(1 - 1.0 / 3).epsilon(0.01));
  CHECK(mentions(done.warnings, "the test rows fit worse than before"));
}

TEST_CASE("one wild row of six moves the fit by less than a tenth") {
  Problem problem = problem_of({"launch.task_us=7"}, {"launch.task_us=1..30"});
  problem.measured.rows[3].measured *= 2;
  Options options;
  options.folds = 0;
  CHECK(number_of(calibrated(problem, options).fitted[0]) == Approx(7).epsilon(0.1));
}

TEST_CASE("texts and descriptions do not depend on the number of workers") {
  Problem problem = problem_of(kTruth, kFree, {"resnet8"});
  disturb(problem, 0.03);
  Options options;
  options.folds = 2;
  options.search.starts = 1;
  const Calibration one = calibrated(problem, options, 1);
  const Calibration three = calibrated(problem, options, 3);
  CHECK(to_text("ascend310", problem, one) == to_text("ascend310", problem, three));
  CHECK(to_ledger("ascend310", problem, one) == to_ledger("ascend310", problem, three));
}

TEST_CASE("sigma, weight and Huber's function weigh an error as the documentation says") {
  Row row;
  row.measured = 10;
  CHECK(residual(row, 10 * std::exp(0.1)) == Approx(0.1 / 0.05));
  row.sigma = 1.2;  // 12 % and the model's 5 % are 13 %
  CHECK(residual(row, 10 * std::exp(0.13)) == Approx(1));
  CHECK(robustness(1) == 1);
  CHECK(robustness(-2 * kHuber) == Approx(0.5));
  Measured measured;
  measured.rows = {row, row};
  measured.rows[1].weight = 3;
  const Prediction prediction{"", {10 * std::exp(0.13), 10}};
  CHECK(objective(measured, {0, 1}, prediction) == Approx(0.5 / 4));
  CHECK(objective(measured, {0}, {"refused", {}}) == kRefused);
}
