// Damaged texts: the parser and the verifier answer with their errors, never with anything else.
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/program/draft.h"

using namespace npusim;
using namespace npusim::program;
using namespace npusim::program::test;

namespace {

/// One random edit: a digit or byte changed, some bytes dropped or doubled, two swapped.
void damage(std::string& text, Rng& rng) {
  const auto at = [&] {
    return static_cast<std::size_t>(rng.uniform(0, static_cast<std::int64_t>(text.size()) - 1));
  };
  const std::size_t where = at();
  switch (rng.uniform(0, 9)) {
    case 0:
      text[where] = static_cast<char>(rng.uniform(1, 255));
      break;
    case 1:
      text.erase(where, static_cast<std::size_t>(rng.uniform(1, 8)));
      break;
    case 2:
      text.insert(where, text.substr(at(), static_cast<std::size_t>(rng.uniform(1, 40))));
      break;
    case 3:
      std::swap(text[where], text[at()]);
      break;
    default:  // another digit, most likely one that parses
      for (std::size_t i = where; i < text.size(); ++i) {
        if (text[i] < '0' || text[i] > '9') continue;
        text[i] = static_cast<char>('0' + rng.uniform(0, 9));
        break;
      }
  }
}

}  // namespace

TEST_CASE(
    "of 20000 damaged programs each parses or gives a UserError, and then verifies or gives an "
    "InternalError") {
  Rng rng(11);
  const std::string text = print(small_pipeline(3));
  int parsed = 0;
  int sound = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = text;
    for (std::int64_t n = rng.uniform(1, 3); n > 0; --n) damage(damaged, rng);
    try {
      const Program program = parse(damaged, small_target(), "fuzz");
      ++parsed;
      REQUIRE(print(parse(print(program), small_target(), "fuzz")) == print(program));
      if (verdict(program).empty()) ++sound;
    } catch (const UserError& error) {
      REQUIRE(std::string(error.what()).rfind("fuzz:", 0) == 0);
    }
  }
  INFO("parsed " << parsed << ", sound " << sound);
  CHECK(parsed > 2000);
  CHECK(sound > 500);
  CHECK(sound < parsed * 2 / 3);
}
