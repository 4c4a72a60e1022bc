// The compiler's last stage as a class: phases to commands. Its parts are defined by what they emit.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "hw_models/edgetpu/draft.h"
#include "hw_models/edgetpu/network.h"
#include "hw_models/edgetpu/opcodes.h"
#include "hw_models/edgetpu/spec.h"
#include "hw_models/edgetpu/target.h"

namespace npusim::edgetpu {

/// Buffers in the host's memory begin on pages.
inline constexpr std::int64_t kPage = 4096;

/// Writes the commands of a placed network (emit.h), phase by phase: emit.cpp the program and the order of
/// things, emit_operations.cpp what the tiles compute, emit_parameters.cpp how weights reach them,
/// emit_moves.cpp borders, spills and gathered maps, emit_host.cpp the host's part.
class ProgramEmitter {
 public:
  ProgramEmitter(const Spec& spec, Network& net, program::Program& program)
      : spec_(spec), net_(net), program_(program), slots_(static_cast<std::size_t>(spec.slots)) {}
  void run();

 private:
  // --- memories ---
  program::Buffer& buffer(std::string name, std::int64_t bytes);
  /// A map's tile block, or channels [from, from + count) of it, where it is kept.
  [[nodiscard]] program::Region block(MapId id, bool write, std::int64_t from = 0,
                                      std::int64_t count = 0) const;
  [[nodiscard]] bool is_wide(MapId id) const { return net_.map(net_.home_of(id)).wide; }
  [[nodiscard]] program::Region bands(bool write) const;
  [[nodiscard]] std::int64_t words(MapId id) const;

  // --- the link ---
  void begin();
  /// Pages of the host's memory that the driver maps for an invocation and unmaps behind it: instructions,
  /// inputs, results; parameters stay mapped (libedgetpu driver/single_tpu_request.cc, Prepare and Cleanup).
  [[nodiscard]] std::int64_t mapped_pages() const;
  /// Brings bytes [from, from + bytes) of a host buffer into the next slot of the stream buffer; remembers
  /// the slot for consumers.
  struct Slot {
    Handle filled, used;
  };
  std::size_t fetch(std::int64_t address, std::int64_t bytes);
  /// Feeds a phase's parameters, or any bytes of the host's, to ring commands in order: piece by piece.
  struct Stream {
    std::int64_t address = 0, left = 0;  ///< not yet fetched
    std::int64_t held = 0, used = 0;     ///< bytes in the current slot, of these consumed
    std::size_t slot = 0;
  };
  /// Ties `command` to the slots that hold the next `bytes` of the stream. Returns the bytes that could be
  /// had from the current slot: the caller splits its command there.
  std::int64_t available(Stream& stream);
  void consume(Stream& stream, const Handle& command, std::int64_t bytes);
  /// Where a phase's parameters come from: a buffer on the chip, or the stream.
  void open_parameters(Phase& phase);
  /// Packets or rows on their way to a slot of wide memory, the slot's row for the first of them, and the
  /// word of channels that compact rows belong to.
  struct Rows {
    std::int64_t units = 0, first = 0, word = 0;
    std::int64_t byte = 0;  ///< of the slot's stored bytes, the first that comes
  };
  /// Ring commands that bring parameter bytes [taken, taken + bytes) as `rows` into [offset, offset + room)
  /// of wide memory, waiting for `free`. Returns the last.
  Handle bring(Phase& phase, program::OpcodeId opcode, const Rows& rows, std::int64_t bytes,
               std::int64_t offset, std::int64_t room, const Handle& free);

  // --- phases ---
  void emit_phase(Phase& phase);
  /// One band of a phase, or all of it.
  void emit_run(Phase& phase);
  /// Inputs that were spilled come back, in bands that nothing overlaps.
  void fill_inputs(Phase& phase);
  [[nodiscard]] std::int64_t spill_cycles(std::int64_t count) const;
  void spill_output(Phase& phase);
  void exchange(Phase& phase);
  /// A command of the chip for the phase, with the phase's setting.
  Handle add(Queue queue, program::OpcodeId opcode, std::initializer_list<std::int64_t> args);
  /// An operation of the phase: reads all inputs and borders.
  Handle operation(const Phase& phase, program::OpcodeId opcode, std::initializer_list<std::int64_t> args);
  /// `op` writes channels [from, from + count) of the phase's result.
  void result(const Phase& phase, const Handle& op, std::int64_t from, std::int64_t count);
  void emit_conv(Phase& phase);
  /// Stored bytes of fill `n` of a convolution, biases included; the last takes what fills up the region.
  [[nodiscard]] std::int64_t fill_bytes(const Phase& phase, const Fills& fills, std::int64_t n) const;
  void emit_depthwise(Phase& phase);
  /// Resident weights are read in place; streamed ones pass the ring to their tiles in pieces.
  void emit_fc(Phase& phase);
  /// The input of the phase, wherever its tiles hold it, comes to one of them.
  void gather(Phase& phase, std::int64_t bytes);
  /// A maximum reads its windows from wide memory: the block, borders included, is moved there first.
  void relay(Phase& phase);
  /// Pools and operations word by word.
  void emit_simple(Phase& phase);
  /// All rows of tiles but the last receive their part first, then the last one, in pieces; the operation
  /// lays out what has arrived, its tile's last row of pixels at the end.
  void emit_input(Phase& phase);

  // --- the host ---
  /// The host buffer of a map; made when first needed.
  std::size_t host_buffer(MapId id);
  [[nodiscard]] program::Region host_region(MapId id, bool write);
  /// A map leaves the chip. Once.
  Handle store(MapId id);
  void fetch_from_host(MapId id);
  void emit_host(Phase& phase);
  /// Results leave the chip.
  void finish();
  [[nodiscard]] std::string describe(const Phase& phase) const;

  const Spec& spec_;
  Network& net_;
  program::Program& program_;
  Draft draft_;
  program::Setting setting_;  ///< of the phase's commands
  std::int64_t host_end_ = 0;
  Handle start_, end_;      ///< what the phase's commands wait for; its last command so far
  Handle arrived_;          ///< the input's last packets
  std::int64_t image_ = 0;  ///< the input's buffer in the host's memory
  Stream stream_;
  std::int64_t taken_ = 0;  ///< bytes of the phase's parameters that the ring has brought
  std::vector<Slot> slots_;
  std::size_t next_slot_ = 0;
  std::int64_t run_ = 0;  ///< band of the phase
  std::string mode_;
  std::map<MapId, std::size_t> host_buffers_;
  std::map<MapId, Handle> stored_, fetched_;
};

}  // namespace npusim::edgetpu
