// Whole networks with clocked DPUs: the same cycles as with fast ones, command by command.
#include "hw_models/api/npu.h"
#include "tests/catch.h"
#include "tests/evaluated.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;

TEST_CASE("every command of ResNet-8 and a small MobileNetV2 starts and ends when the fast engine says") {
  for (const char* name : {"vpu-meteorlake", "vpu-keembay", "vpu-lunarlake"}) {
    const auto chip = hw::make_npu(hw::describe(name));
    for (const char* net : {"resnet8", "mobilenet_v2_0_35"}) {
      for (const ir::DType dtype : {ir::DType::i8, ir::DType::f16}) {
        INFO(name << " " << net << " " << ir::to_string(dtype));
        hw::CompileOptions options;
        options.dtype = dtype;
        const auto compiled = chip->compile(passes::run_pipeline(zoo::build(net)), options);
        CHECK(test::different_command(*chip, compiled.program) == "");
      }
    }
  }
}
