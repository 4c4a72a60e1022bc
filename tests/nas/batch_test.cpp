// Batches: nothing is simulated twice, and the order of the results is that of the jobs.
#include "nas/jobs/batch.h"

#include "hw_models/api/npu.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using jobs::Batch;
using jobs::BatchOptions;
using jobs::BatchResult;
using jobs::Status;
using jobs::Store;
using test::TempFolder;

namespace {

jobs::Chip chip(const std::string& name, const std::vector<std::string>& overrides = {}) {
  jobs::Chip one{std::make_shared<const Config>(hw::describe(name)), overrides, ""};
  one.hash = hw::hardware_hash(one.description());
  return one;
}

/// ResNet-8 on an Ascend 310 of 1, 2, 4 and 8 DRAM channels.
Batch four_channels() {
  Batch batch;
  for (const char* channels : {"1", "2", "4", "8"}) {
    batch.chips.push_back(chip("ascend310", {std::string("dram.channels=") + channels}));
  }
  batch.graphs.push_back(zoo::build("resnet8"));
  for (std::size_t i = 0; i < 4; ++i) batch.jobs.push_back({i, 0, ir::DType::f16});
  return batch;
}

BatchResult run(const Batch& batch, std::size_t workers, Store* store, bool fresh = false) {
  BatchOptions options;
  options.workers = workers;
  options.version = "test";
  options.store = store;
  options.fresh = fresh;
  return jobs::run_batch(batch, options);
}

std::vector<std::int64_t> cycles(const BatchResult& result) {
  std::vector<std::int64_t> list;
  for (const auto& one : result.results) list.push_back(one.summary.cycles);
  return list;
}

}  // namespace

TEST_CASE("one and three workers give the cycles that the evaluator gives, job by job") {
  const Batch batch = four_channels();
  std::vector<std::int64_t> expected;
  for (const auto& one : batch.chips) {
    hw::Evaluator evaluator(one.description(), kernel::KernelKind::run_ahead);
    expected.push_back(evaluator.evaluate(batch.graphs[0], {}).total_cycles);
  }
  REQUIRE(expected[0] > expected[3]);
  const BatchResult one = run(batch, 1, nullptr);
  const BatchResult three = run(batch, 3, nullptr);
  CHECK(cycles(one) == expected);
  CHECK(cycles(three) == expected);
  CHECK(one.simulated == 4);
  for (const auto& result : one.results) {
    double shares = result.summary.busy_share;
    for (const double share : result.summary.stall_share) shares += share;
    CHECK(shares == Approx(1.0));
  }
}

TEST_CASE("the second run simulates nothing and says so; --fresh simulates all four again") {
  const TempFolder folder;
  Store store(folder / "results.db");
  const Batch batch = four_channels();
  const BatchResult first = run(batch, 2, &store);
  CHECK(first.simulated == 4);
  CHECK(first.reused == 0);
  const BatchResult second = run(batch, 2, &store);
  CHECK(second.simulated == 0);
  CHECK(second.reused == 4);
  CHECK(cycles(second) == cycles(first));
  BatchOptions options;
  options.store = &store;
  CHECK(jobs::describe(second, options) == "4 simulations: 0 run, 4 reused from " + (folder / "results.db"));
  CHECK(run(batch, 2, &store, true).simulated == 4);
  CHECK(store.rows() == 4);
}

TEST_CASE("jobs of equal content under different names are simulated once") {
  Batch batch = four_channels();
  batch.graphs.push_back(batch.graphs[0]);
  batch.graphs[1].name = "another name";
  batch.chips.push_back(chip("ascend310", {"dram.channels=2"}));
  batch.jobs.push_back({1, 1, ir::DType::f16});
  batch.jobs.push_back({4, 0, ir::DType::f16});
  batch.jobs.push_back({1, 0, ir::DType::i8});
  const BatchResult result = run(batch, 1, nullptr);
  CHECK(result.distinct == 5);
  CHECK(result.simulated == 5);
  CHECK(result.results[4].summary.cycles == result.results[1].summary.cycles);
  CHECK(result.results[5].summary.cycles == result.results[1].summary.cycles);
  CHECK(result.results[6].summary.cycles != result.results[1].summary.cycles);
}

TEST_CASE("what a chip refuses is invalid with its reason, is stored, and the others run") {
  const TempFolder folder;
  Store store(folder / "results.db");
  Batch batch = four_channels();
  batch.chips.push_back(chip("ascend310", {"buffers.l1_kib=1"}));
  batch.jobs.push_back({4, 0, ir::DType::f16});
  for (const std::size_t reused : {0U, 5U}) {
    const BatchResult result = run(batch, 2, &store);
    CHECK(result.reused == reused);
    CHECK(result.results[3].status == Status::ok);
    CHECK(result.results[4].status == Status::invalid);
    CHECK(!result.results[4].message.empty());
  }
}

TEST_CASE("--resume on a store that has nothing of the batch is an error, after one run it is none") {
  const TempFolder folder;
  Store store(folder / "results.db");
  const Batch batch = four_channels();
  BatchOptions options;
  options.version = "test";
  options.store = &store;
  options.resume = true;
  CHECK_THROWS_AS(jobs::run_batch(batch, options), UserError);
  run(batch, 2, &store);
  CHECK(jobs::run_batch(batch, options).reused == 4);
  options.version = "another build";
  CHECK_THROWS_AS(jobs::run_batch(batch, options), UserError);
}

TEST_CASE("a job that asks for layers has them, adding up to its cycles, under its own operators' names") {
  const TempFolder folder;
  Store store(folder / "results.db");
  Batch batch;
  batch.chips.push_back(chip("midap"));
  for (const char* prefix : {"a", "b"}) {
    zoo::Builder b("two", {1, 16, 14, 14});
    const auto x = b.conv_act(prefix + std::string("1"), b.input(), {.out = 32});
    batch.graphs.push_back(b.finish(b.conv_act(prefix + std::string("2"), x, {.out = 16})));
  }
  REQUIRE(ir::content_hash(batch.graphs[0]) == ir::content_hash(batch.graphs[1]));
  batch.jobs = {{0, 0, ir::DType::i8, true}, {0, 1, ir::DType::i8, true}, {0, 1, ir::DType::i8, false}};
  for (const std::size_t reused : {0U, 3U}) {
    const BatchResult result = run(batch, 1, &store);
    CHECK(result.reused == reused);
    for (const std::size_t i : {0U, 1U}) {
      const jobs::Summary& summary = result.results[i].summary;
      REQUIRE(summary.layers.size() == 2);
      CHECK(summary.layers[0].name == (i == 0 ? "a1" : "b1"));
      CHECK(summary.layers[0].cycles + summary.layers[1].cycles == summary.cycles);
      CHECK(summary.layers[0].dram_read_bytes > 0);
    }
    CHECK(result.results[2].summary.layers.empty());
    CHECK(result.results[2].summary.cycles == result.results[1].summary.cycles);
  }
}
