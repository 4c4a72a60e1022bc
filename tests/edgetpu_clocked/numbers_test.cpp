// Programs on real numbers: the reference executor's bytes, from fast engines and from clocked ones.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "hw_models/api/npu.h"
#include "hw_models/api/prove.h"
#include "hw_models/edgetpu/target.h"
#include "sim/kernel/machine.h"
#include "tests/catch.h"
#include "workloads/reference/seeded.h"
#include "workloads/zoo/builder.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;

namespace {

const hw::Npu& chip() {
  static const std::unique_ptr<hw::Npu> made = hw::make_npu(hw::describe("edgetpu-coral-usb"));
  return *made;
}

hw::Trial trial_of(const ir::Graph& graph, std::uint64_t seed = 1) {
  return hw::prepare_trial(chip(), graph, reference::seeded_values(graph, seed), ir::DType::i8);
}

/// What is wrong with a network's numbers, in words; "" when nothing is.
std::string wrong(const hw::Trial& trial) {
  const hw::Verdict verdict = hw::run_trial(trial);
  if (!verdict.mismatch) return "";
  const auto& it = *verdict.mismatch;
  return fmt::format("{} {} {}: {}, expected {}; {}", it.task, it.tensor, it.element, it.actual, it.expected,
                     it.where);
}

/// The first buffer that clocked engines leave with other bytes than fast ones; "" when there is none.
std::string different_buffer(const hw::Trial& trial) {
  const auto& program = trial.compiled.program;
  std::vector<program::Storage> memories;
  for (const auto engines : {kernel::EngineKind::fast, kernel::EngineKind::clocked}) {
    program::Storage& memory = memories.emplace_back(program);
    trial.compiled.functional->fill(trial.expected, memory);
    kernel::Machine machine(chip().target(), chip().machine(), kernel::KernelKind::systemc, engines);
    static_cast<void>(machine.run(program, {false, &memory}));
  }
  bool any = false;
  for (const auto& buffer : program.buffers) {
    const auto fast = memories[0].bytes(buffer.space, buffer.offset, buffer.bytes);
    const auto clocked = memories[1].bytes(buffer.space, buffer.offset, buffer.bytes);
    if (!std::equal(fast.begin(), fast.end(), clocked.begin())) return buffer.name;
    any = any ||
          (buffer.output && std::any_of(fast.begin(), fast.end(), [](auto b) { return b != std::byte{0}; }));
  }
  return any ? "" : "the outputs are all zero";
}

}  // namespace

TEST_CASE("ResNet-8: every layer's bytes are the reference's, and clocked engines leave the same bytes") {
  const hw::Trial trial = trial_of(zoo::build("resnet8"));
  CHECK(hw::run_trial(trial).not_computed.size() <= 1);  // a softmax at the end
  CHECK(wrong(trial) == "");
  CHECK(different_buffer(trial) == "");
}

TEST_CASE("MobileNet v1 0.25 for 128x128 images: the reference's bytes, from fast and from clocked engines") {
  const hw::Trial trial = trial_of(zoo::build("mobilenet_v1_0_25_128"));
  CHECK(hw::run_trial(trial).not_computed.size() <= 1);
  CHECK(wrong(trial) == "");
  CHECK(different_buffer(trial) == "");
}

TEST_CASE("MobileNet v2 0.35 and ResNet-18: the reference's bytes", "[.slow]") {
  for (const char* net : {"mobilenet_v2_0_35", "resnet18"}) {
    INFO(net);
    const hw::Trial trial = trial_of(zoo::build(net));
    CHECK(wrong(trial) == "");
  }
}

TEST_CASE("faults in ResNet-8's program become wrong numbers") {
  const hw::Trial sound = trial_of(zoo::build("resnet8"));
  const auto damaged = [&](edgetpu::Queue queue, std::string_view opcode, std::size_t arg, std::int32_t by) {
    hw::Trial trial = sound;
    for (auto& command : trial.compiled.program.commands) {
      const bool it = command.queue == edgetpu::queue_id(queue) &&
                      chip().target().opcodes[command.opcode].name == opcode && command.args[0] > 1;
      if (!it) continue;
      command.args[arg] += by;
      break;
    }
    return wrong(trial);
  };
  CHECK(damaged(edgetpu::Queue::op, "copy", 1, 1) != "");
  CHECK(damaged(edgetpu::Queue::ring, "broadcast", 2, 4) != "");
  hw::Trial shifted = sound;
  for (auto& region : shifted.compiled.program.regions) {
    if (region.space != edgetpu::space_id(edgetpu::Space::parameters)) continue;
    region.offset += 4;
    break;
  }
  CHECK(wrong(shifted) != "");
}
