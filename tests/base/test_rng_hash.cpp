// Random numbers and hashes are the same on every machine.
#include "sim/base/hash.h"
#include "sim/base/rng.h"
#include "tests/catch.h"

using namespace npusim;

TEST_CASE("splitmix64 gives the published numbers for seeds 0 and 1234567") {
  // Seed 1234567: Rosetta Code, "Pseudo-random numbers/Splitmix64"; seed 0: Vigna's splitmix64.c.
  Rng zero(0);
  CHECK(zero.next() == 0xE220A8397B1DCDAFULL);
  CHECK(zero.next() == 0x6E789E6AA1B965F4ULL);
  CHECK(zero.next() == 0x06C45D188009454FULL);
  Rng rng(1234567);
  CHECK(rng.next() == 6457827717110365317ULL);
  CHECK(rng.next() == 3203168211198807973ULL);
  CHECK(rng.next() == 9817491932198370423ULL);
  CHECK(rng.next() == 4593380528125082431ULL);
  CHECK(rng.next() == 16408922859458223821ULL);
}

TEST_CASE("uniform reaches both ends of [-2, 2] and nothing outside in 1,000 draws, evenly") {
  Rng rng(1);
  int counts[5] = {};
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t value = rng.uniform(-2, 2);
    REQUIRE(value >= -2);
    REQUIRE(value <= 2);
    ++counts[value + 2];
  }
  for (const int count : counts) {
    CHECK(count > 150);
    CHECK(count < 250);
  }
  CHECK(rng.uniform(7, 7) == 7);
}

TEST_CASE("FNV-1a gives the reference values of its specification") {
  // draft-eastlake-fnv, test vectors for 64 bits.
  CHECK(fnv1a("") == 0xcbf29ce484222325ULL);
  CHECK(fnv1a("a") == 0xaf63dc4c8601ec8cULL);
  CHECK(fnv1a("foobar") == 0x85944171f73967e8ULL);
  CHECK(fnv1a("\xFF") != fnv1a("\x7F"));
}

TEST_CASE("a hash prints as 16 hexadecimal digits") {
  CHECK(hex_hash("a") == "af63dc4c8601ec8c");
  CHECK(hex_hash("").size() == 16);
}
