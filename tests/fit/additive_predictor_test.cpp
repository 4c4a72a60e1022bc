#include "nas/fit/additive_predictor.h"

#include <string>

#include "sim/base/error.h"
#include "sim/base/hash.h"
#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::fit;
using table::Context;

namespace {

/// Cycles of a block that nothing but its name decides.
double cycles_of(const std::string& block) { return static_cast<double>(fnv1a(block) % 100'000) + 1; }

/// The message of the UserError with which the predictor refuses the table.
std::string refusal(const table::Table& table, std::shared_ptr<const space::Space> space) {
  try {
    const AdditivePredictor predictor(table, Context::stacked, std::move(space));
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// All blocks of a space at 500 MHz, 3000 cycles besides them, an error bar of 99 networks and -5 %.
table::Table table_of(const space::Space& space) {
  table::Table table;
  table.hw_hash = "0123456789abcdef";
  table.clock_mhz = 500;
  table.fixed_cycles = 3000;
  for (const space::Block& block : space.all_blocks()) {
    table::Row row;
    row.block = block.name;
    row.context = Context::stacked;
    row.cycles = cycles_of(block.name);
    table.rows.push_back(std::move(row));
  }
  table::ErrorBar bar;
  bar.networks = 99;
  bar.worst = -5;
  table.errors[Context::stacked] = bar;
  return table;
}

}  // namespace

TEST_CASE("the additive prediction of 300 networks is the sum of their blocks' rows, by look-ups") {
  const std::shared_ptr<const space::Space> space = space::make_space("s3nas");
  const AdditivePredictor predictor(table_of(*space), Context::stacked, space);
  CHECK(predictor.tabulated());
  CHECK(predictor.hw_hash() == "0123456789abcdef");
  Rng rng(9);
  for (int i = 0; i < 300; ++i) {
    const space::Genome genome = space->sample(rng);
    double cycles = 3000;
    for (const space::Block& block : space->blocks(genome)) cycles += cycles_of(block.name);
    CHECK(predictor.predict_ns(genome) == Approx(cycles * 2));
  }
}

TEST_CASE("a worst error of -5 % in 99 networks is an interval of 5.26 % with coverage 99 %") {
  const std::shared_ptr<const space::Space> space = space::make_space("s3nas");
  const AdditivePredictor predictor(table_of(*space), Context::stacked, space);
  Rng rng(9);
  const space::Genome genome = space->sample(rng);
  const double middle = predictor.predict_ns(genome);
  CHECK(predictor.interval_ns(genome).low_ns == Approx(middle * (1 - 0.05 / 0.95)));
  CHECK(predictor.interval_ns(genome).high_ns == Approx(middle * (1 + 0.05 / 0.95)));
  CHECK(predictor.coverage() == Approx(0.99));
}

TEST_CASE("a table without an error bar, without its context or without a block's row is refused") {
  const std::shared_ptr<const space::Space> space = space::make_space("s3nas");
  table::Table table = table_of(*space);
  CHECK_THROWS_AS(AdditivePredictor(table, Context::isolated, space), UserError);
  const std::string missing = table.rows.back().block;
  table.rows.pop_back();
  CHECK(refusal(table, space).find(missing) != std::string::npos);
  table = table_of(*space);
  table.errors.clear();
  CHECK(refusal(table, space).find("error bar") != std::string::npos);
}
