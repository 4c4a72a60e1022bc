// The vector unit's pipe: one instruction at a time, beat by beat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hw_models/ascend310/clocked/shift_register.h"
#include "hw_models/ascend310/spec.h"

namespace npusim::ascend310::clocked {

/// What the lanes compute: bytes [from, from + count) of one row of an instruction.
class Lanes {
 public:
  virtual ~Lanes() = default;
  /// Reads the operands and computes the beat's results, which then travel through the pipe.
  virtual std::vector<std::byte> compute(std::int64_t row, std::int64_t from, std::int64_t count) = 0;
  /// Writes the results of a beat where they belong.
  virtual void write(std::int64_t row, std::int64_t from, std::span<const std::byte> results) = 0;
};

/// One vector instruction as it is issued.
struct Instruction {
  std::int64_t bytes = 0;  ///< of all rows, dealt out evenly
  std::int64_t rows = 1;   ///< separately addressed pieces
  std::int64_t bytes_per_beat = 1;
  std::int64_t row_slots = 0;  ///< issue slots that re-addressing a row takes at least
  std::int64_t block_stride =
      1;                     ///< from one 32-byte block of a repeat's first operand to the next, in blocks
  std::int64_t latency = 0;  ///< stages behind the issue
  Lanes* lanes = nullptr;    ///< null: the instruction's numbers are no lanes' matter
};

/// Issue port, operand read and lanes. An instruction starts after `startup` edges of decoding. A row is cut
/// into repeats of 256 bytes (the lanes' width), the last one filled up; beats carry them through the lanes
/// at the instruction's rate. For a beat the operand's eight blocks are read from UB, whose bank groups each
/// serve one block a cycle: while a group has more to serve, the issue port and the row's address registers
/// stand still. Masked lanes' blocks are addressed, too. The next instruction may need the results of this
/// one, so it starts when the last beat has left the pipe.
class VectorPipe {
 public:
  explicit VectorPipe(const Spec& spec)
      : lane_bytes_(spec.vector_rate), groups_(spec.ub_bank_groups), startup_(spec.vector_startup) {}

  void latch(const Instruction& instruction);
  /// One rising edge; returns whether the instruction still runs after it.
  bool edge();

 private:
  struct Beat {
    std::int64_t row = 0, from = 0;
    std::vector<std::byte> results;
  };
  void start_row();
  [[nodiscard]] std::int64_t reads_of_fullest_group() const;
  [[nodiscard]] std::optional<Beat> issue();
  [[nodiscard]] Beat take_beat();

  std::int64_t lane_bytes_, groups_, startup_;
  Instruction now_;
  ShiftRegister<Beat> pipe_{0};
  std::int64_t decoding_ = 0;  ///< edges until the first beat may issue
  std::int64_t row_ = 0;       ///< the row being issued
  std::int64_t at_ = 0;        ///< its bytes issued
  std::int64_t row_end_ = 0;   ///< its bytes, repeats filled up
  std::int64_t slots_ = 0;     ///< issue slots it has used
  std::int64_t rereads_ = 0;   ///< cycles for which bank groups hold the present beat
};

}  // namespace npusim::ascend310::clocked
