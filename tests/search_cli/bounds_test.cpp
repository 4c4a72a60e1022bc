// Bounds: the least network of a space against enumeration, floors against simulations, limits refused.
#include <algorithm>
#include <limits>

#include "hw_models/api/npu.h"
#include "nas/search/driver_bounds.h"
#include "nas/search/driver_least.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/search_cli/errors.h"

namespace npusim::search {
namespace {

using test::error_of;
using test::run_npusim;
using test::says;
using test::TempFolder;

double sum_of(const fit::BlockTables& tables, const std::vector<double>& costs, const space::Genome& genome) {
  double sum = 0;
  tables.list(genome, [&](std::uint32_t block) { sum += costs[block]; });
  return sum;
}

std::vector<double> random_costs(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> costs;
  for (std::size_t i = 0; i < count; ++i) costs.push_back(static_cast<double>(rng.uniform(0, 1000)));
  return costs;
}

TEST_CASE(
    "The least network is that of an enumeration of 150, 6,144 and 104,976 networks, whatever blocks cost") {
  for (const char* name : {"patterns", "edsr", "mbconv-bench"}) {
    INFO(name);
    const auto space = space::make_space(name);
    const auto tables = fit::BlockTables::build(*space);
    REQUIRE(tables);
    for (std::uint64_t seed = 1; seed <= (space->count() < 1e4 ? 3U : 1U); ++seed) {
      const std::vector<double> costs = random_costs(tables->blocks().size(), seed);
      double least = std::numeric_limits<double>::infinity();
      for (std::uint64_t i = 0; const auto genome = space->at(i); ++i) {
        least = std::min(least, sum_of(*tables, costs, *genome));
      }
      const auto found = least_network(*space, *tables, costs);
      REQUIRE(found);
      CHECK(found->sum == least);
      CHECK(found->bound == least);
      CHECK(sum_of(*tables, costs, found->genome) == least);
    }
  }
}

TEST_CASE("No network of 2,000 drawn from spaces of 10^16 and more costs less than the bound") {
  for (const char* name : {"s3nas", "proxyless", "ofa", "mnasnet-edgetpu"}) {
    INFO(name);
    const auto space = space::make_space(name);
    const auto tables = fit::BlockTables::build(*space);
    REQUIRE(tables);
    const std::vector<double> costs = random_costs(tables->blocks().size(), 5);
    const auto found = least_network(*space, *tables, costs);
    REQUIRE(found);
    CHECK(found->genome == space->canonical(found->genome));
    CHECK(found->bound <= found->sum);
    Rng rng(6);
    double nearest = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 2000; ++i) nearest = std::min(nearest, sum_of(*tables, costs, space->sample(rng)));
    CHECK(found->bound <= nearest);
    CHECK(found->sum <= nearest);
  }
}

SearchChip chip_of(const std::string& name) {
  SearchChip chip;
  chip.name = name;
  chip.description = std::make_shared<const Config>(hw::describe(name));
  chip.hash = hw::hardware_hash(*chip.description);
  chip.dtype = hw::make_npu(*chip.description)->dtypes().front();
  return chip;
}

TEST_CASE(
    "No network is simulated in less than its floor on any chip, the largest of mbconv-bench or its first") {
  const auto space = space::make_space("mbconv-bench");
  for (const std::string& name : hw::chip_names()) {
    INFO(name);
    const SearchChip chip = chip_of(name);
    hw::Evaluator evaluator(*chip.description, kernel::KernelKind::run_ahead);
    hw::EvaluateOptions how;
    how.dtype = chip.dtype;
    for (const space::Genome& genome : {space->largest(), *space->at(0)}) {
      const ir::Graph graph = space->build(genome);
      INFO(graph.name);
      const Floor floor = floor_of(chip, needs_of(graph));
      CHECK(floor.ms() > 0);
      CHECK(floor.ms() <= evaluator.evaluate(graph, how).latency_ms());
    }
  }
}

TEST_CASE("A convolution's taps on its padding are not part of its floor") {
  // The stem of nb201: 3x3 on 32x32 with a ring of padding: 94 x 94 taps, not 96 x 96.
  const auto space = space::make_space("nb201");
  const space::Block stem = space->blocks(*space->at(0)).front();
  zoo::Builder builder("stem", stem.input);
  const ir::Graph graph = builder.finish(stem.append(builder, "b_", builder.input()));
  const auto pairs = static_cast<double>(stem.input[1] * stem.output[1]);
  CHECK(needs_of(graph).dense_macs == pairs * 94 * 94);
  CHECK(static_cast<double>(ir::macs(graph).count()) == pairs * 96 * 96);
}

std::vector<std::string> limited(const TempFolder& folder, const std::vector<std::string>& more) {
  std::vector<std::string> words{"search",      "--hw",         "midap",    "--space",     "s3nas",
                                 "--evaluator", "proxy:params", "--budget", "20",          "--round",
                                 "20",          "--no-store",   "-o",       folder / "out"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_CASE("Limits below what is proven are refused at once with the resource and a limit that can be kept") {
  const TempFolder folder;
  const auto error = [&](const std::vector<std::string>& more) {
    const test::Outcome run = run_npusim(limited(folder, more));
    CHECK(run.exit_code == 1);
    CHECK_FALSE(says(run.err, {"of 20 networks,"}));  // nothing was searched
    return run.err;
  };
  CHECK(says(error({"--latency-ms", "0.05"}),
             {"--latency-ms 0.05 cannot be kept by any network of s3nas", "multiply-accumulates",
              "at its peak", "stem", "which all networks share", "allow at least that: s3nas:"}));
  CHECK(says(error({"--macs", "1e6"}), {"--macs 1e+06 cannot be kept", "MACs; allow at least that"}));
  CHECK(says(error({"--params", "1000"}), {"--params 1000 cannot be kept", "weights; allow at least that"}));
}

TEST_CASE("Where luck finds nothing within a limit, the fastest network by a table of blocks does") {
  const TempFolder folder;
  const test::Outcome run = run_npusim(limited(folder, {"--latency-ms", "0.36"}));
  INFO(run.err);
  CHECK(run.exit_code == 0);
  CHECK(says(run.out, {"networks of s3nas on the front", "22 simulated"}));
  const test::Outcome none = run_npusim(limited(folder, {"--latency-ms", "0.2"}));
  CHECK(none.exit_code == 1);
  CHECK(says(none.err,
             {"none of 22 networks of s3nas keeps the limits 0.2 ms", "The fastest of them takes 0.33"}));
}

}  // namespace
}  // namespace npusim::search
