// Typed YAML: values, ranges, and errors with file and line.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sim/base/config.h"
#include "sim/base/error.h"
#include "tests/catch.h"

using namespace npusim;

namespace {

const char* const kText =
    "chip: toy\n"                      // 1
    "clock_mhz: 680\n"                 // 2
    "cube:\n"                          // 3
    "  m: 16\n"                        // 4
    "  fill: -1.5e1\n"                 // 5
    "  sizes: [16, 32, -64]\n"         // 6
    "flags: {fast: true, slow: no}\n"  // 7
    "sources:\n"                       // 8
    "  clock_mhz: published | a table\n"
    "  cube: fitted | three rows\n"
    "  cube.fill: guessed [-20, 5.5] | nobody knows\n";

Config toy() { return Config::parse(kText, "toy.yaml"); }

const std::string kFine;
/// The message of the UserError that `action` throws; kFine when it throws none.
template <class Action>
std::string complaint(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

std::string parse_complaint(const std::string& text) {
  return complaint([&] { Config::parse(text, "f.yaml"); });
}

}  // namespace

TEST_CASE("leaves are read by dotted key with their types") {
  const Config config = toy();
  CHECK(config.text("chip") == "toy");
  CHECK(config.integer("clock_mhz", 1, 1000) == 680);
  CHECK(config.number("clock_mhz", 1, 1000) == 680.0);
  CHECK(config.number("cube.fill", -100, 100) == -15.0);
  CHECK(config.integers("cube.sizes", -64, 32) == std::vector<std::int64_t>{16, 32, -64});
  CHECK(config.boolean("flags.fast"));
  CHECK(config.choice("chip", {"other", "toy"}) == "toy");
  CHECK(config.has("cube.m"));
  CHECK(!config.has("cube"));
  CHECK(config.where("cube.m") == "toy.yaml:4");
  CHECK(config.raw("cube.sizes") == "[16, 32, -64]");
}

TEST_CASE("an integer at its bounds is accepted, one beyond is refused with the range and the line") {
  const Config config = toy();
  CHECK(config.integer("cube.m", 16, 16) == 16);
  CHECK(complaint([&] { (void)config.integer("cube.m", 17, 99); }) ==
        "toy.yaml:4: 'cube.m' is '16', expected an integer from 17 to 99");
  CHECK(complaint([&] { (void)config.integer("cube.m", 1, 15); }) ==
        "toy.yaml:4: 'cube.m' is '16', expected an integer from 1 to 15");
}

TEST_CASE("a value of the wrong type is refused with file, line, value and what was expected") {
  const Config config = toy();
  CHECK(complaint([&] { (void)config.integer("chip", 0, 9); }) ==
        "toy.yaml:1: 'chip' is 'toy', expected an integer from 0 to 9");
  CHECK(complaint([&] { (void)config.integer("cube.fill", -99, 99); }) ==
        "toy.yaml:5: 'cube.fill' is '-1.5e1', expected an integer from -99 to 99");
  CHECK(complaint([&] { (void)config.number("chip", 0, 9); }) ==
        "toy.yaml:1: 'chip' is 'toy', expected a number from 0 to 9");
  CHECK(complaint([&] { (void)config.boolean("flags.slow"); }) ==
        "toy.yaml:7: 'flags.slow' is 'no', expected true or false");
  CHECK(complaint([&] {
          (void)config.choice("chip", {"toys", "vpu"});
        }) == "toy.yaml:1: 'chip' is 'toy', expected one of toys, vpu; did you mean 'toys'?");
  CHECK(complaint([&] { (void)config.integers("cube.sizes", 0, 32); }) ==
        "toy.yaml:6: 'cube.sizes' is '[16, 32, -64]', expected a list of integers from 0 to 32");
}

TEST_CASE("infinity and not-a-number are no numbers") {
  for (const char* value : {".inf", "inf", "nan", ".nan", "1e999", "1 2", "0x10", ""}) {
    const Config config = Config::parse(fmt::format("x: {}\n", value), "f.yaml");
    INFO("value '" << value << "'");
    CHECK(complaint([&] { (void)config.number("x", -1e308, 1e308); }) != kFine);
    CHECK(complaint([&] { (void)config.integer("x", -99, 99); }) != kFine);
  }
}

TEST_CASE("a list may hold one number, none, but no fraction or word") {
  const auto list = [](const std::string& value) {
    return Config::parse("x: " + value + "\n", "f.yaml").integers("x", 0, 99);
  };
  CHECK(list("7") == std::vector<std::int64_t>{7});
  CHECK(list("[]").empty());
  CHECK(list("[ 1,2 , 3 ]") == std::vector<std::int64_t>{1, 2, 3});
  CHECK(complaint([&] { list("[1, 2.5]"); }) != kFine);
  CHECK(complaint([&] { list("[1, two]"); }) != kFine);
  CHECK(complaint([&] { list("[1 2]"); }) != kFine);
}

TEST_CASE("a missing key is an error that suggests the nearest") {
  const Config config = toy();
  CHECK(complaint([&] { (void)config.integer("clock_mzh", 1, 9); }) ==
        "toy.yaml: key 'clock_mzh' is missing; did you mean 'clock_mhz'?");
}

TEST_CASE("a key that nobody asked for is refused at its line with the nearest key that somebody did") {
  Config config = Config::parse("clock_mhz: 1\nclok_mhz: 2\n", "f.yaml");
  (void)config.integer("clock_mhz", 0, 9);
  CHECK(complaint([&] { config.finish(); }) == "f.yaml:2: unknown key 'clok_mhz'; did you mean 'clock_mhz'?");
  (void)config.integer("clok_mhz", 0, 9);
  CHECK(complaint([&] { config.finish(); }) == kFine);
}

TEST_CASE("a key given twice is refused at its second line, at the top and nested") {
  CHECK(parse_complaint("a: 1\nb: 2\na: 3\n") == "f.yaml:3: key 'a' is given twice");
  CHECK(parse_complaint("c:\n  a: 1\n  a: 3\n") == "f.yaml:3: key 'c.a' is given twice");
  CHECK(parse_complaint("a: 1\nsources:\n  a: fitted | x\n  a: fitted | y\n") ==
        "f.yaml:4: the source of 'a' is given twice");
}

TEST_CASE("malformed YAML is refused with its line") {
  CHECK(parse_complaint("a: 1\nb: [1, 2\nc: 3\n").rfind("f.yaml:", 0) == 0);
  CHECK(parse_complaint("a: 1\n\tb: 2\n").rfind("f.yaml:2: not valid YAML", 0) == 0);
  CHECK(parse_complaint("- a\n- b\n") == "f.yaml: expected a YAML mapping of parameters");
  CHECK(parse_complaint("just text\n") == "f.yaml: expected a YAML mapping of parameters");
  CHECK(parse_complaint("").rfind("f.yaml: expected a YAML mapping", 0) == 0);
  CHECK(parse_complaint("a:\n  - b: 1\n") == "f.yaml:2: a list may hold only plain values");
}

TEST_CASE("--set overrides an existing leaf, which is then of the user's choice") {
  Config config = toy();
  config.set("cube.m=32");
  CHECK(config.integer("cube.m", 1, 99) == 32);
  CHECK(config.provenance("cube.m")->source == "set by the user");
  config.set(" clock_mhz = 1 ");
  CHECK(config.integer("clock_mhz", 1, 99) == 1);
  config.set("cube.sizes=[1, 2]");
  CHECK(config.integers("cube.sizes", 0, 9) == std::vector<std::int64_t>{1, 2});
}

TEST_CASE("--set of an unknown key, without '=' or out of range is refused in the user's words") {
  Config config = toy();
  CHECK(complaint([&] { config.set("cube.n=1"); }) ==
        "--set cube.n=1: toy.yaml has no key 'cube.n'; did you mean 'cube.m'?");
  CHECK(complaint([&] { config.set("cube.m"); }) ==
        "--set cube.m: expected key=value, such as dram.channels=2");
  CHECK(complaint([&] { config.set("=1"); }) == "--set =1: expected key=value, such as dram.channels=2");
  config.set("cube.m=x=y");
  CHECK(complaint([&] { (void)config.integer("cube.m", 1, 9); }) ==
        "--set cube.m=x=y: 'cube.m' is 'x=y', expected an integer from 1 to 9");
}

TEST_CASE("provenance is that of the longest prefix") {
  const Config config = toy();
  const Provenance* clock = config.provenance("clock_mhz");
  REQUIRE(clock != nullptr);
  CHECK(clock->grade == Grade::published);
  CHECK(clock->source == "a table");
  CHECK(clock->low == clock->high);
  CHECK(config.provenance("cube.m")->grade == Grade::fitted);
  const Provenance* fill = config.provenance("cube.fill");
  CHECK(fill->grade == Grade::guessed);
  CHECK(fill->low == -20);
  CHECK(fill->high == 5.5);
  CHECK(fill->source == "nobody knows");
  CHECK(config.provenance("chip") == nullptr);
  CHECK(config.provenance("clock_mhz_x") == nullptr);
  CHECK(config.source_keys() == std::vector<std::string>{"clock_mhz", "cube", "cube.fill"});
  CHECK(to_string(Grade::published) == "published");
  CHECK(to_string(Grade::fitted) == "fitted");
  CHECK(to_string(Grade::guessed) == "guessed");
}

TEST_CASE("a malformed source is refused at its line") {
  for (const char* source : {"published", "published |", "measured | x", "guessed [1] | x",
                             "guessed [5, 1] | x", "guessed [1, 5 | x", "| x"}) {
    INFO("source '" << source << "'");
    const std::string message = parse_complaint(fmt::format("a: 1\nsources:\n  a: '{}'\n", source));
    CHECK(message.rfind("f.yaml:3: expected 'published | source'", 0) == 0);
  }
  CHECK(parse_complaint("a: 1\nsources:\n  a: {b: c}\n") == "f.yaml:3: expected 'grade | source'");
}

TEST_CASE("a merged configuration replaces and extends, with the other's lines and sources") {
  Config config = toy();
  config.merge(Config::parse("clock_mhz: 700\nnew: 1\nsources:\n  clock_mhz: guessed | me\n", "mine.yaml"));
  CHECK(config.integer("clock_mhz", 1, 999) == 700);
  CHECK(config.where("clock_mhz") == "mine.yaml:1");
  CHECK(config.where("cube.m") == "toy.yaml:4");
  CHECK(config.integer("new", 1, 1) == 1);
  CHECK(config.provenance("clock_mhz")->grade == Grade::guessed);
}

TEST_CASE("the canonical text has the leaves in key order and depends on neither layout nor comments") {
  const Config a = Config::parse("b: 2\n# comment\na: {y: 1, x: [1,2]}\n", "a.yaml");
  const Config b = Config::parse("a:\n  x: [1, 2]\n  y: 1\nb: 2\n", "b.yaml");
  CHECK(a.canonical() == "a.x: [1, 2]\na.y: 1\nb: 2\n");
  CHECK(a.canonical() == b.canonical());
  CHECK(a.keys() == std::vector<std::string>{"a.x", "a.y", "b"});
}

TEST_CASE("a file is loaded with its path in errors, and one that is not there is an error") {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("npusim_config_{}.yaml", ::getpid());
  std::ofstream(path) << "a: x\n";
  const Config config = Config::load(path.string());
  CHECK(complaint([&] { (void)config.integer("a", 0, 1); }) ==
        path.string() + ":1: 'a' is 'x', expected an integer from 0 to 1");
  std::filesystem::remove(path);
  CHECK(complaint([&] { Config::load(path.string()); }) == path.string() + ": cannot be read");
}
