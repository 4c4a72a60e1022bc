// Whole networks with clocked engines: the same cycles as with fast ones, command by command.
#include "hw_models/api/npu.h"
#include "tests/catch.h"
#include "tests/evaluated.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;

TEST_CASE("every command of three networks starts and ends when the fast engine says") {
  const auto chip = hw::make_npu(hw::describe("edgetpu-coral-usb"));
  for (const char* net : {"resnet8", "mobilenet_v1_0_25_128", "mobilenet_v2_0_35"}) {
    INFO(net);
    const auto compiled = chip->compile(passes::run_pipeline(zoo::build(net)), {});
    CHECK(test::different_command(*chip, compiled.program) == "");
  }
}
