// What --set and --link of a sweep say, and where they are wrong.
#include "nas/sweep/grid.h"

#include "sim/base/error.h"
#include "tests/catch.h"

using npusim::UserError;
using npusim::sweep::Axis;
using npusim::sweep::parse_link;
using npusim::sweep::parse_set;

namespace {

/// The values of an axis with one key.
std::vector<std::string> values(const std::string& text) {
  std::vector<std::string> list;
  for (const auto& point : parse_set(text).points) list.push_back(point.at(0));
  return list;
}

template <class Parse>
std::string error_of(const Parse& parse, const std::string& text) {
  try {
    parse(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("lists, ranges with and without a step, and mixes of them give their values in order") {
  CHECK(values("cube.m=8,16,32") == Texts{"8", "16", "32"});
  CHECK(values("dram.channels=1..4") == Texts{"1", "2", "3", "4"});
  CHECK(values("clock_mhz=100..800:100").size() == 8);
  CHECK(values("clock_mhz=100..350:100") == Texts{"100", "200", "300"});
  CHECK(values("a=1,4..6, 9") == Texts{"1", "4", "5", "6", "9"});
  CHECK(values("a=-2..1") == Texts{"-2", "-1", "0", "1"});
  CHECK(values("a=7..7") == Texts{"7"});
}

TEST_CASE("decimal ranges are exact: 0.1..0.5:0.1 has five values and the last is 0.5") {
  CHECK(values("a=0.1..0.5:0.1") == Texts{"0.1", "0.2", "0.3", "0.4", "0.5"});
  CHECK(values("a=1..2:0.25") == Texts{"1", "1.25", "1.5", "1.75", "2"});
  CHECK(values("a=-0.5..0.5:0.5") == Texts{"-0.5", "0", "0.5"});
}

TEST_CASE("words, paths and bracketed lists are single values") {
  CHECK(values("dram.model=lpddr4x-3200,../my..table.yaml") == Texts{"lpddr4x-3200", "../my..table.yaml"});
  CHECK(values("a=[1, 2],[3, 4]") == Texts{"[1, 2]", "[3, 4]"});
}

TEST_CASE("several keys before the equals sign get the same values") {
  const Axis axis = parse_set("cube.m,cube.n=8,16");
  CHECK(axis.keys == Texts{"cube.m", "cube.n"});
  CHECK(axis.points == std::vector<Texts>{{"8", "8"}, {"16", "16"}});
}

TEST_CASE("linked keys change together with values of their own") {
  const Axis axis = parse_link("cube.m=8,16,32,cube.n=4..6");
  CHECK(axis.keys == Texts{"cube.m", "cube.n"});
  CHECK(axis.points == std::vector<Texts>{{"8", "4"}, {"16", "5"}, {"32", "6"}});
}

TEST_CASE("errors in --set name the character and what was expected there") {
  CHECK(error_of(parse_set, "cube.m=8,,32") == "--set cube.m=8,,32: expected a value at character 10");
  CHECK(error_of(parse_set, "cube.m=") == "--set cube.m=: expected a value at character 8");
  CHECK(error_of(parse_set, "cube.m").find("'='") != std::string::npos);
  CHECK(error_of(parse_set, "=4").find("expected a key") != std::string::npos);
  CHECK(error_of(parse_set, "a=1..x").find("last number") != std::string::npos);
  CHECK(error_of(parse_set, "a=1..x").find("character 6") != std::string::npos);
  CHECK(error_of(parse_set, "a=1..9:0").find("a step above 0 at character 8") != std::string::npos);
  CHECK(error_of(parse_set, "a=4..1").find("1..4") != std::string::npos);
  CHECK(error_of(parse_set, "a=1..2000000").find("at most 1000000 values") != std::string::npos);
  CHECK(error_of(parse_set, "a,a=1").find("'a' is there twice") != std::string::npos);
}

TEST_CASE("linked keys with 3 and 2 values are refused, naming both") {
  CHECK(error_of(parse_link, "a=1,2,3,b=1,2") ==
        "--link a=1,2,3,b=1,2: 'a' has 3 values and 'b' has 2; expected as many of each");
  CHECK(error_of(parse_link, "1,2").find("'='") != std::string::npos);
}
