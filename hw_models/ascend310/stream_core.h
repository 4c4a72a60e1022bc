// The Unified Buffer of one core while a streaming operator runs.
#pragma once

#include <cstdint>
#include <vector>

#include "hw_models/ascend310/stream_layer.h"
#include "hw_models/ascend310/target.h"

namespace npusim::ascend310 {

/// The UB of one core: resident operands, then two input slots, then two output slots.
class CoreStream {
 public:
  CoreStream(const Spec& spec, const StreamLayer& layer, std::int64_t core, std::int64_t resident,
             std::int64_t in_bytes, std::int64_t out_bytes, mapping::Emitter& emitter, bool meant)
      : spec_(spec),
        layer_(layer),
        core_(core),
        emitter_(emitter),
        in_(emitter, flags(Pair::mte2_vector, Pair::vector_mte2), ub(), resident, in_bytes),
        out_(emitter, flags(Pair::vector_mte3, Pair::mte3_vector), ub(), resident + 2 * in_bytes, out_bytes) {
    if (meant) setting_ = emitter.setting(to_setting(*layer.meaning));
    if (resident > 0) load_residents();
  }

  /// One part of a tile.
  struct Part {
    std::int64_t bytes = 0;   ///< of operands, loaded for it
    std::int64_t widest = 1;  ///< bytes that instructions pass over, in `rows` pieces
    std::int64_t rows = 1, stride = 1;
    bool first = true;
    std::int64_t carried_bytes = 0;  ///< of accumulators that the part before left in the result's slot
    std::int64_t out_bytes = 0;      ///< of results, or of accumulators
    StreamTile tile;
  };

  /// Loads `reads` (global runs), passes over them; the result stays in UB. The last instructions of a part
  /// give the result.
  void part(const std::vector<program::Region>& reads, const Part& p) {
    int slot = -1;
    if (p.bytes > 0) {
      const mapping::LocalId load = emitter_.add(queue_id(core_, Pipe::mte2), kLoadGlobal, {});
      auto& regions = emitter_.at(load).regions;
      regions.insert(regions.end(), reads.begin(), reads.end());
      slot = in_.take(++tiles_);
      regions.push_back(in_.region(slot, 0, p.bytes, true));
      in_.fill_first(slot, load);
      in_.fill_last(slot, load);
    }
    if (p.first) out_slot_ = out_.take(++tiles_);
    bool out_fresh = p.first;
    for (const auto& pass : layer_.passes) {
      last_ = emitter_.add(queue_id(core_, Pipe::vector), kVector,
                           {pass.kind, pass.count, p.widest, p.rows, p.stride, p.tile.first, p.tile.planes,
                            p.tile.height, p.tile.width, p.tile.part});
      if (slot >= 0) {
        emitter_.region(last_, in_.region(slot, 0, p.bytes, false));
        in_.consume(slot, last_);
      }
      for_each_resident([&](const StreamOperand& operand, std::int64_t at) {
        emitter_.region(last_, program::Region{ub(), false, at, operand.tensor->bytes()});
      });
      if (p.carried_bytes > 0) emitter_.region(last_, out_.region(out_slot_, 0, p.carried_bytes, false));
      if (resident_pending_) emitter_.wait(last_, flag_id(spec_, core_, Pair::mte2_vector, 2));
      resident_pending_ = false;
      emitter_.region(last_, out_.region(out_slot_, 0, p.out_bytes, true));
      if (out_fresh) out_.fill_first(out_slot_, last_);
      out_fresh = false;
    }
    emitter_.at(last_).setting = setting_;
  }

  void store(const std::vector<program::Region>& writes, std::int64_t bytes) {
    out_.fill_last(out_slot_, last_);
    const mapping::LocalId store = emitter_.add(queue_id(core_, Pipe::mte3), kStoreGlobal, {});
    auto& regions = emitter_.at(store).regions;
    regions.insert(regions.end(), writes.begin(), writes.end());
    regions.push_back(out_.region(out_slot_, 0, bytes, false));
    out_.consume(out_slot_, store);
  }

 private:
  [[nodiscard]] program::SpaceId ub() const { return space_id(core_, Memory::ub); }
  [[nodiscard]] std::vector<mapping::Slots::Flags> flags(Pair ready, Pair free) const {
    return {{flag_id(spec_, core_, ready, 0), flag_id(spec_, core_, free, 0)},
            {flag_id(spec_, core_, ready, 1), flag_id(spec_, core_, free, 1)}};
  }
  /// Calls visit(operand, offset in UB) for the operands that stay in UB.
  template <class Visit>
  void for_each_resident(Visit&& visit) const {
    std::int64_t at = 0;
    for (const auto& operand : layer_.operands) {
      if (!operand.resident) continue;
      visit(operand, at);
      at += round_up(operand.tensor->bytes(), kBlock);
    }
  }
  void load_residents() {
    const mapping::LocalId load = emitter_.add(queue_id(core_, Pipe::mte2), kLoadGlobal, {});
    std::vector<program::Region> runs;
    std::vector<program::Region> homes;
    for_each_resident([&](const StreamOperand& operand, std::int64_t at) {
      append_linear(runs, *operand.tensor, kGlobalSpace, false, 0, operand.tensor->bytes());
      homes.push_back(program::Region{ub(), true, at, operand.tensor->bytes()});
    });
    auto& regions = emitter_.at(load).regions;
    regions.insert(regions.end(), runs.begin(), runs.end());
    regions.insert(regions.end(), homes.begin(), homes.end());
    emitter_.set(load, flag_id(spec_, core_, Pair::mte2_vector, 2));
    resident_pending_ = true;
  }

  const Spec& spec_;
  const StreamLayer& layer_;
  std::int64_t core_;
  mapping::Emitter& emitter_;
  mapping::Slots in_, out_;
  bool resident_pending_ = false;
  int out_slot_ = 0;
  std::int64_t tiles_ = 0;
  mapping::LocalId last_ = mapping::kNone;
  std::uint32_t setting_ = program::kNoSetting;
};

/// Bytes of UB that operands which stay there take.
inline std::int64_t resident_bytes(const StreamLayer& layer) {
  std::int64_t bytes = 0;
  for (const auto& operand : layer.operands) {
    if (operand.resident) bytes += round_up(operand.tensor->bytes(), kBlock);
  }
  return bytes;
}

/// Tiles of the bytes that the layer's meaning needs. False, without commands, when it has no meaning or no
/// tile fits in UB.
bool emit_tiles(const Spec& spec, const StreamLayer& layer, mapping::Emitter& emitter);

}  // namespace npusim::ascend310
