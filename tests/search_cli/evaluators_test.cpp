#include "nas/search/evaluators.h"

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/search_cli/errors.h"

namespace npusim::search {
namespace {

using test::error_of;
using test::says;

using test::TempFolder;

struct Two {
  std::unique_ptr<space::Space> space = space::make_space("nb201");
  std::vector<std::string> encodings{space->encode(*space->at(0)), space->encode(*space->at(7))};
  std::vector<ir::Graph> graphs{space->build(*space->at(0)), space->build(*space->at(7))};
  std::vector<Candidate> candidates{{encodings[0], &graphs[0]}, {encodings[1], &graphs[1]}};
};

std::unique_ptr<Evaluator> command(const TempFolder& folder, const std::string& script) {
  test::write_file(folder / "evaluator.py", script);
  CommandOptions options;
  options.timeout_s = 5;
  options.folder = folder / "candidates";
  return make_command_evaluator("python3 " + (folder / "evaluator.py"), options);
}

TEST_CASE("A program's answers find their networks in any order, and an error is one network's alone") {
  const TempFolder folder;
  Two two;
  const auto evaluator = command(folder, R"(
import json, os, sys
first, second = (json.loads(sys.stdin.readline()) for _ in range(2))
assert os.path.getsize(first["onnx"]) > 1000
print(json.dumps({"id": second["id"], "accuracy": 0.5}))
print(json.dumps({"id": first["id"], "error": "diverged"}), flush=True)
sys.stdin.readline()
)");
  const std::vector<Score> scores = scores_of(*evaluator, two.candidates, nullptr, "v");
  CHECK(scores[0].failure == "the evaluator says: diverged");
  CHECK(scores[1].value == 0.5);
  CHECK(scores[1].failure.empty());
}

TEST_CASE("A program that dies on one network is started anew for the others, and twice for that one") {
  const TempFolder folder;
  Two two;
  const auto evaluator = command(folder, R"(
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["encoding"] == ")" + two.encodings[1] +
                                             R"(": sys.exit(3)
    print(json.dumps({"id": asked["id"], "accuracy": 1}), flush=True)
)");
  const std::vector<Score> scores = scores_of(*evaluator, two.candidates, nullptr, "v");
  CHECK(scores[0].value == 1);
  CHECK(says(scores[1].failure, {"exited with code 3", "2 times"}));
}

TEST_CASE(
    "A program that never answers, writes prose, or ends at once is an error that quotes the protocol") {
  const TempFolder folder;
  Two two;
  CommandOptions silent;
  silent.timeout_s = 0.3;
  silent.folder = folder / "candidates";
  CHECK(says(error_of([&] {
               static_cast<void>(
                   scores_of(*make_command_evaluator("sleep 60", silent), two.candidates, nullptr, "v"));
             }),
             {"no answer in 0.3 s", "\"accuracy\""}));
  CHECK(says(error_of([&] {
               static_cast<void>(
                   scores_of(*make_command_evaluator("exit 7", silent), two.candidates, nullptr, "v"));
             }),
             {"exited with code 7"}));
  CHECK(says(error_of([&] {
               static_cast<void>(
                   scores_of(*make_command_evaluator("echo epoch 1", silent), two.candidates, nullptr, "v"));
             }),
             {"epoch 1", "not a JSON object"}));
  CHECK(says(error_of([&] {
               static_cast<void>(
                   scores_of(*make_command_evaluator("echo '{\"id\": 9, \"accuracy\": 1}'", silent),
                             two.candidates, nullptr, "v"));
             }),
             {"no id that waits"}));
}

TEST_CASE("Scores of a command are stored, and the program is not asked for them again") {
  const TempFolder folder;
  Two two;
  jobs::Store store(folder / "store.db");
  const std::string script = R"(
import json, sys
for line in sys.stdin: print(json.dumps({"id": json.loads(line)["id"], "accuracy": 0.25}), flush=True)
)";
  CHECK(scores_of(*command(folder, script), two.candidates, &store, "v")[1].value == 0.25);
  test::write_file(folder / "evaluator.py", "raise SystemExit(1)");
  CommandOptions options;
  options.folder = folder / "candidates";
  const auto broken = make_command_evaluator("python3 " + (folder / "evaluator.py"), options);
  CHECK(scores_of(*broken, two.candidates, &store, "another version")[1].value == 0.25);
}

TEST_CASE("A table gives its rows' accuracies; a network without a row fails by name") {
  const TempFolder folder;
  Two two;
  test::write_file(folder / "a.csv", "encoding,accuracy\n" + two.encodings[0] + ",93.5\n");
  const auto table = make_table_evaluator(folder / "a.csv", *two.space);
  const std::vector<Score> scores = scores_of(*table, two.candidates, nullptr, "v");
  CHECK(scores[0].value == 93.5);
  CHECK(says(scores[1].failure, {"has no row '" + two.encodings[1] + "'"}));
}

TEST_CASE("A malformed table is refused with file and line") {
  const TempFolder folder;
  Two two;
  const auto refuses = [&](const std::string& text, const std::string& why) {
    test::write_file(folder / "a.csv", text);
    CHECK(says(error_of([&] { static_cast<void>(make_table_evaluator(folder / "a.csv", *two.space)); }),
               {why}));
  };
  refuses("net,acc\n", "a.csv:1: expected the header");
  refuses("encoding,accuracy\n" + two.encodings[0] + ",good\n", "a.csv:2: expected an encoding and a number");
  refuses("encoding,accuracy\n" + two.encodings[0] + "\n", "a.csv:2: expected an encoding and a number");
  refuses("encoding,accuracy\nzzz,1\n", "a.csv:2: space 'nb201'");
  refuses("encoding,accuracy\n" + two.encodings[0] + ",1\n" + two.encodings[0] + ",2\n", "a.csv:3:");
  refuses("encoding,accuracy\n", "no row");
  CHECK(says(error_of([&] { static_cast<void>(make_table_evaluator(folder / "none.csv", *two.space)); }),
             {"cannot be read"}));
}

TEST_CASE("An unknown evaluator is refused with the nearest name") {
  Two two;
  EvaluatorOptions options;
  options.kind = "comand:x";
  CHECK(says(error_of([&] { static_cast<void>(make_evaluator(options, two.space.get())); }),
             {"did you mean 'command'"}));
  options.kind = "table";
  CHECK(says(error_of([&] { static_cast<void>(make_evaluator(options, two.space.get())); }), {"table:FILE"}));
  options.kind = "proxy:synflo";
  CHECK(says(error_of([&] { static_cast<void>(make_evaluator(options, two.space.get())); }),
             {"did you mean 'synflow'"}));
}

}  // namespace
}  // namespace npusim::search
