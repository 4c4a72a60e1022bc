// Whole networks with clocked engines: the same cycles as with fast ones, command by command, and the same
// numbers, byte by byte.
#include <fmt/format.h>

#include "hw_models/api/npu.h"
#include "hw_models/api/prove.h"
#include "sim/base/error.h"
#include "sim/kernel/machine.h"
#include "tests/ascend310/chip.h"
#include "tests/catch.h"
#include "tests/evaluated.h"
#include "workloads/reference/seeded.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;

namespace {

const hw::Npu& chip() {
  static const std::unique_ptr<hw::Npu> made = hw::make_npu(hw::describe("ascend310"));
  return *made;
}

/// A run of a trial's program on real numbers, and what its memory holds in the end.
struct Outcome {
  explicit Outcome(const hw::Trial& trial) : storage(trial.compiled.program) {
    trial.compiled.functional->fill(trial.expected, storage);
  }
  program::Storage storage;
  kernel::RunResult result;
};

void run(const hw::Trial& trial, kernel::EngineKind engines, Outcome& outcome) {
  const bool fast = engines == kernel::EngineKind::fast;
  kernel::Machine machine(chip().target(), chip().machine(),
                          fast ? kernel::KernelKind::run_ahead : kernel::KernelKind::systemc, engines);
  outcome.result = machine.run(trial.compiled.program, {true, &outcome.storage});
}

/// The first buffer whose bytes differ; "" when none does. Buffers are the network's inputs, weights,
/// intermediate results and outputs.
std::string different_buffer(const hw::Trial& trial, Outcome& a, Outcome& b) {
  for (const auto& buffer : trial.compiled.program.buffers) {
    const auto left = a.storage.bytes(buffer.space, buffer.offset, buffer.bytes);
    const auto right = b.storage.bytes(buffer.space, buffer.offset, buffer.bytes);
    if (!std::equal(left.begin(), left.end(), right.begin())) return buffer.name;
  }
  return "";
}

/// Every byte of the outputs is zero.
bool empty_output(const hw::Trial& trial, Outcome& outcome) {
  for (const auto& buffer : trial.compiled.program.buffers) {
    if (!buffer.output) continue;
    const auto bytes = outcome.storage.bytes(buffer.space, buffer.offset, buffer.bytes);
    if (std::any_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte != std::byte{0}; })) {
      return false;
    }
  }
  return true;
}

void compare(const ir::Graph& graph, ir::DType dtype) {
  const auto trial = hw::prepare_trial(chip(), graph, reference::seeded_values(graph, 310), dtype);
  Outcome fast(trial);
  Outcome clocked(trial);
  run(trial, kernel::EngineKind::fast, fast);
  run(trial, kernel::EngineKind::clocked, clocked);
  INFO(graph.name << " " << ir::to_string(dtype));
  CHECK(clocked.result.total_cycles == fast.result.total_cycles);
  CHECK(test::different_command(trial.compiled.program, fast.result, clocked.result).empty());
  CHECK(different_buffer(trial, fast, clocked).empty());
  CHECK_FALSE(empty_output(trial, clocked));
  for (std::size_t i = 0; i < fast.result.layers.size(); ++i) {
    CHECK(clocked.result.layers[i].start_cycle == fast.result.layers[i].start_cycle);
    CHECK(clocked.result.layers[i].end_cycle == fast.result.layers[i].end_cycle);
  }
}

}  // namespace

TEST_CASE(
    "ResNet-8 for 32x32 images in fp16: clocked engines take the same cycles and leave the same bytes") {
  compare(zoo::build("resnet8", 1), ir::DType::f16);
}

TEST_CASE(
    "ResNet-8 for 32x32 images in int8: clocked engines take the same cycles and leave the same bytes") {
  compare(zoo::build("resnet8", 1), ir::DType::i8);
}

TEST_CASE("images of one row and windows with strides, dilation and groups agree as well") {
  struct Windowed {
    ir::Shape image;
    std::int64_t channels;
    ir::Window window;
    std::int64_t groups;
  };
  const std::vector<Windowed> windows = {
      {{1, 16, 1, 70}, 24, {{1, 5}, {1, 2}, {1, 1}, {0, 2, 0, 2}}, 1},
      {{2, 20, 1, 33}, 16, {{1, 3}, {1, 1}, {1, 2}, {0, 1, 0, 1}}, 1},
      {{1, 16, 19, 23}, 40, {{3, 3}, {1, 1}, {2, 3}, {2, 3, 2, 3}}, 1},
      {{1, 32, 21, 17}, 32, {{5, 3}, {2, 4}, {1, 1}, {2, 0, 1, 1}}, 1},
      {{1, 16, 30, 30}, 16, {{3, 3}, {3, 3}, {1, 1}, {0, 0, 0, 0}}, 1},
      {{2, 24, 14, 14}, 48, {{1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}}, 1},
      {{1, 64, 15, 15}, 64, {{3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}, 64},
  };
  for (const auto& it : windows) {
    ir::ConvAttrs attrs;
    attrs.window = it.window;
    attrs.groups = it.groups;
    const ir::Graph graph = ascend310::test::convolution(it.image, it.channels, attrs);
    for (const ir::DType dtype : {ir::DType::f16, ir::DType::i8}) compare(graph, dtype);
  }
}

TEST_CASE(
    "MobileNetV2 and ResNet-18 at 224x224: clocked engines take the same cycles and leave the same bytes",
    "[.slow]") {
  for (const char* network : {"mobilenet_v2", "resnet18"}) {
    for (const ir::DType dtype : {ir::DType::f16, ir::DType::i8}) compare(zoo::build(network, 1), dtype);
  }
}

TEST_CASE("a program whose row switches are counted one too few is caught by the clocked run") {
  const ir::Graph graph = zoo::build("resnet8", 1);
  auto trial = hw::prepare_trial(chip(), graph, reference::seeded_values(graph, 1), ir::DType::f16);
  for (auto& command : trial.compiled.program.commands) {
    const auto& opcode = chip().target().opcodes[command.opcode];
    if (opcode.name != "load3d_a" || command.args[2] == 0) continue;
    --command.args[2];
    break;
  }
  Outcome fast(trial);
  Outcome clocked(trial);
  run(trial, kernel::EngineKind::fast, fast);
  run(trial, kernel::EngineKind::clocked, clocked);
  CHECK(test::different_command(trial.compiled.program, fast.result, clocked.result).find("load3d_a") !=
        std::string::npos);
}
