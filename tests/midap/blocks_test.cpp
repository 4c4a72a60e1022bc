// S3NAS' published block latencies.
#include <cmath>

#include "tests/catch.h"
#include "tests/midap/chip.h"
#include "tests/midap/reference.h"

using namespace npusim;
using namespace npusim::midap::test;

TEST_CASE("of 384 published blocks half are met to the cycle, the mean is within 0.2 %, none beyond 3 %") {
  double sum = 0;
  double worst = 0;
  int exact = 0;
  const auto rows = read_table("midap_block_cycles.csv");
  for (const auto& row : rows) {
    hw::EvaluateOptions options;
    options.dtype = ir::DType::i8;
    const auto got = block_cycles(chip().evaluate(block_case(row), options));
    const auto want = number(row, "latency_cycles");
    const double error = 100 * std::abs(static_cast<double>(got - want)) / static_cast<double>(want);
    sum += error;
    worst = std::max(worst, error);
    if (got == want) ++exact;
  }
  CHECK(rows.size() == 384);
  CHECK(exact >= 192);
  CHECK(sum / static_cast<double>(rows.size()) <= 0.2);
  CHECK(worst <= 3);
}
