// Unit types and integer helpers.
#include "sim/base/units.h"
#include "tests/catch.h"

using namespace npusim;

TEST_CASE("quantities add, subtract, scale and compare like their counts") {
  Cycles time(10);
  time += Cycles(5);
  CHECK(time.count() == 15);
  time -= Cycles(1);
  CHECK(time.count() == 14);
  CHECK((Cycles(3) + Cycles(4)).count() == 7);
  CHECK((Cycles(3) - Cycles(4)).count() == -1);
  CHECK((Bytes(32) * 4).count() == 128);
  CHECK(Cycles(2) < Cycles(3));
  CHECK(Macs(7) == Macs(7));
  CHECK(Cycles().count() == 0);
}

TEST_CASE("quantities of different units do not mix") {
  static_assert(!std::is_convertible_v<Cycles, Bytes>);
  static_assert(!std::is_convertible_v<std::int64_t, Cycles>);
  static_assert(!std::is_constructible_v<Cycles, Bytes>);
  SUCCEED();
}

TEST_CASE("never is later than 10^18 cycles, and never plus never does not overflow") {
  CHECK(kNever > Cycles(1'000'000'000'000'000'000));
  CHECK((kNever + kNever).count() > kNever.count());
}

TEST_CASE("ceil_div rounds up: 0/4 is 0, 1/4 is 1, 4/4 is 1, 5/4 is 2") {
  CHECK(ceil_div(0, 4) == 0);
  CHECK(ceil_div(1, 4) == 1);
  CHECK(ceil_div(4, 4) == 1);
  CHECK(ceil_div(5, 4) == 2);
}

TEST_CASE("round_up to 16: 0 is 0, 1 is 16, 16 is 16, 17 is 32") {
  CHECK(round_up(0, 16) == 0);
  CHECK(round_up(1, 16) == 16);
  CHECK(round_up(16, 16) == 16);
  CHECK(round_up(17, 16) == 32);
}
