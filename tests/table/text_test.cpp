// The canonical table as CSV and JSON, and what changed between two.
#include "nas/table/block_list.h"
#include "nas/table/diff.h"
#include "sim/base/error.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "tests/table/fixture.h"

using namespace npusim;
using namespace npusim::table;
using npusim::test::contains;
using npusim::test::TempFolder;
using npusim::test::write_file;

namespace {

/// Two rows, one refused, with everything set.
Table sample() {
  Table table;
  table.hw = "midap";
  table.hw_hash = "0123456789abcdef";
  table.version = "0.1.0+cafe";
  table.dtype = "int8";
  table.space = "s3nas";
  table.batch = 2;
  table.clock_mhz = 700;
  table.copies = 4;
  table.fixed_cycles = 12.5;
  table.fixed_known = true;
  table.first_block = "block:r1_k3,5_s11_e2,4_i32_o32_c100@28";
  Row row;
  row.block = table.first_block;
  row.context = Context::stacked;
  row.form = form_of(network_of(block_named("r1_k3_s11_e6_i32_o32_c0_se0.25@28"), 2));
  row.input = row.output = {2, 32, 28, 28};
  row.macs = 123456789;
  row.cycles = 1000.0 / 3;
  row.busy_cycles = 300;
  row.stall_cycles = {1, 2, 3, 4, 5, 6.25};
  row.dram_read_bytes = 100.5;
  row.dram_write_bytes = 7;
  row.samples = 4;
  row.spread = 0.1;
  table.rows.push_back(row);
  Row refused = row;
  refused.block = "other";
  refused.cycles = refused.busy_cycles = refused.dram_read_bytes = refused.dram_write_bytes = 0;
  refused.spread = 0;
  refused.stall_cycles = {};
  refused.refusal = "no room, \"sorry\"\nline two";
  table.rows.push_back(refused);
  table.errors[Context::stacked] = {100, 7, 0.16, -0.5, 0.01, 0.9999, "abc-def"};
  return table;
}

Table reread(const std::string& text) {
  const TempFolder folder;
  write_file(folder / "table", text);
  return read_table(folder / "table");
}

std::string refusal(const std::string& text) {
  try {
    reread(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a table written as CSV or JSON reads back as the same table, to the last bit of every number") {
  const Table table = sample();
  for (const std::string& text : {to_csv(table), to_json(table)}) {
    const Table back = reread(text);
    CHECK(to_csv(back) == to_csv(table));
    CHECK(to_json(back) == to_json(table));
    REQUIRE(back.rows.size() == 2);
    CHECK(back.rows[0].cycles == 1000.0 / 3);
    CHECK(back.rows[0].form.squeeze == 8);
    CHECK(back.rows[1].refusal == "no room, \"sorry\"\nline two");
    CHECK(back.errors.at(Context::stacked).worst_at == "abc-def");
  }
}

TEST_CASE("the CSV's first columns are block, cycles and latency in ms") {
  const std::string text = to_csv(sample());
  CHECK(text.rfind("block,cycles,latency_ms,", 0) == 0);
  CHECK(contains(text, "\n\"block:r1_k3,5_s11_e2,4_i32_o32_c100@28\",333.3333333333333,0.000476190"));
}

TEST_CASE("what is no table is refused with what is missing") {
  CHECK(contains(refusal(""), "the file is empty"));
  CHECK(contains(refusal("block,cycles\na,1\n"), "it has no column 'latency_ms'"));
  CHECK(contains(refusal("{\"schema\": \"npusim.report/1\"}"), "npusim.table/1"));
  CHECK(contains(refusal("{broken"), "not valid JSON"));
  std::string text = to_csv(sample());
  CHECK(contains(refusal(text.substr(0, text.find('\n') + 1)), "the table has no rows"));
  text.replace(text.find(",333.33"), 7, ",many");
  CHECK(contains(refusal(text), ":2: column cycles: 'many"));
  CHECK_THROWS_AS(read_table("/no/such/table.csv"), UserError);
}

TEST_CASE("a diff tells rows added, removed and changed, and ends within a tolerance or beyond") {
  Table before = sample();
  before.rows.pop_back();
  Table after = before;
  CHECK(within(diff_of(before, after), 0));
  after.rows[0].cycles *= 1.02;
  after.hw_hash = "fedcba9876543210";
  Diff diff = diff_of(before, after);
  CHECK(diff.changed.size() == 1);
  CHECK(diff.changed[0].ratio() == Approx(1.02));
  CHECK(diff.settings == std::vector<std::string>{"hw_hash: 0123456789abcdef, fedcba9876543210"});
  CHECK(!within(diff, 1.9));
  CHECK(within(diff, 2.1));
  CHECK(contains(diff_text(diff), "1.0200"));
  after.rows.push_back(after.rows[0]);
  after.rows[1].block = "new";
  diff = diff_of(before, after);
  CHECK(diff.added == std::vector<std::string>{"new (stacked)"});
  CHECK(!within(diff, 100));
  CHECK(diff_of(after, before).removed == std::vector<std::string>{"new (stacked)"});
}

TEST_CASE("a chip of twice the clock with the same cycles differs by half the time") {
  Table before = sample();
  Table after = before;
  after.clock_mhz *= 2;
  const Diff diff = diff_of(before, after);
  REQUIRE(diff.changed.size() == 1);  // the refused row is in neither
  CHECK(diff.changed[0].ratio() == Approx(0.5));
}
