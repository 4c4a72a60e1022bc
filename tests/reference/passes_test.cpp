// Whole networks: what the passes make of one computes the same, in every arithmetic.
#include "workloads/passes/passes.h"

#include <cmath>

#include "tests/catch.h"
#include "workloads/reference/execute.h"
#include "workloads/reference/seeded.h"
#include "workloads/zoo/zoo.h"

namespace npusim::reference {

namespace {

const Value& result(const Execution& execution, const ir::Graph& graph) {
  return *find(execution.values, graph.outputs.at(0));
}

/// A built-in network with seeded weights, before and after the passes.
struct Pair {
  explicit Pair(const std::string& name)
      : graph(zoo::build(name)), given(seeded_values(graph, 7)), passed(passes::run_pipeline(graph)) {
    carried = carry(graph, given, passed);
  }
  ir::Graph graph;
  Values given;
  ir::Graph passed;
  Values carried;
};

}  // namespace

TEST_CASE("six networks give the same answer before and after the passes, within 1e-4 of its peak") {
  for (const char* name :
       {"resnet8", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5", "isynet_n1"}) {
    INFO(name);
    const Pair pair(name);
    CHECK(pair.passed.ops.size() < pair.graph.ops.size());
    const Execution before = execute(pair.graph, pair.given);
    const Execution after = execute(pair.passed, pair.carried);
    const Difference difference = compare(result(before, pair.graph), result(after, pair.passed));
    INFO("peak " << difference.peak << ", difference " << difference.max_abs);
    CHECK(difference.peak > 1e-4);
    CHECK(difference.peak < 1e4);
    CHECK(difference.relative() < 1e-4);
  }
}

TEST_CASE("a recipe that computes another function shows in the answer") {
  const Pair pair("resnet8");
  const Execution before = execute(pair.graph, pair.given);
  std::int64_t damaged = 0;
  for (std::size_t i = 0; i < pair.passed.prepared.size(); ++i) {
    ir::Graph broken = pair.passed;
    auto* attrs = std::get_if<ir::ElementwiseAttrs>(&broken.prepared[i].attrs);
    if (attrs == nullptr || attrs->function != ir::Function::sub) continue;
    attrs->function = ir::Function::add;
    INFO(broken.prepared[i].name);
    const Execution after = execute(broken, pair.carried);
    CHECK(compare(result(before, pair.graph), result(after, broken)).relative() > 1e-4);
    ++damaged;
  }
  CHECK(damaged > 5);
}

}  // namespace npusim::reference
