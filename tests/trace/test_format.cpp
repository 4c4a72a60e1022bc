// Numbers and tables for people.
#include "sim/trace/format.h"
#include "tests/catch.h"

using namespace npusim::trace;

TEST_CASE("thousands are grouped") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(-1234567) == "-1,234,567");
  CHECK(grouped(-123) == "-123");
}

TEST_CASE("SI numbers have three digits and the fitting prefix") {
  CHECK(si(0, "B") == "0 B");
  CHECK(si(999, "B") == "999 B");
  CHECK(si(7, "B") == "7 B");
  CHECK(si(1000, "B") == "1.00 kB");
  CHECK(si(51200000, "B") == "51.2 MB");
  CHECK(si(999600, "B") == "1.00 MB");
  CHECK(si(4.09e9, "") == "4.09 G");
  CHECK(si(0.0000123, "s") == "12.3 us");
  CHECK(si(0.002346, "s") == "2.35 ms");
  CHECK(si(1.5, "s") == "1.50 s");
  CHECK(si(2e-12, "s") == "0.00 ns");
  CHECK(si(3, "") == "3");
}

TEST_CASE("a long name loses its middle, by code points") {
  CHECK(shorten_middle("convolution", 11) == "convolution");
  CHECK(shorten_middle("convolution", 8) == "con..ion");
  CHECK(shorten_middle("convolution", 7) == "co..ion");
  CHECK(shorten_middle("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 4) == "\xC3\xA9..\xC3\xA9");
  CHECK(width_of("\xC3\xA9t\xC3\xA9") == 3);
}

TEST_CASE("a table aligns its columns and shortens the first to fit") {
  Table table({{"name", Table::Align::left}, {"n"}, {"kind", Table::Align::left, 5}});
  table.row({"a_long_name_indeed", "1,000", "small"});
  table.row({"b", "7", "much_too_long"});
  CHECK(table.text(100) ==
        "name                    n  kind\n"
        "a_long_name_indeed  1,000  small\n"
        "b                       7  m..ng\n");
  CHECK(table.text(22) ==
        "name          n  kind\n"
        "a_l..eed  1,000  small\n"
        "b             7  m..ng\n");
}

TEST_CASE("a labelled text wraps at blanks, under itself, and cuts a word that is too long") {
  CHECK(labelled("note", "one two three four", 6, 15) == "note  one two\n      three\n      four\n");
  CHECK(labelled("note", "abcdefghijkl", 6, 11) == "note  abcde\n      fghij\n      kl\n");
  CHECK(labelled("note", "", 6, 11) == "note  \n");
}
