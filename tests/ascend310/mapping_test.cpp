// What the mapper emits: which instructions, and that a layer's tiling does not depend on its neighbours.
#include <map>
#include <set>

#include "tests/ascend310/chip.h"
#include "tests/catch.h"
#include "tests/workloads/ir_fixture.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::ascend310::test;

namespace {

/// Commands of the layer of this name, by opcode.
std::map<std::string, std::vector<program::Command>> commands(const program::Program& program,
                                                              const std::string& name) {
  std::map<std::string, std::vector<program::Command>> out;
  for (const auto& command : program.commands) {
    if (program.tasks[command.task].name != name) continue;
    out[program.target->opcodes[command.opcode].name].push_back(command);
  }
  return out;
}

ir::Graph simple_convolution(const ir::Window& window) {
  return convolution({1, 64, 28, 28}, 64, ir::ConvAttrs{window});
}

/// Convolutions that differ in one thing each, all on the same input.
struct Variant {
  ir::Window window = ir::window(3, 1, 1);
  bool bias = true;
  int function = -1;
  bool residual = false;
};

ir::TensorId add(ir::Graph& graph, ir::TensorId x, const Variant& variant) {
  const auto c = graph.shape(x)[1];
  std::vector<ir::TensorId> inputs = {
      x, ir::add_weight(graph, {c, c, variant.window.kernel.h, variant.window.kernel.w})};
  if (variant.bias) inputs.push_back(ir::add_weight(graph, {c}));
  auto y = ir::append(graph, ir::OpKind::conv, ir::ConvAttrs{variant.window}, inputs)[0];
  if (variant.residual) {
    y = ir::append(graph, ir::OpKind::elementwise, ir::ElementwiseAttrs{ir::Function::add}, {y, x})[0];
  }
  if (variant.function >= 0) {
    const ir::ElementwiseAttrs step{static_cast<ir::Function>(variant.function)};
    y = ir::append(graph, ir::OpKind::elementwise, step, {y})[0];
  }
  return y;
}

std::vector<Variant> variants() {
  std::vector<Variant> out(1);
  out.push_back({ir::window(1)});
  out.push_back({{{3, 3}, {1, 1}, {4, 1}, {1, 1, 7, 1}}});  // dilation, same output
  out.push_back({{{3, 3}, {1, 1}, {1, 4}, {1, 1, 1, 7}}});
  out.push_back({{{5, 3}, {1, 1}, {1, 1}, {1, 1, 3, 1}}});  // kernel, same output and upper padding
  out.push_back({{{3, 5}, {1, 1}, {1, 1}, {1, 1, 1, 3}}});
  out.push_back({ir::window(3, 2, 1)});
  out.push_back({ir::window(3, 1, 1), false});
  for (const auto function : {ir::Function::sigmoid, ir::Function::hard_swish, ir::Function::gelu}) {
    out.push_back({ir::window(3, 1, 1), true, static_cast<int>(function)});
  }
  out.push_back({ir::window(3, 1, 1), true, -1, true});
  return out;
}

std::vector<std::string> mappings(const program::Program& program) {
  std::vector<std::string> out;
  for (const auto& task : program.tasks) {
    if (task.op == "conv") out.push_back(task.mapping);
  }
  return out;
}

}  // namespace

TEST_CASE("matrix products and plain 1x1 convolutions load fractals as they lie, others image to column") {
  const auto pointwise = commands(compile(simple_convolution(ir::window(1))), "conv_0");
  CHECK(pointwise.count("load2d_a") == 1);
  CHECK(pointwise.count("load3d_a") == 0);
  for (const auto& window : {ir::window(3, 1, 1), ir::window(1, 2), ir::window(1, 1, 1)}) {
    const auto other = commands(compile(simple_convolution(window)), "conv_0");
    CHECK(other.count("load2d_a") == 0);
    REQUIRE(other.count("load3d_a") == 1);
    for (const auto& load : other.at("load3d_a")) CHECK(load.args[3] == window.stride.w);
  }
  ir::Graph product;
  const auto x = ir::add_input(product, {50, 64});
  ir::append(product, ir::OpKind::matmul, ir::MatMulAttrs{}, {x, ir::add_weight(product, {64, 64})});
  CHECK(commands(compile(product), "matmul_0").count("load3d_a") == 0);
}

TEST_CASE("int8 results are rescaled by a conversion on their way out, fp16 results are not") {
  const auto graph = simple_convolution(ir::window(3, 1, 1));
  for (const auto dtype : kTypes) {
    const auto emitted = commands(compile(graph, dtype), "conv_0");
    REQUIRE(emitted.count("copy_out") == 1);
    for (const auto& copy : emitted.at("copy_out")) CHECK(copy.args[4] == (dtype == ir::DType::i8 ? 1 : 0));
  }
}

TEST_CASE("a ReLU behind a convolution is free, a HardSwish and a residual are instructions") {
  const auto simple = [](const Variant& variant) {
    ir::Graph graph;
    const auto x = ir::add_input(graph, {1, 64, 28, 28});
    add(graph, x, variant);
    return commands(compile(graph), "conv_0").at("copy_out").front().args[2];
  };
  const auto window = ir::window(3, 1, 1);
  CHECK(simple({window}) == 0);
  CHECK(simple({window, true, static_cast<int>(ir::Function::relu)}) == 0);
  CHECK(simple({window, true, -1, true}) == 1);
  CHECK(simple({window, true, static_cast<int>(ir::Function::hard_swish)}) > 1);
}

TEST_CASE("the cube's work covers the layer: fractals of all commands are the padded product") {
  const auto graph = convolution({1, 40, 15, 15}, 72, ir::ConvAttrs{ir::window(3, 1, 1)});
  const auto emitted = commands(compile(graph), "conv_0");
  std::int64_t fractals = 0;
  for (const auto& mad : emitted.at("mad")) {
    fractals += std::int64_t{mad.args[0]} * mad.args[1] * mad.args[2];
  }
  const std::int64_t rows = 15 * 15;
  // 5 fractals of columns, 3 blocks of channels by 9 taps; rows are padded to 16 at each cut.
  CHECK(fractals >= (rows + 15) / 16 * 5 * 27);
  CHECK(fractals <= rows * 5 * 27);
}

TEST_CASE("a layer is tiled the same alone and behind layers that differ from it in one thing") {
  const auto all = variants();
  for (std::size_t second = 0; second < all.size(); ++second) {
    for (std::size_t first = 0; first < all.size(); ++first) {
      if (first == second) continue;
      ir::Graph pair;
      const auto x = ir::add_input(pair, {1, 96, 28, 28});
      const auto y = add(pair, x, all[first]);
      const auto z = add(pair, x, all[second]);
      pair.outputs = {y, z};
      ir::Graph alone;
      add(alone, ir::add_input(alone, {1, 96, 28, 28}), all[second]);
      INFO(first << " then " << second);
      CHECK(mappings(compile(pair)).at(1) == mappings(compile(alone)).at(0));
    }
  }
}

TEST_CASE("both cores share the work of a large layer about equally") {
  for (const auto* name : {"resnet50", "mobilenet_v2"}) {
    const auto report = run(zoo::build(name));
    std::map<std::string, std::int64_t> busy;
    for (const auto& engine : report.engines) busy[engine.name] = engine.busy_cycles;
    INFO(name);
    CHECK(busy["core1.cube"] * 10 > busy["core0.cube"] * 7);
    CHECK(busy["core0.cube"] * 10 > busy["core1.cube"] * 7);
  }
}

TEST_CASE("a concatenation of whole channel blocks is written in place, and takes a copy otherwise") {
  const auto concat = [](std::int64_t channels) {
    ir::Graph graph;
    const auto x = ir::add_input(graph, {1, 32, 14, 14});
    const auto conv = [&] {
      const auto w = ir::add_weight(graph, {channels, 32, 3, 3});
      return ir::append(graph, ir::OpKind::conv, ir::ConvAttrs{ir::window(3, 1, 1)}, {x, w})[0];
    };
    const auto a = conv();
    const auto b = conv();
    ir::append(graph, ir::OpKind::concat, ir::ConcatAttrs{1}, {a, b});
    return run(graph);
  };
  const auto has_copy = [](const trace::Report& report) {
    for (const auto& it : report.layers) {
      if (it.op == "concat") return true;
    }
    return false;
  };
  CHECK(!has_copy(concat(32)));
  CHECK(has_copy(concat(24)));
}

TEST_CASE("a small network keeps its activations in L2, a large one spills to DRAM") {
  const auto activations = [](const trace::Report& report) {
    std::int64_t written = 0;
    for (const auto& it : report.layers) {
      if (it.op == "conv") written += it.dram_write_bytes;
    }
    return written;
  };
  CHECK(activations(run(zoo::build("resnet18", 1))) == 0);
  CHECK(activations(run(zoo::build("resnet18", 32))) > 0);
}
