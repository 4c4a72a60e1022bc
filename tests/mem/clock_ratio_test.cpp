#include "sim/mem/clock_ratio.h"

#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"

namespace npusim::mem::test {

TEST_CASE("17 cycles at 680 MHz are 40 clocks at 1600 MHz, and partial clocks round up", "[mem]") {
  const ClockRatio ratio(680'000'000, 1'600'000'000);
  CHECK(ratio.convert(0) == 0);
  CHECK(ratio.convert(17) == 40);
  CHECK(ratio.convert(1) == 3);    // 2.35
  CHECK(ratio.convert(16) == 38);  // 37.6
  CHECK(ratio.convert(18) == 43);  // 42.4
}

TEST_CASE("Equal clocks convert to themselves", "[mem]") {
  const ClockRatio ratio(1'600'000'000, 1'600'000'000);
  for (std::int64_t n = 0; n < 1000; ++n) REQUIRE(ratio.convert(n) == n);
}

TEST_CASE("Conversion equals 128-bit arithmetic up to 10^15 cycles on awkward clocks", "[mem]") {
  __extension__ using Wide = __int128;
  Rng rng(1);
  for (int i = 0; i < 200'000; ++i) {
    const std::int64_t from = rng.uniform(1'000'000, 2'147'483'647);
    const std::int64_t to = rng.uniform(1'000'000, 2'147'483'647);
    const std::int64_t n = rng.uniform(0, INT64_C(1) << rng.uniform(1, 50));
    const auto exact = static_cast<std::int64_t>((static_cast<Wide>(n) * to + from - 1) / from);
    REQUIRE(ClockRatio(from, to).convert(n) == exact);
  }
}

TEST_CASE("There and back never loses time and gains less than one clock of each", "[mem]") {
  const ClockRatio there(680'000'000, 2'133'000'000);
  const ClockRatio back(2'133'000'000, 680'000'000);
  for (std::int64_t n = 999'999'990'000; n < 1'000'000'000'000; ++n) {
    const std::int64_t returned = back.convert(there.convert(n));
    REQUIRE(returned >= n);
    REQUIRE(returned <= n + 1);
  }
}

TEST_CASE("Division by multiplication equals division, at the edges of 63 bits too", "[mem]") {
  Rng rng(2);
  for (int i = 0; i < 200'000; ++i) {
    const std::int64_t divisor = rng.uniform(1, INT64_C(1) << rng.uniform(0, 62));
    const std::int64_t n = i % 2 == 0 ? rng.uniform(0, INT64_MAX - 1) : INT64_MAX - rng.uniform(0, 5);
    REQUIRE(Divider(divisor).floor(n) == n / divisor);
    const std::int64_t multiple = n / divisor * divisor;
    REQUIRE(Divider(divisor).floor(multiple) == n / divisor);
    if (multiple > 0) REQUIRE(Divider(divisor).floor(multiple - 1) == n / divisor - 1);
  }
}

TEST_CASE("Clocks that are not positive are refused", "[mem]") {
  REQUIRE_THROWS_AS(ClockRatio(0, 1), UserError);
  REQUIRE_THROWS_AS(ClockRatio(1, -5), UserError);
}

}  // namespace npusim::mem::test
