// Measured rows: columns, units, errors that name the line.
#include "nas/calibrate/rows.h"

#include <functional>

#include "sim/base/csv.h"
#include "sim/base/error.h"
#include "tests/catch.h"

using namespace npusim;
using namespace npusim::calibrate;

namespace {

std::string complaint(const std::string& text, const std::map<std::string, std::string>& renamed = {}) {
  try {
    read_rows(text, "rows.csv", renamed);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("CSV cells may hide commas, quotes and line ends, and rows know their line") {
  const auto rows = parse_csv("a,b\n\"x, \"\"y\"\"\n\",2\r\n\nlast,");
  REQUIRE(rows.size() == 4);
  CHECK(rows[1].cells == std::vector<std::string>{"x, \"y\"\n", "2"});
  CHECK(rows[1].line == 2);
  CHECK(rows[2].cells == std::vector<std::string>{""});
  CHECK(rows[3].line == 5);
  CHECK(rows[3].cells == std::vector<std::string>{"last", ""});
}

TEST_CASE("rows have a network and a latency; batch, type, weight, sigma and split may be left out") {
  const Measured plain = read_rows("network,latency_us\nresnet8,12.5\n", "rows.csv", {});
  REQUIRE(plain.rows.size() == 1);
  CHECK(plain.unit == Unit::us);
  CHECK(plain.rows[0].measured == 12.5);
  CHECK(plain.rows[0].batch == 0);
  CHECK(plain.rows[0].weight == 1);
  CHECK_FALSE(plain.rows[0].test);
  const Measured full = read_rows(
      "network,batch,cycles,dtype,weight,sigma,split,source\nresnet8,4,1000,int8,2,10,test,me\n\nresnet8,,"
      "900,,,,,\n",
      "rows.csv", {});
  REQUIRE(full.rows.size() == 2);
  CHECK(full.unit == Unit::cycles);
  CHECK(full.rows[0].batch == 4);
  CHECK(full.rows[0].dtype == "int8");
  CHECK(full.rows[0].weight == 2);
  CHECK(full.rows[0].sigma == 10);
  CHECK(full.rows[0].test);
  CHECK(full.rows[1].line == 4);
  CHECK(full.ignored == std::vector<std::string>{"source"});
  CHECK(plain.hash != full.hash);
}

TEST_CASE("a file's own names of columns are told by --column") {
  const Measured rows =
      read_rows("zoo,network,latency_ms\nresnet8,ResNet-8,1\n", "rows.csv", {{"network", "zoo"}});
  CHECK(rows.rows[0].network == "resnet8");
  CHECK(rows.ignored == std::vector<std::string>{"network"});
  CHECK(complaint("zoo,latency_ms\nresnet8,1\n", {{"network", "zo"}}) ==
        "rows.csv:1: there is no column 'zo'; did you mean 'zoo'?; columns: zoo, latency_ms");
  CHECK(complaint("network,latency_ms\nresnet8,1\n", {{"netwrk", "network"}}) ==
        "--column netwrk=network: npusim knows no column 'netwrk'; did you mean 'network'?");
}

TEST_CASE("errors in rows name file, line and the nearest column") {
  CHECK(complaint("") == "rows.csv: the file is empty");
  CHECK(complaint("network,latency_ms,wieght\nresnet8,1,1\n") ==
        "rows.csv:1: unknown column 'wieght'; did you mean 'weight'?");
  CHECK(complaint("network,batch\nresnet8,1\n") ==
        "rows.csv:1: no column latency_ms, latency_us or cycles; columns: network, batch");
  CHECK(complaint("network,latency_ms,cycles\nresnet8,1,1\n") ==
        "rows.csv:1: both 'latency_ms' and 'cycles': keep one");
  CHECK(complaint("network,latency_ms\nresnet8,1\nresnet8,fast\n") ==
        "rows.csv:3: column 'latency_ms' is 'fast', expected a number");
  CHECK(complaint("network,latency_ms\nresnet8,0\n") == "rows.csv:2: column 'latency_ms' must be above 0");
  CHECK(complaint("network,latency_ms\nresnet8\n") == "rows.csv:2: 1 cells, but the header names 2 columns");
  CHECK(complaint("network,latency_ms,batch\nresnet8,1,0\n") ==
        "rows.csv:2: column 'batch' is '0', expected a whole number from 1 to 65536");
  CHECK(complaint("network,latency_ms,split\nresnet8,1,tests\n") ==
        "rows.csv:2: column 'split' is 'tests', expected train or test; did you mean 'test'?");
  CHECK(complaint("network,latency_ms,sigma\nresnet8,1,-1\n") ==
        "rows.csv:2: column 'sigma' must not be negative");
  CHECK(complaint("network,latency_ms,weight\nresnet8,1,0\n") ==
        "rows.csv: no row to fit to (of 1, all have split test or weight 0)");
}
