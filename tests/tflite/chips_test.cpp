// TFLite networks on chips: the same network from the zoo and from a file costs the same.
#include "hw_models/api/npu.h"
#include "tests/catch.h"
#include "tests/evaluated.h"
#include "tests/tflite/from_graph.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/zoo.h"

namespace npusim::tflite::testing {

namespace {

/// The operators' results, in order.
std::vector<ir::Shape> shapes_of(const ir::Graph& graph) {
  std::vector<ir::Shape> shapes;
  for (const ir::Op& op : graph.ops) shapes.push_back(graph.shape(op.outputs.at(0)));
  return shapes;
}

std::vector<std::int64_t> layer_cycles(const trace::Report& report) {
  std::vector<std::int64_t> cycles;
  for (const auto& layer : report.layers) cycles.push_back(layer.end_cycle);
  return cycles;
}

bool mentions_floats(const trace::Report& report) {
  for (const std::string& note : report.notes) {
    if (note.find("floating point") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a network of the zoo written to TFLite and read back is the same to every chip") {
  for (const char* name : {"mobilenet_v1_0_25_128", "mobilenet_v2_0_35", "resnet8"}) {
    const ir::Graph original = zoo::build(name);
    const ir::Graph passed = passes::run_pipeline(original);
    const ir::Graph imported = from_graph(passed).import();
    const ir::Graph again = passes::run_pipeline(imported);
    INFO(name << "\n" << ir::print(passed) << ir::print(again));
    CHECK(shapes_of(again) == shapes_of(passed));
    CHECK(ir::macs(again) == ir::macs(passed));
    CHECK(ir::parameters(again) == ir::parameters(passed));
    for (const char* chip : {"edgetpu-coral-usb", "ascend310"}) {
      hw::Evaluator& evaluator = test::evaluator(chip);
      const trace::Report expected = test::verified_run(evaluator, original, ir::DType::i8);
      const trace::Report found = test::verified_run(evaluator, imported, ir::DType::i8);
      INFO(chip);
      CHECK(found.total_cycles == expected.total_cycles);
      CHECK(layer_cycles(found) == layer_cycles(expected));
      CHECK(found.macs == expected.macs);
    }
  }
}

TEST_CASE("the Edge TPU takes a quantised file as it is, and says that it quantises a float network") {
  hw::Evaluator& evaluator = test::evaluator("edgetpu-coral-usb");
  const std::string folder = NPUSIM_SOURCE_DIR "/tests/data/tflite/";
  const auto report = [&](const std::string& file) {
    return test::verified_run(evaluator, import_tflite(folder + file), ir::DType::i8);
  };
  CHECK_FALSE(mentions_floats(report("classifier_int8.tflite")));
  CHECK_FALSE(mentions_floats(report("classifier_float_io_int8.tflite")));
  CHECK(mentions_floats(report("classifier_float.tflite")));
}

}  // namespace npusim::tflite::testing
