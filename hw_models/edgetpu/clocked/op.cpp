#include "hw_models/edgetpu/clocked/op.h"

#include <vector>

#include "hw_models/edgetpu/clocked/tile_op.h"

namespace npusim::edgetpu::clocked {

struct Op::State {
  Faults faults;
  std::vector<TileOp> tiles;
  std::int64_t draining = 0;  ///< edges until the last results have passed superfluous registers
};

Op::Op(const sc_core::sc_module_name& name, const Spec& spec, const Faults& faults)
    : Engine(name, spec), state_(std::make_unique<State>()) {
  state_->faults = faults;
}

Op::~Op() = default;

void Op::latch(const program::Program& program, const program::Command& command, program::Storage& storage) {
  OpRegisters registers;
  registers.s = setting_of_command(program, command);
  registers.opcode = command.opcode;
  registers.args = command.args;
  if (command.opcode == kConv || command.opcode == kDepthwise) {
    // The slot is the last region in wide memory that is read whole: partial sums lie below it.
    for (const auto& region : program.regions_of(command)) {
      const bool wide = region.space == space_id(Space::wide) && !region.write;
      if (wide && region.offset >= registers.slot) registers.slot = region.offset;
    }
  }
  if (const auto* parameters = region_in(program, command, Space::parameters, false)) {
    registers.parameters = storage.bytes(parameters->space, parameters->offset, parameters->bytes);
  }
  state_->tiles.clear();
  for (std::int64_t tile = 0; tile < spec().tiles(); ++tile) {
    state_->tiles.emplace_back(spec(), storage, tile).latch(registers);
  }
  state_->draining = state_->faults.op_registers;
}

bool Op::edge() {
  bool works = false;
  for (TileOp& tile : state_->tiles) works = tile.edge() || works;
  return works || state_->draining-- > 0;
}

}  // namespace npusim::edgetpu::clocked
