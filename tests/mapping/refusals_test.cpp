#include "hw_models/mapping/refusals.h"

#include "sim/base/error.h"
#include "tests/catch.h"

using namespace npusim;

namespace {
ir::Op op(const char* name, const char* source) {
  ir::Op made;
  made.name = name;
  made.source_op = source;
  made.kind = ir::OpKind::reshape;
  return made;
}
}  // namespace

TEST_CASE("refused operators are told in one error, a line for each kind and reason, every name in it") {
  mapping::Refusals refusals;
  CHECK(refusals.empty());
  refusals.add(op("a", "Reshape"), "a change of layout");
  refusals.add(op("b", "Gather"), "");
  refusals.add(op("c", "Reshape"), "a change of layout");
  refusals.add(op("d", ""), "");
  REQUIRE_FALSE(refusals.empty());
  std::string text;
  try {
    refusals.fail("vit", "MIDAP");
  } catch (const UserError& error) {
    text = error.what();
  }
  CHECK(text ==
        "network 'vit': MIDAP cannot run 4 operators:\n"
        "  Reshape (a change of layout): 'a', 'c'\n"
        "  Gather: 'b'\n"
        "  reshape: 'd'");
}
