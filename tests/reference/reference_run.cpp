// For scripts/check_reference.py: executes an ONNX file and prints how its arithmetics compare.
//   reference_run MODEL.onnx INPUTS OUTPUTS    INPUTS: all inputs' elements as little-endian float32
//   (integers as
//                                              int64), one after another; OUTPUTS: all outputs' as float32
//   reference_run --zoo NAME                   a built-in network on seeded values
// Prints "seconds S", and the largest difference relative to the first output's peak of the passed graph
// ("passes"), of fp16 ("fp16") and of int8 ("int8") to the original in fp32.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>

#include "sim/base/error.h"
#include "workloads/onnx/import.h"
#include "workloads/onnx/weights.h"
#include "workloads/passes/passes.h"
#include "workloads/reference/execute.h"
#include "workloads/reference/seeded.h"
#include "workloads/zoo/zoo.h"

namespace {

using namespace npusim;
using namespace npusim::reference;

template <class T>
std::vector<double> numbers(std::ifstream& in, std::int64_t count) {
  std::vector<T> raw(static_cast<std::size_t>(count));
  in.read(reinterpret_cast<char*>(raw.data()), static_cast<std::streamsize>(raw.size() * sizeof(T)));
  if (!in) throw UserError("the file of inputs is too short");
  return {raw.begin(), raw.end()};
}

void read_inputs(const std::string& path, const ir::Graph& graph, Values& values) {
  std::ifstream in(path, std::ios::binary);
  for (const ir::TensorId id : graph.inputs) {
    const ir::Tensor& tensor = graph.tensor(id);
    const std::int64_t count = ir::elements(tensor.shape);
    const auto read = is_real(tensor.dtype) ? numbers<float>(in, count) : numbers<std::int64_t>(in, count);
    set(values, id, make_value(tensor.dtype, tensor.shape, read));
  }
}

void write_outputs(const std::string& path, const ir::Graph& graph, const Values& values) {
  std::ofstream out(path, std::ios::binary);
  for (const ir::TensorId id : graph.outputs) {
    const std::vector<double> all = find(values, id)->doubles();
    const std::vector<float> raw(all.begin(), all.end());
    out.write(reinterpret_cast<const char*>(raw.data()),
              static_cast<std::streamsize>(raw.size() * sizeof(float)));
  }
}

/// The first output as real numbers.
Value answer(const ir::Graph& graph, const Values& values, const Quantization* quantization) {
  const ir::TensorId id = graph.outputs.at(0);
  const Value& value = *find(values, id);
  return quantization == nullptr ? value
                                 : dequantized(value, quantization->tensors.at(static_cast<std::size_t>(id)));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Values judge(const ir::Graph& graph, const Values& given) {
  const auto start = std::chrono::steady_clock::now();
  const Execution truth = execute(graph, given);
  std::printf("seconds %.2f\n", seconds_since(start));
  const Value expected = answer(graph, truth.values, nullptr);
  const auto report = [&](const char* what, const Value& value) {
    const Difference difference = compare(expected, value);
    std::printf("%s %.3g (peak %.3g)\n", what, difference.relative(), difference.peak);
  };
  const ir::Graph passed = passes::run_pipeline(graph);
  const Values carried = carry(graph, given, passed);
  const Execution folded = execute(passed, carried);
  report("passes", answer(passed, folded.values, nullptr));
  report("fp16", answer(passed, execute(passed, carried, {Arithmetic::fp16, nullptr}).values, nullptr));
  const Quantization quantization = calibrate(passed, folded.peaks);
  const Execution quantized = execute(passed, carried, {Arithmetic::int8, &quantization});
  report("int8", answer(passed, quantized.values, &quantization));
  return truth.values;
}

int run(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--zoo") {
    const ir::Graph graph = zoo::build(argv[2]);
    judge(graph, seeded_values(graph, 1));
    return 0;
  }
  if (argc != 4) throw UserError("usage: reference_run MODEL.onnx INPUTS OUTPUTS | --zoo NAME");
  const ir::Graph graph = onnx::import_onnx(argv[1]);
  Values given = onnx::load_weights(argv[1], graph);
  read_inputs(argv[2], graph, given);
  write_outputs(argv[3], graph, judge(graph, given));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
