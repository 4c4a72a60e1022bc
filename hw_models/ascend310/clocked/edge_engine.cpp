#include "hw_models/ascend310/clocked/edge_engine.h"

#include "sim/base/error.h"

namespace npusim::ascend310::clocked {

EdgeEngine::EdgeEngine(const sc_core::sc_module_name& name) : ClockedEngine(name) {
  SC_HAS_PROCESS(EdgeEngine);
  SC_METHOD(on_edge);
  sensitive << clock.pos();
  dont_initialize();
}

void EdgeEngine::begin(const program::Program& program, const program::Command& command,
                       program::Storage& storage) {
  ensure(!busy_, "a twin takes a command only when idle");
  busy_ = latch(program, command, storage);
}

void EdgeEngine::on_edge() {
  if (busy_) busy_ = edge();
}

Memory memory_of(program::SpaceId space) {
  ensure(space != kGlobalSpace, "a twin reaches scratchpads only");
  return static_cast<Memory>((space - 1) % kMemories);
}

const program::Region& operand(const program::Program& program, const program::Command& command,
                               Memory memory, bool write) {
  const program::Region* found = nullptr;
  for (const auto& region : program.regions_of(command)) {
    if (region.space == kGlobalSpace || memory_of(region.space) != memory || region.write != write) continue;
    ensure(found == nullptr, "a command has one operand in a scratchpad");
    found = &region;
  }
  ensure(found != nullptr, "a command names its operand");
  return *found;
}

std::span<std::byte> plain_bytes(program::Storage& storage, const program::Region& region) {
  ensure(region.inner == 1 && region.outer == 1, "an operand in L0 or UB is one run");
  return storage.bytes(region.space, region.offset, region.bytes);
}

}  // namespace npusim::ascend310::clocked
