#include "hw_models/ascend310/clocked/vector.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "hw_models/ascend310/clocked/lanes.h"
#include "hw_models/ascend310/opcodes.h"
#include "sim/base/error.h"

namespace npusim::ascend310::clocked {

namespace {

/// Bytes that a class of instructions takes through the lanes in a cycle.
std::int64_t lane_rate(const Spec& spec, std::int32_t kind) {
  switch (kind) {
    case kExp:
      return spec.exp_rate;
    case kConvert:
      return spec.convert_rate;
    case kTranspose:
      return spec.transpose_rate;
    case kReduce:
      return spec.reduce_rate;
    default:
      return spec.vector_rate;
  }
}

Instruction instruction(const Spec& spec, std::int32_t kind, std::int64_t bytes) {
  Instruction made;
  made.bytes = bytes;
  made.bytes_per_beat = lane_rate(spec, kind);
  made.latency = kind == kReduce ? spec.reduce_latency : spec.vector_latency;
  return made;
}

/// UB regions of a command: what it reads, in order, and what it writes.
std::vector<const program::Region*> ub_regions(const program::Program& program,
                                               const program::Command& command, bool write) {
  std::vector<const program::Region*> found;
  for (const auto& region : program.regions_of(command)) {
    if (memory_of(region.space) == Memory::ub && region.write == write) found.push_back(&region);
  }
  return found;
}

/// Accumulators on their way out of L0C: a port of so many bytes an edge, then stages.
class WayOut {
 public:
  explicit WayOut(std::int64_t stages) : way_(stages) {}
  void latch(std::span<const std::byte> accumulators, std::int64_t bytes_per_edge) {
    accumulators_ = accumulators;
    bytes_per_edge_ = bytes_per_edge;
    at_ = 0;
  }
  /// `tile`, where there is one, receives what arrives.
  bool edge(ResultTile* tile) {
    auto arrived = way_.shift(at_ < std::ssize(accumulators_) ? std::optional(read()) : std::nullopt);
    if (arrived && tile != nullptr) tile->receive(arrived->from, arrived->bytes);
    return at_ < std::ssize(accumulators_) || !way_.empty();
  }

 private:
  struct Word {
    std::int64_t from = 0;
    std::vector<std::byte> bytes;
  };
  Word read() {
    const auto count = std::min(bytes_per_edge_, std::ssize(accumulators_) - at_);
    const auto bytes = accumulators_.subspan(static_cast<std::size_t>(at_), static_cast<std::size_t>(count));
    Word word{at_, {bytes.begin(), bytes.end()}};
    at_ += count;
    return word;
  }

  ShiftRegister<Word> way_;
  std::span<const std::byte> accumulators_;
  std::int64_t bytes_per_edge_ = 1;
  std::int64_t at_ = 0;
};

}  // namespace

struct Vector::State {
  State(const Spec& from, kernel::Functional effect)
      : spec(from), otherwise(std::move(effect)), pipe(from), way_out(from.vector_startup) {}

  void latch_vector(const program::Program& program, const program::Command& command,
                    program::Storage& storage);
  void latch_copy_out(const program::Program& program, const program::Command& command,
                      program::Storage& storage);
  void make_tile(const program::Program& program, const program::Command& command, program::Storage& storage);
  void add_passes(std::int32_t kind, std::int64_t count, std::int64_t bytes) {
    instructions.insert(instructions.end(), static_cast<std::size_t>(count), instruction(spec, kind, bytes));
  }
  /// The next instruction into the pipe; false when there is none left.
  bool next() {
    if (counter == instructions.size()) return false;
    pipe.latch(instructions[counter++]);
    return true;
  }

  Spec spec;
  kernel::Functional otherwise;
  VectorPipe pipe;
  WayOut way_out;
  std::vector<Instruction> instructions;  ///< of the present command
  std::size_t counter = 0;                ///< the next of them
  bool copying = false;                   ///< accumulators are on their way out
  std::vector<std::unique_ptr<Lanes>> lanes;
  std::unique_ptr<ResultTile> tile;
  std::function<void()> at_end;  ///< the effect of a command without lanes
};

namespace {

std::unique_ptr<Lanes> make_lanes(const LaneSetting& setting, std::vector<Rows> operands, Rows result,
                                  std::int64_t block_stride) {
  using Kind = LaneSetting::Kind;
  switch (setting.kind) {
    case Kind::convert:
      return std::make_unique<ConvertLanes>(operands.at(0), std::move(result));
    case Kind::transpose:
      return std::make_unique<TransposeLanes>(operands.at(0), std::move(result));
    case Kind::sum:
      return std::make_unique<SumLanes>(operands.at(0), std::move(result));
    case Kind::function:
      break;
  }
  return std::make_unique<FunctionLanes>(setting.op, std::move(operands), std::move(result), block_stride);
}

}  // namespace

void Vector::State::latch_vector(const program::Program& program, const program::Command& command,
                                 program::Storage& storage) {
  const auto& args = command.args;
  Instruction made = instruction(spec, args[0], args[2]);
  made.rows = std::max(args[3], 1);
  made.row_slots = made.rows > 1 ? spec.row_issue : 0;
  made.block_stride = args[4];
  instructions.assign(static_cast<std::size_t>(args[1]), made);
  const program::Setting* setting = setting_of(program, command);
  if (setting == nullptr || setting->name != "lanes") {
    if (otherwise) at_end = [&, this] { otherwise(program, command, storage); };
    return;
  }
  std::vector<Rows> operands;
  for (const auto* region : ub_regions(program, command, false)) {
    operands.push_back(rows_of(storage, *region));
  }
  const Rows result = rows_of(storage, *ub_regions(program, command, true).at(0));
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    if (i == 1 && operands.size() == 2) operands[1] = result;
    lanes.push_back(make_lanes(lane_setting(*setting), operands, result, args[4]));
    instructions[i].lanes = lanes.back().get();
  }
}

void Vector::State::latch_copy_out(const program::Program& program, const program::Command& command,
                                   program::Storage& storage) {
  const auto& args = command.args;
  const std::int64_t fractals = args[0];
  const auto accumulators = plain_bytes(storage, operand(program, command, Memory::l0c, false));
  ensure(std::ssize(accumulators) == fractals * kAccumulator, "a copy_out reads as many fractals as it says");
  copying = true;
  way_out.latch(accumulators, spec.l0c_ub_rate);
  add_passes(kSimple, args[1], fractals * kAccumulator);
  for (std::int32_t kind = kSimple; kind <= kConvert; ++kind) {
    add_passes(kind, args[2 + static_cast<std::size_t>(kind)], fractals * kFractal);
  }
  const program::Setting* setting = setting_of(program, command);
  if (setting != nullptr && setting->name == "copy_out") {
    make_tile(program, command, storage);
  } else if (otherwise) {
    at_end = [&, this] { otherwise(program, command, storage); };
  }
}

void Vector::State::make_tile(const program::Program& program, const program::Command& command,
                              program::Storage& storage) {
  const CopyOutSetting setting = copy_out_setting(*setting_of(program, command));
  const auto biases = static_cast<std::size_t>(command.args[1]);
  const std::size_t passes = instructions.size() - biases;
  const std::size_t steps = setting.steps.size();
  // A ReLU is free when it comes with the rounding to fp16.
  const std::size_t early = steps - std::min(steps, passes);
  const auto reads = ub_regions(program, command, false);
  std::size_t used = 0;
  std::span<const std::byte> bias;
  std::span<const std::byte> residual;
  if (setting.first_bias >= 0) bias = plain_bytes(storage, *reads.at(used++));
  if (std::any_of(setting.steps.begin(), setting.steps.end(), [](const auto& step) { return step.residual; }))
    residual = plain_bytes(storage, *reads.at(used++));
  tile = std::make_unique<ResultTile>(setting, early, command.args[0],
                                      plain_bytes(storage, *ub_regions(program, command, true).at(0)), bias,
                                      residual);
  ensure((setting.first_bias >= 0) == (biases == 1), "a bias takes one instruction");
  if (biases == 1) {
    lanes.push_back(std::make_unique<BiasLanes>(*tile));
    instructions[0].lanes = lanes.back().get();
  }
  for (std::size_t step = early; step < steps; ++step) {
    lanes.push_back(std::make_unique<StepLanes>(*tile, step));
    instructions[instructions.size() - (steps - step)].lanes = lanes.back().get();
  }
}

Vector::Vector(const sc_core::sc_module_name& name, const Spec& spec, kernel::Functional otherwise)
    : EdgeEngine(name), state_(std::make_unique<State>(spec, std::move(otherwise))) {}

Vector::~Vector() = default;

bool Vector::latch(const program::Program& program, const program::Command& command,
                   program::Storage& storage) {
  State& state = *state_;
  state.instructions.clear();
  state.lanes.clear();
  state.tile.reset();
  state.at_end = {};
  state.counter = 0;
  if (command.opcode == kVectorCopyOut) {
    state.latch_copy_out(program, command, storage);
    return true;
  }
  ensure(command.opcode == kVector, "the vector unit runs vector commands");
  state.latch_vector(program, command, storage);
  return state.next();
}

bool Vector::edge() {
  State& state = *state_;
  if (state.copying) {
    state.copying = state.way_out.edge(state.tile.get());
    if (state.copying) return true;
  } else if (state.pipe.edge()) {
    return true;
  }
  if (state.next()) return true;
  if (state.at_end) state.at_end();
  return false;
}

}  // namespace npusim::ascend310::clocked
