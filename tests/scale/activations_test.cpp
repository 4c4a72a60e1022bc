#include "nas/scale/activations.h"

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/search_cli/errors.h"

namespace npusim::scale {
namespace {

using test::error_of;
using test::says;
using test::TempFolder;
using test::write_file;

TEST_CASE(
    "Blocks come from the least deviation to the most, the network's order deciding between equal ones") {
  const TempFolder folder;
  write_file(folder / "a.csv", "block,std\nb0,0.118\nb1,0.021\nb2,0.118\r\nb3,0\n");
  const Activations csv = read_activations(folder / "a.csv");
  CHECK(least_first(csv, {"b0", "b1", "b2", "b3"}) == std::vector<std::string>{"b3", "b1", "b0", "b2"});
  write_file(folder / "a.json", R"({"b2": 0.118, "b3": 0, "b0": 0.118, "b1": 2.1e-2})");
  CHECK(read_activations(folder / "a.json").deviations == csv.deviations);
}

TEST_CASE("A malformed file is refused with its line") {
  const TempFolder folder;
  const auto refuses = [&](const std::string& name, const std::string& text,
                           const std::vector<std::string>& why) {
    write_file(folder / name, text);
    CHECK(says(error_of([&] { static_cast<void>(read_activations(folder / name)); }), why));
  };
  refuses("a.csv", "name,value\n", {"a.csv:1: expected the header 'block,std', got 'name,value'"});
  refuses("a.csv", "block,std\nb0,0.1\nb1,much\n", {"a.csv:3: expected a block and a number", "'b1,much'"});
  refuses("a.csv", "block,std\nb0\n", {"a.csv:2:"});
  refuses("a.csv", "block,std\nb0,-0.1\n", {"a.csv:2:"});
  refuses("a.csv", "block,std\nb0,nan\n", {"a.csv:2:"});
  refuses("a.csv", "block,std\nb0,0.1\nb1,0.2\nb0,0.1\n", {"a.csv:4: block 'b0' is there twice"});
  refuses("a.csv", "block,std\n", {"no block"});
  refuses("a.json", "{\"b0\": 0.1,\n \"b1\" 0.2}", {"a.json", "line 2"});
  refuses("a.json", "{\"b0\": \"much\"}", {"a.json: block 'b0': expected a number"});
  refuses("a.json", "[1]", {"a.json: expected an object"});
  CHECK(says(error_of([&] { static_cast<void>(read_activations(folder / "none")); }), {"cannot be read"}));
}

TEST_CASE(
    "A block that the network lacks is refused with its line and the nearest, and so is a missing one") {
  const TempFolder folder;
  write_file(folder / "a.csv", "block,std\nstage1.0,0.1\nstage1.x,0.2\n");
  const Activations given = read_activations(folder / "a.csv");
  CHECK(says(error_of([&] {
               static_cast<void>(least_first(given, {"stage1.0", "stage1.1"}));
             }),
             {"a.csv:3", "no block 'stage1.x'", "did you mean 'stage1."}));
  CHECK(says(error_of([&] {
               static_cast<void>(least_first(given, {"stage1.0", "stage1.x", "stage2.0"}));
             }),
             {"a.csv: block 'stage2.0' is missing"}));
}

}  // namespace
}  // namespace npusim::scale
