// npusim table as a user runs it.
#include <filesystem>

#include "tests/catch.h"
#include "tests/cli/run_npusim.h"

using namespace npusim::test;

namespace {

std::vector<std::string> table(const std::vector<std::string>& more, const std::string& store = "") {
  std::vector<std::string> words{"table", "--hw", "midap"};
  words.insert(words.end(), more.begin(), more.end());
  if (store.empty()) {
    words.emplace_back("--no-store");
  } else {
    words.insert(words.end(), {"--store", store});
  }
  return words;
}

void check_error(const std::vector<std::string>& words, const std::string& message) {
  const Outcome outcome = run_npusim(words);
  CHECK(outcome.exit_code == 1);
  INFO(outcome.err);
  CHECK(contains(outcome.err, message));
}

}  // namespace

TEST_CASE("npusim table: one worker and two give the same bytes, and the second run simulates nothing") {
  const TempFolder folder;
  const auto run = [&](const char* jobs, const std::string& out, const std::string& store) {
    return run_npusim(table(
        {"--space", "proxyless", "--context", "isolated,stacked", "--error-bar", "5", "-j", jobs, "-o", out},
        store));
  };
  const Outcome first = run("1", folder / "one.csv", folder / "one.db");
  REQUIRE(first.exit_code == 0);
  CHECK(contains(first.out, "142 rows of proxyless"));
  CHECK(contains(first.out, "Sum of rows against 5 random networks"));
  CHECK(run("2", folder / "two.csv", folder / "two.db").exit_code == 0);
  CHECK(read_file(folder / "one.csv") == read_file(folder / "two.csv"));
  const Outcome again = run("2", folder / "again.csv", folder / "one.db");
  CHECK(contains(again.err, ": 0 run, "));
  CHECK(read_file(folder / "one.csv") == read_file(folder / "again.csv"));
  const Outcome diff = run_npusim({"table", "--diff", folder / "one.csv", folder / "two.csv"});
  CHECK(diff.exit_code == 0);
  CHECK(contains(diff.out, "142 rows in both, 0 of them changed"));
}

TEST_CASE("npusim table --diff ends with 1 beyond the tolerance and says which rows") {
  const TempFolder folder;
  write_file(folder / "list.yaml", "- r1_k3_s11_e6_i32_o32_c0@28\n- Dense/i64_o10\n");
  const std::vector<std::string> plain = table({"--blocks", folder / "list.yaml", "-o", folder / "a.csv"});
  REQUIRE(run_npusim(plain).exit_code == 0);
  REQUIRE(run_npusim(table({"--blocks", folder / "list.yaml", "--batch", "2", "--format", "json", "-o",
                            folder / "b.json"}))
              .exit_code == 0);
  const Outcome diff =
      run_npusim({"table", "--diff", folder / "a.csv", folder / "b.json", "--tolerance", "1"});
  CHECK(diff.exit_code == 1);
  CHECK(contains(diff.out, "batch: 1, 2"));
  CHECK(contains(diff.out, "block:r1_k3_s11_e6_i32_o32_c0@28 (isolated)"));
  CHECK(contains(diff.err, "the tables differ by more than 1 %"));
}

TEST_CASE("npusim table: S3NAS' spaces on MIDAP are measured behind a stem unless told otherwise") {
  const TempFolder folder;
  REQUIRE(run_npusim(table({"--space", "s3nas", "-o", folder / "a.csv"})).exit_code == 0);
  CHECK(contains(read_file(folder / "a.csv"), ",behind-stem,"));
  REQUIRE(run_npusim(table({"--space", "s3nas", "--format", "s3nas", "-o", folder / "tables"})).exit_code ==
          0);
  CHECK(std::filesystem::exists(folder / "tables/Dense/i1280_o1000_imgsize1"));
}

TEST_CASE("npusim table tells what is wrong before anything is simulated") {
  const TempFolder folder;
  check_error(table({}), "expected --space NAME, --blocks FILE or both");
  check_error(table({"--space", "proxyles"}), "did you mean 'proxyless'?");
  check_error(table({"--space", "proxyless", "--format", "cvs"}), "did you mean 'csv'?");
  check_error(table({"--space", "proxyless", "--context", "isolate"}), "did you mean 'isolated'?");
  check_error(table({"--space", "proxyless", "--context", "isolated,stacked", "--format", "ofa"}),
              "--format ofa holds one context");
  check_error(table({"--space", "proxyless", "--format", "nnmeter"}), "name a folder with -o");
  check_error(table({"--space", "proxyless", "-o", "/no/such/folder/t.csv"}), "does not exist");
  check_error(table({"--space", "proxyless", "--format", "s3nas", "-o", "/proc/npusim"}),
              "cannot be created");
  check_error(table({"--space", "proxyless", "--dtype", "fp16x"}), "--dtype on midap: 'fp16x' is none of");
  write_file(folder / "empty.yaml", "blocks: []\n");
  check_error(table({"--blocks", folder / "empty.yaml"}), "the list has no blocks");
  write_file(folder / "bad.yaml", "- {kind: mbconv, kernal: 3}\n");
  check_error(table({"--blocks", folder / "bad.yaml"}),
              "bad.yaml:1: unknown key 'kernal'; did you mean 'kernel'?");
  write_file(folder / "good.yaml", "- Dense/i64_o10\n");
  check_error(table({"--blocks", folder / "good.yaml", "--error-bar", "5"}), "name a --space");
  check_error({"table", "--diff", folder / "good.yaml", folder / "good.yaml"}, "no column");
}
