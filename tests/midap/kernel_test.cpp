// The same cycles however events are executed.
#include "tests/catch.h"
#include "tests/midap/chip.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::midap::test;

TEST_CASE("every block as a SystemC process of its own takes the same cycles, on either memory") {
  const auto graph = zoo::build("mobilenet_v2_midapsim");
  for (const char* name : {"midap", "midap-lpddr4"}) {
    INFO(name);
    hw::Evaluator stepped(hw::describe(name), kernel::KernelKind::systemc);
    hw::EvaluateOptions options;
    options.dtype = ir::DType::i8;
    options.kernel = kernel::KernelKind::systemc;
    const auto slow = stepped.evaluate(graph, options);
    const auto fast = run(graph, name);
    CHECK(slow.total_cycles == fast.total_cycles);
    REQUIRE(slow.layers.size() == fast.layers.size());
    for (std::size_t i = 0; i < slow.layers.size(); ++i) {
      CHECK(slow.layers[i].end_cycle == fast.layers[i].end_cycle);
    }
  }
}

TEST_CASE("a second run of a chip gives the first run's report") {
  const auto graph = zoo::build("s3nas_ours_m");
  const auto first = run(graph);
  static_cast<void>(run(zoo::build("mobilenet_v1_midapsim")));
  const auto second = run(graph);
  CHECK(trace::to_json(first, false) == trace::to_json(second, false));
}
