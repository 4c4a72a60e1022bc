// Random convolutions and matrix products: the programs are sound, MACs exact, nothing beats the hardware's
// limits, and both kernels agree.
#include <set>

#include "sim/base/rng.h"
#include "tests/ascend310/chip.h"
#include "tests/catch.h"
#include "tests/workloads/ir_fixture.h"

using namespace npusim;
using namespace npusim::ascend310::test;

namespace {

template <class T>
T pick(Rng& rng, std::initializer_list<T> choices) {
  return choices.begin()[rng.uniform(0, static_cast<std::int64_t>(choices.size()) - 1)];
}

/// Effective extent of a dilated kernel.
std::int64_t extent(std::int64_t kernel, std::int64_t dilation) { return (kernel - 1) * dilation + 1; }

ir::Graph random_convolution(Rng& rng) {
  ir::ConvAttrs attrs;
  auto& w = attrs.window;
  const bool flat = rng.uniform(0, 7) == 0;
  w.kernel = {flat ? 1 : pick<std::int64_t>(rng, {1, 1, 2, 3, 3, 5, 7}),
              pick<std::int64_t>(rng, {1, 1, 2, 3, 3, 5, 7})};
  w.stride = {flat ? 1 : pick<std::int64_t>(rng, {1, 1, 1, 2, 3, 4}),
              pick<std::int64_t>(rng, {1, 1, 1, 2, 3, 4, 5})};
  w.dilation = {flat ? 1 : pick<std::int64_t>(rng, {1, 1, 1, 2, 3}),
                pick<std::int64_t>(rng, {1, 1, 1, 2, 3})};
  const auto pad = [&](std::int64_t kernel, std::int64_t dilation) {
    return rng.uniform(0, 1) == 0 ? extent(kernel, dilation) / 2
                                  : rng.uniform(0, extent(kernel, dilation) - 1);
  };
  if (!flat) w.pad.top = pad(w.kernel.h, w.dilation.h);
  if (!flat) w.pad.bottom = pad(w.kernel.h, w.dilation.h);
  w.pad.left = pad(w.kernel.w, w.dilation.w);
  w.pad.right = pad(w.kernel.w, w.dilation.w);
  const std::int64_t h = flat ? 1 : rng.uniform(1, 60);
  const std::int64_t width = flat ? rng.uniform(1, 400) : rng.uniform(1, 60);
  const std::int64_t lack_h = extent(w.kernel.h, w.dilation.h) - (h + w.pad.top + w.pad.bottom);
  const std::int64_t lack_w = extent(w.kernel.w, w.dilation.w) - (width + w.pad.left + w.pad.right);
  w.pad.bottom += std::max<std::int64_t>(0, lack_h);
  w.pad.right += std::max<std::int64_t>(0, lack_w);
  std::int64_t in = rng.uniform(1, 130);
  std::int64_t out = rng.uniform(1, 130);
  const std::int64_t kind = rng.uniform(0, 4);
  if (kind == 0) {  // depthwise, sometimes with a multiplier
    attrs.groups = in;
    out = in * pick<std::int64_t>(rng, {1, 1, 2, 3});
  } else if (kind == 1) {
    attrs.groups = rng.uniform(2, 8);
    in = attrs.groups * rng.uniform(1, 40);
    out = attrs.groups * rng.uniform(1, 40);
  }
  const std::int64_t batch = pick<std::int64_t>(rng, {1, 1, 2, 3, 5});
  return convolution(flat ? ir::Shape{batch, in, width} : ir::Shape{batch, in, h, width}, out, attrs);
}

/// Adds what is fused behind: an activation, a residual addition, both, or nothing.
void add_epilogue(ir::Graph& graph, Rng& rng) {
  auto result = graph.outputs[0];
  if (rng.uniform(0, 2) == 0) {
    const auto other = ir::add_input(graph, graph.shape(result));
    result = ir::append(graph, ir::OpKind::elementwise, ir::ElementwiseAttrs{ir::Function::add},
                        {result, other})[0];
  }
  if (rng.uniform(0, 1) == 0) {
    const auto function = pick(rng, {ir::Function::relu, ir::Function::hard_swish, ir::Function::sigmoid});
    ir::append(graph, ir::OpKind::elementwise, ir::ElementwiseAttrs{function}, {result});
  }
}

/// Indices along one axis of the input that some output needs.
std::int64_t used(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                  std::int64_t dilation, std::int64_t pad) {
  std::set<std::int64_t> indices;
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t k = 0; k < kernel; ++k) {
      const std::int64_t i = o * stride - pad + k * dilation;
      if (i >= 0 && i < in) indices.insert(i);
    }
  }
  return static_cast<std::int64_t>(indices.size());
}

/// Bytes of the input that a convolution needs, and of its weights.
std::int64_t needed_bytes(const ir::Graph& graph, ir::DType dtype) {
  const auto& op = graph.ops[0];
  const auto& w = std::get<ir::ConvAttrs>(op.attrs).window;
  auto in = graph.shape(op.inputs[0]);
  auto out = graph.shape(op.outputs[0]);
  if (in.size() == 3) {
    in.insert(in.begin() + 2, 1);
    out.insert(out.begin() + 2, 1);
  }
  const std::int64_t rows = used(in[2], out[2], w.kernel.h, w.stride.h, w.dilation.h, w.pad.top);
  const std::int64_t columns = used(in[3], out[3], w.kernel.w, w.stride.w, w.dilation.w, w.pad.left);
  return (in[0] * in[1] * rows * columns + ir::elements(graph.shape(op.inputs[1]))) * ir::size_of(dtype);
}

/// What no mapping can beat: the cube's peak, the operands' and the results' bytes.
void check_limits(const ir::Graph& graph, const trace::Report& report, ir::DType dtype) {
  std::int64_t cube = 0;
  for (const auto& engine : report.engines) {
    if (engine.name.find("cube") != std::string::npos) cube += engine.busy_cycles;
  }
  const auto& chip_spec = ascend310::test::spec();
  const std::int64_t per_cycle = chip_spec.cube_m * chip_spec.cube_n * chip_spec.c0(dtype);
  REQUIRE(cube * per_cycle >= report.macs);
  std::int64_t weights = 0;
  for (const auto& tensor : graph.tensors) {
    if (tensor.role == ir::TensorRole::weight) weights += ir::elements(tensor.shape) * ir::size_of(dtype);
  }
  REQUIRE(report.dram_read_bytes >= weights);
  const auto result = ir::elements(graph.shape(graph.ops[0].outputs[0])) * ir::size_of(dtype);
  const auto& conv = layer(report, graph.ops[0].name);
  REQUIRE(conv.dram_write_bytes + conv.sram_write_bytes >= result);
  if (graph.ops[0].kind != ir::OpKind::conv) return;
  REQUIRE(conv.dram_read_bytes + conv.sram_read_bytes >= needed_bytes(graph, dtype));
}

void run_and_check(const ir::Graph& graph, ir::DType dtype, bool both_kernels) {
  const auto report = run(graph, dtype);
  check_limits(graph, report, dtype);
  if (!both_kernels) return;
  const auto stepped = run(graph, dtype, kernel::KernelKind::systemc);
  REQUIRE(stepped.total_cycles == report.total_cycles);
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    REQUIRE(stepped.layers[i].end_cycle == report.layers[i].end_cycle);
  }
  for (std::size_t i = 0; i < report.engines.size(); ++i) {
    REQUIRE(stepped.engines[i].busy_cycles == report.engines[i].busy_cycles);
    REQUIRE(stepped.engines[i].stalls.by_reason == report.engines[i].stalls.by_reason);
  }
}

}  // namespace

TEST_CASE("600 random convolutions in fp16 and int8: sound programs, exact MACs, no limit beaten") {
  Rng rng(310);
  for (int i = 0; i < 600; ++i) {
    auto graph = random_convolution(rng);
    add_epilogue(graph, rng);
    INFO("convolution " << i << "\n" << ir::print(graph));
    run_and_check(graph, i % 2 == 0 ? ir::DType::f16 : ir::DType::i8, i % 10 == 0);
  }
}

TEST_CASE("150 random transposed convolutions: sound programs, exact MACs, no limit beaten") {
  Rng rng(311);
  for (int i = 0; i < 150; ++i) {
    ir::ConvAttrs attrs;
    auto& w = attrs.window;
    w.kernel = {rng.uniform(1, 5), rng.uniform(1, 5)};
    w.stride = {rng.uniform(1, 3), rng.uniform(1, 3)};
    w.dilation = {rng.uniform(1, 2), rng.uniform(1, 2)};
    w.pad = {rng.uniform(0, w.kernel.h - 1), rng.uniform(0, w.kernel.w - 1), 0, 0};
    attrs.groups = rng.uniform(0, 2) == 0 ? 2 : 1;
    const std::int64_t in = attrs.groups * rng.uniform(1, 40);
    const std::int64_t out = attrs.groups * rng.uniform(1, 40);
    ir::Graph graph;
    const auto x = ir::add_input(graph, {rng.uniform(1, 3), in, rng.uniform(4, 20), rng.uniform(4, 20)});
    const auto weights = ir::add_weight(graph, {in, out / attrs.groups, w.kernel.h, w.kernel.w});
    ir::append(graph, ir::OpKind::conv_transpose, attrs, {x, weights});
    INFO("transposed convolution " << i << "\n" << ir::print(graph));
    run_and_check(graph, i % 2 == 0 ? ir::DType::f16 : ir::DType::i8, i % 10 == 0);
  }
}

TEST_CASE("300 random matrix products in fp16 and int8: sound programs, exact MACs, no limit beaten") {
  Rng rng(312);
  for (int i = 0; i < 300; ++i) {
    ir::Graph graph;
    ir::MatMulAttrs attrs;
    attrs.transpose_b = rng.uniform(0, 1) == 0;
    const std::int64_t m = rng.uniform(1, 300);
    const std::int64_t k = rng.uniform(1, 400);
    const std::int64_t n = rng.uniform(1, 400);
    ir::Shape a = {m, k};
    ir::Shape b = attrs.transpose_b ? ir::Shape{n, k} : ir::Shape{k, n};
    const std::int64_t kind = rng.uniform(0, 3);
    if (kind >= 1) a.insert(a.begin(), rng.uniform(1, 4));
    if (kind >= 2) b.insert(b.begin(), a[0]);
    if (kind == 3) {
      const std::int64_t heads = rng.uniform(1, 5);
      a.insert(a.begin() + 1, heads);
      b.insert(b.begin() + 1, heads);
    }
    const auto x = ir::add_input(graph, a);
    const auto y = kind >= 2 ? ir::add_input(graph, b) : ir::add_weight(graph, b);
    std::vector<ir::TensorId> inputs = {x, y};
    if (kind < 2 && rng.uniform(0, 1) == 0) inputs.push_back(ir::add_weight(graph, {n}));
    ir::append(graph, ir::OpKind::matmul, attrs, inputs);
    add_epilogue(graph, rng);
    INFO("matrix product " << i << "\n" << ir::print(graph));
    run_and_check(graph, i % 2 == 0 ? ir::DType::f16 : ir::DType::i8, i % 10 == 0);
  }
}

TEST_CASE("a 1-D convolution takes the cycles of the same convolution with height 1") {
  Rng rng(313);
  for (int i = 0; i < 20; ++i) {
    ir::ConvAttrs attrs;
    attrs.window = {{1, rng.uniform(1, 9)}, {1, rng.uniform(1, 3)}, {1, 1}, {0, 2, 0, 2}};
    const std::int64_t batch = rng.uniform(1, 3);
    const std::int64_t in = rng.uniform(1, 100);
    const std::int64_t out = rng.uniform(1, 100);
    const std::int64_t length = rng.uniform(20, 500);
    const auto flat = run(convolution({batch, in, length}, out, attrs));
    const auto image = run(convolution({batch, in, 1, length}, out, attrs));
    INFO("batch " << batch << " " << in << " -> " << out << " channels, length " << length);
    CHECK(layer(flat, "conv_0").cycles() == layer(image, "conv_0").cycles());
  }
}
