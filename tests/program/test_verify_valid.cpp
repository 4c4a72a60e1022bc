// Sound programs are accepted, whatever their shape.
#include "tests/catch.h"
#include "tests/program/draft.h"

using namespace npusim;
using namespace npusim::program;
using namespace npusim::program::test;

TEST_CASE("a double-buffered load, multiply, store pipeline of 1 to 9 tiles is sound") {
  for (int tiles = 1; tiles <= 9; ++tiles) {
    INFO("tiles " << tiles);
    CHECK(verdict(small_pipeline(tiles)) == kSound);
  }
}

TEST_CASE("500 random pipelines of 2 to 6 engines are all sound") {
  Rng rng(2024);
  for (int i = 0; i < 500; ++i) {
    const Target target = random_target(rng);
    const Program program = random_pipeline(target, rng);
    INFO("program " << i << "\n" << print(program));
    REQUIRE(verdict(program) == kSound);
  }
}

TEST_CASE("an empty program and a task without commands are sound") {
  Program program;
  program.target = &small_target();
  CHECK(verdict(program) == kSound);
  Builder builder(program);
  builder.begin_task(plain_task("nothing"));
  builder.end_task();
  CHECK(verdict(program) == kSound);
}
