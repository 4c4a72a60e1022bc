#include "hw_models/ascend310/clocked/vector_pipe.h"

#include <algorithm>
#include <utility>

#include "sim/base/error.h"
#include "sim/base/units.h"

namespace npusim::ascend310::clocked {

namespace {
constexpr std::int64_t kBlocksPerRepeat = 8;
}

void VectorPipe::latch(const Instruction& instruction) {
  now_ = instruction;
  ensure(now_.rows > 0 && now_.bytes > 0, "a vector instruction has something to do");
  if (pipe_.depth() != now_.latency) pipe_ = ShiftRegister<Beat>(now_.latency);
  decoding_ = startup_;
  row_ = 0;
  start_row();
}

void VectorPipe::start_row() {
  at_ = 0;
  slots_ = 0;
  rereads_ = 0;
  row_end_ = round_up(ceil_div(now_.bytes, now_.rows), lane_bytes_);
}

std::int64_t VectorPipe::reads_of_fullest_group() const {
  std::vector<std::int64_t> blocks;  // distinct ones: a block read by several lanes is read once
  for (std::int64_t i = 0; i < kBlocksPerRepeat; ++i) {
    const std::int64_t block = i * now_.block_stride;
    if (std::find(blocks.begin(), blocks.end(), block) == blocks.end()) blocks.push_back(block);
  }
  std::vector<std::int64_t> reads(static_cast<std::size_t>(groups_));
  for (const std::int64_t block : blocks) ++reads[static_cast<std::size_t>(block % groups_)];
  return *std::max_element(reads.begin(), reads.end());
}

VectorPipe::Beat VectorPipe::take_beat() {
  Beat beat{row_, at_, {}};
  const std::int64_t row_bytes = ceil_div(now_.bytes, now_.rows);
  const std::int64_t count =
      std::min({now_.bytes_per_beat, row_bytes - at_, now_.bytes - row_ * row_bytes - at_});
  if (now_.lanes != nullptr && count > 0) beat.results = now_.lanes->compute(row_, at_, count);
  at_ += now_.bytes_per_beat;
  if (at_ >= row_end_) {
    ++row_;
    start_row();
  }
  return beat;
}

/// What the issue port does on an edge: address a row, wait for a bank group, or send a beat.
std::optional<VectorPipe::Beat> VectorPipe::issue() {
  if (row_ == now_.rows) return std::nullopt;
  if (rereads_ > 0) return --rereads_ == 0 ? std::optional(take_beat()) : std::nullopt;
  const std::int64_t beats_left = ceil_div(row_end_ - at_, now_.bytes_per_beat);
  ++slots_;
  if (slots_ + beats_left - 1 < now_.row_slots) return std::nullopt;  // addressing
  rereads_ = reads_of_fullest_group() - 1;
  return rereads_ == 0 ? std::optional(take_beat()) : std::nullopt;
}

bool VectorPipe::edge() {
  if (decoding_ > 0) {
    --decoding_;
    return true;
  }
  auto leaving = pipe_.shift(issue());
  if (leaving && now_.lanes != nullptr && !leaving->results.empty()) {
    now_.lanes->write(leaving->row, leaving->from, leaving->results);
  }
  return row_ < now_.rows || !pipe_.empty();
}

}  // namespace npusim::ascend310::clocked
