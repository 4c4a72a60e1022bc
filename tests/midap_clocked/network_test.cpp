// Whole networks with clocked engines: the same cycles as with fast ones, command by command.
#include "hw_models/api/npu.h"
#include "tests/catch.h"
#include "tests/evaluated.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;

TEST_CASE("every command of three networks starts and ends when the fast engine says, on either memory") {
  for (const char* name : {"midap", "midap-lpddr4"}) {
    const auto chip = hw::make_npu(hw::describe(name));
    for (const char* net : {"resnet8", "mobilenet_v2_0_35", "block:r1_k3,5_s11_e2,2_i32_o32_c100@28"}) {
      INFO(name << " " << net);
      const auto compiled = chip->compile(passes::run_pipeline(zoo::build(net)), {});
      CHECK(test::different_command(*chip, compiled.program) == "");
    }
  }
}
