// What rows count, and how well they add up.
#include <cmath>

#include "nas/table/additive.h"
#include "nas/table/block_list.h"
#include "nas/table/networks.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/midap/reference.h"
#include "tests/table/fixture.h"

using namespace npusim;
using namespace npusim::table;
using namespace npusim::table::test;

namespace {

const Row& row_of(const Table& table, const std::string& block, Context context) {
  for (const Row& row : table.rows) {
    if (row.block == block && row.context == context) return row;
  }
  throw std::runtime_error("no row for " + block);
}

double simulated(const std::vector<space::Block>& chain, const std::string& chip = "midap",
                 ir::DType type = ir::DType::i8) {
  hw::Evaluator evaluator(hw::describe(chip), kernel::KernelKind::run_ahead);
  hw::EvaluateOptions options;
  options.dtype = type;
  return static_cast<double>(evaluator.evaluate(chain_of(chain, 1, "chain"), options).total_cycles);
}

const char* const kKeeps = "block:r1_k3_s11_e6_i32_o32_c0@28";
const char* const kShrinks = "block:r1_k5_s22_e6_i32_o64_c0@28";

}  // namespace

TEST_CASE("of 384 published S3NAS blocks, measured behind a stem, 380 rows are exact to the cycle") {
  const auto published = midap::test::read_table("midap_block_cycles.csv");
  std::vector<space::Block> blocks;
  for (const auto& row : published) {
    blocks.push_back(block_named(row.at("cls") + "/" + row.at("file")));
    blocks.back().name = row.at("cls") + "/" + row.at("file");
  }
  const Table table = measure(blocks, nullptr, int8({Context::behind_stem}));
  REQUIRE(table.rows.size() == 384);
  std::size_t exact = 0;
  for (std::size_t i = 0; i < published.size(); ++i) {
    if (table.rows[i].cycles == static_cast<double>(midap::test::number(published[i], "latency_cycles")))
      ++exact;
  }
  CHECK(exact == 380);
}

TEST_CASE("on MIDAP, sums of rows behind a stem are within 0.5 % of 40 random networks of S3NAS' space") {
  const auto space = space::make_space("s3nas");
  const Table table = measure(space->all_blocks(), space.get(),
                              int8({Context::isolated, Context::behind_stem, Context::network}, 40));
  const ErrorBar& stem = table.errors.at(Context::behind_stem);
  CHECK(stem.networks == 40);
  CHECK(stem.mape <= 0.5);
  CHECK(stem.mape > 0);
  CHECK(std::abs(stem.worst) >= stem.mape);
  CHECK(stem.spearman > 0.999);
  CHECK(table.errors.at(Context::network).mape < stem.mape);
  CHECK(table.errors.at(Context::isolated).mape > stem.mape);
  const AdditiveModel model(table, Context::behind_stem);
  Rng rng(7);
  const space::Genome genome = space->sample(rng);
  const double whole = simulated(space->blocks(genome));
  CHECK(model.latency_ns(*space, genome) == Approx(whole).epsilon(0.01));
}

TEST_CASE("a block alone counts all its cycles; the Ascend's host call and transfers are told apart") {
  const auto space = space::make_space("proxyless");
  const space::Block block = block_named(kKeeps);
  CHECK(measure({block}, nullptr, int8({Context::isolated})).rows[0].cycles == simulated({block}));
  MeasureOptions options;
  const Table table = measure({block}, space.get(), options, "ascend310");
  CHECK(table.fixed_known);
  CHECK(table.fixed_cycles > 68000);  // the host call alone
  CHECK(table.rows[0].cycles < simulated({block}, "ascend310", ir::DType::f16) - 68000);
}

TEST_CASE("a stacked row is the latency of N copies by N; one that shrinks is measured between copies") {
  const space::Block keeps = block_named(kKeeps);
  const space::Block shrinks = block_named(kShrinks);
  const space::Block after = block_named("block:r1_k3_s11_e2_i64_o64_c0@14");
  MeasureOptions options = int8({Context::stacked});
  options.copies = 3;
  const Table table = measure({keeps, shrinks, after}, nullptr, options);
  const double keep = row_of(table, kKeeps, Context::stacked).cycles;
  const double behind = row_of(table, after.name, Context::stacked).cycles;
  CHECK(keep == Approx(simulated({keeps, keeps, keeps}) / 3));
  CHECK(row_of(table, kKeeps, Context::stacked).samples == 3);
  const double whole = simulated({keeps, keeps, keeps, shrinks, after, after, after});
  CHECK(row_of(table, kShrinks, Context::stacked).cycles == Approx(whole - 3 * keep - 3 * behind));
}

TEST_CASE("busy and stall cycles of a row add up to its cycles on MIDAP, whose layers follow one another") {
  const Table table =
      measure({block_named(kKeeps)}, nullptr, int8({Context::isolated, Context::behind_stem}));
  for (const Row& row : table.rows) {
    double sum = row.busy_cycles;
    for (const double stall : row.stall_cycles) sum += stall;
    CHECK(sum == Approx(row.cycles));
    CHECK(row.dram_read_bytes > 0);
  }
}

TEST_CASE("what a chip refuses has a row with the reason; the others are measured") {
  // In 1 KiB of L1 a linear layer of 16 channels fits, a convolution of 32 does not.
  const jobs::Chip small = chip_of("ascend310", {"buffers.l1_kib=1"});
  const auto table_of = [&](const std::vector<space::Block>& blocks) {
    Plan plan = make_plan(blocks, nullptr, small, {});
    const jobs::BatchResult results = jobs::run_batch(plan.batch, {});
    return finish(std::move(plan), results);
  };
  const Table table = table_of({block_named(kKeeps), block_named("Dense/i16_o16")});
  CHECK(table.rows[0].refusal.find("fits no tiling") != std::string::npos);
  CHECK(table.rows[1].refusal.empty());
  CHECK(table.rows[1].cycles > 0);
  CHECK_THROWS_AS(table_of({block_named(kKeeps)}), UserError);
}

TEST_CASE("error bars and in-network rows need a space; an empty list is an error") {
  CHECK_THROWS_AS(make_plan({}, nullptr, chip_of("midap"), {}), UserError);
  CHECK_THROWS_AS(make_plan({block_named(kKeeps)}, nullptr, chip_of("midap"), int8({Context::network})),
                  UserError);
  CHECK_THROWS_AS(make_plan({block_named(kKeeps)}, nullptr, chip_of("midap"), int8({Context::isolated}, 5)),
                  UserError);
}

TEST_CASE("the additive model names a block it has no row for, and the nearest it has") {
  const Table table =
      measure({block_named(kKeeps), block_named(kShrinks)}, nullptr, int8({Context::isolated}));
  const AdditiveModel model(table, Context::isolated);
  const double both = table.rows[0].cycles + table.rows[1].cycles;
  CHECK(model.cycles(std::vector<std::string>{kKeeps, kShrinks}) == both);
  const std::vector<std::uint32_t> indices{*model.index(kKeeps), *model.index(kShrinks)};
  CHECK(model.cycles(indices) == both);
  CHECK(model.ns(both) == Approx(both));  // MIDAP runs at 1 GHz
  std::string message;
  try {
    static_cast<void>(model.cycles(std::vector<std::string>{"block:r1_k3_s11_e6_i32_o32_c0@27"}));
  } catch (const UserError& error) {
    message = error.what();
  }
  CHECK(message.find("did you mean 'block:r1_k3_s11_e6_i32_o32_c0@28'") != std::string::npos);
  CHECK_THROWS_AS(AdditiveModel(table, Context::stacked), UserError);
}

TEST_CASE("an error bar is what its definition says, and Spearman's ties share their rank") {
  Table table;
  table.clock_mhz = 1000;
  for (const double cycles : {100.0, 200.0}) {
    Row row;
    row.block = cycles == 100 ? "a" : "b";
    row.cycles = cycles;
    table.rows.push_back(row);
  }
  const AdditiveModel model(table, Context::isolated);
  const auto bar =
      error_bar(model, {{"one", {"a", "a"}, 160}, {"two", {"a", "b"}, 400}, {"three", {"c"}, 1}});
  REQUIRE(bar);
  CHECK(bar->networks == 2);  // the third has a block without a row
  CHECK(bar->mape == Approx(25));
  CHECK(bar->bias == Approx(0).margin(1e-9));
  CHECK(bar->worst == Approx(25));
  CHECK(bar->worst_at == "one");
  CHECK(bar->spearman == Approx(1));
  CHECK(!error_bar(model, {{"three", {"c"}, 1}}));
  CHECK(spearman({1, 2, 2, 3}, {1, 2, 3, 4}) == Approx(0.9486832981));
  CHECK(spearman({1, 1}, {1, 2}) == 0);
}
