// Networks of the zoo written to TFLite and read back: to npusim they are the same.
#include "workloads/zoo/zoo.h"

#include "tests/catch.h"
#include "tests/tflite/from_graph.h"
#include "workloads/passes/passes.h"

namespace npusim::tflite::testing {

TEST_CASE(
    "after the passes a network of the zoo and its int8 TFLite file have one content hash, storage aside") {
  for (const char* name : {"mobilenet_v1_0_25_128", "mobilenet_v2_0_35", "resnet8"}) {
    const ir::Graph passed = passes::run_pipeline(zoo::build(name));
    ir::Graph again = passes::run_pipeline(from_graph(passed).import());
    INFO(name << "\n" << ir::print(passed) << ir::print(again));
    CHECK(ir::is_quantized(again));
    CHECK(ir::macs(again) == ir::macs(passed));
    CHECK(ir::parameters(again) == ir::parameters(passed));
    CHECK(ir::content_hash(again) != ir::content_hash(passed));
    for (ir::Tensor& tensor : again.tensors) tensor.storage.reset();
    CHECK(ir::content_hash(again) == ir::content_hash(passed));
  }
}

}  // namespace npusim::tflite::testing
