#include "hw_models/midap/clocked/pipeline.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "hw_models/midap/clocked/carry_save.h"
#include "hw_models/midap/clocked/row_sequencer.h"
#include "hw_models/midap/target.h"
#include "sim/base/error.h"

namespace npusim::midap::clocked {

namespace {

using Bytes = std::vector<std::int8_t>;
using Words = std::vector<std::int32_t>;

/// Where an output vector goes, and how it is finished: latched with the segment.
using Settings = std::shared_ptr<const PipelineSetting>;

/// Moves down the pipeline: a row, the end of a layer, or channels that the reduction stage hands out.
struct Token {
  Row row;
  Settings settings;
  bool end = false;
  bool hand_out = false;
  Bytes features;                               ///< from load on, the raw row; from align on, by lane
  std::vector<std::vector<std::byte>> weights;  ///< a row of each CIM at work
  std::vector<Words> products;                  ///< [CIM][lane]
  Words values;                                 ///< from add on: an output vector; else empty
};
using Stage = std::optional<Token>;

std::int64_t round_shift(std::int64_t value, std::int64_t shift) {
  return shift == 0 ? value : (value + (std::int64_t{1} << (shift - 1))) >> shift;
}

std::int64_t round_divide(std::int64_t value, std::int64_t count) {  // halves away from zero
  return (value >= 0 ? value + count / 2 : value - count / 2) / count;
}

std::int8_t saturate(std::int64_t value) {
  return static_cast<std::int8_t>(std::clamp<std::int64_t>(value, -128, 127));
}

}  // namespace

struct Pipeline::State {
  explicit State(const Spec& s) : spec(s), sequencer(s.lanes, s.cims) {
    ensure(spec.drain_cycles == 8 && spec.bias_stage == 4, "the twin has eight stages, biases in the fifth");
    older.resize(static_cast<std::size_t>(spec.lanes));
    newer = older;
  }

  void latch(const program::Program& program, const program::Command& command, program::Storage& s);
  bool edge();

  // Stages from the write stage up: each takes the register in front of it.
  void write();
  void queue_in();
  void reduce();
  void add_bias();
  void add();
  void multiply();
  void align();
  void load(Stage issued);
  Stage issue();
  void move();
  [[nodiscard]] bool at_target() const;
  [[nodiscard]] bool is_empty() const { return !ended && queue.empty(); }
  void put(const Token& vector, std::int64_t from, std::int64_t to);
  [[nodiscard]] std::int64_t chunk(const PipelineSetting& s) const;
  [[nodiscard]] std::int64_t elements(const Token& token) const;

  Spec spec;
  RowSequencer sequencer;
  Settings settings;
  program::OpcodeId opcode = kDrain;
  program::Storage* storage = nullptr;
  std::int64_t until_column = 0, until_row = 0;   ///< compute: ends in front of this row
  bool to_bias = false;                           ///< drain: ends before the first output's bias is read
  std::int64_t left = 0;                          ///< control: edges
  std::int64_t reduced = 0, reduce_channels = 0;  ///< reduce: channels asked for
  std::span<const std::byte> weights, biases;
  std::int64_t weight_base = 0;
  std::int64_t write_held = 0;  ///< edges until the next vector may be completed
  bool ended = false;           ///< the end token is under way

  Stage loaded, aligned, multiplied, added, biased, summed;
  Bytes older, newer;               ///< the alignment register
  std::vector<Words> accumulators;  ///< [CIM][1], or [1][lane]
  Words sums;                       ///< of the reduction stage
  std::int64_t pixels = 0;          ///< that they hold
  std::deque<Token> queue;          ///< in front of the write stage
  std::int64_t written = 0;         ///< elements of its first vector
};

// --- the command ---

void Pipeline::State::latch(const program::Program& program, const program::Command& command,
                            program::Storage& s) {
  storage = &s;
  opcode = command.opcode;
  for (const auto& region : program.regions_of(command)) {
    if (region.write) continue;
    for (const std::int64_t i : {0, 1}) {
      if (region.space == weight_space(spec, i) && (weights.empty() || region.inner == 1)) {
        weights = s.bytes(region.space, 0, spec.weight_buffer_bytes());
        weight_base = region.offset;
      }
      if (region.space == bias_space(spec, i)) biases = s.bytes(region.space, 0, spec.bias_entries);
    }
  }
  const auto setting = [&] {
    ensure(command.setting != program::kNoSetting, "the pipeline's commands have a setting");
    return std::make_shared<const PipelineSetting>(from_setting(program.settings.at(command.setting)));
  };
  if (opcode == kControl) {
    left = spec.control_cycles;
  } else if (opcode == kCompute) {
    until_column = command.args[2];
    until_row = command.args[3];
    if (sequencer.segment_done()) {
      settings = setting();
      sequencer.begin(*settings);
    } else if (sequencer.group_done()) {
      sequencer.next_group();
    }
  } else if (opcode == kReduce) {
    settings = setting();
    reduced = 0;
    reduce_channels = command.args[1];
  } else {
    ensure(opcode == kDrain, "the pipeline has four commands");
    to_bias = command.args[1] != 0;
  }
}

bool Pipeline::State::at_target() const {
  return sequencer.column() > until_column ||
         (sequencer.column() == until_column && sequencer.row_of_column() >= until_row);
}

/// One edge of the command; whether it goes on.
bool Pipeline::State::edge() {
  Stage issued = issue();
  move();
  load(std::move(issued));
  switch (opcode) {
    case kControl:
      if (--left == 0) sequencer.forget();
      return left > 0;
    case kCompute:
      return !at_target();
    case kReduce:
      return reduced < reduce_channels;
    default:
      return to_bias ? !(added && !added->values.empty()) : !is_empty();
  }
}

/// What enters the pipeline at this edge.
Stage Pipeline::State::issue() {
  if (write_held > 0) --write_held;
  Token token;
  token.settings = settings;
  if (opcode == kDrain) {
    if (ended) return {};
    ended = token.end = true;
    write_held = 0;
    return token;
  }
  if (opcode == kReduce) {
    token.hand_out = true;
    token.row.z = reduced;
    reduced += spec.cims < sequencer.width() ? spec.lanes : spec.cims;
    return token;
  }
  if (opcode == kControl) return {};
  token.row = sequencer.next();
  if (token.row.last) {
    if (write_held > 0) return {};  // the queue would not be empty when this vector reaches it
    const std::int64_t count = elements(token);
    write_held = (count + chunk(*settings) - 1) / chunk(*settings);
  }
  sequencer.take();
  return token;
}

void Pipeline::State::move() {
  write();
  queue_in();
  reduce();
  add_bias();
  add();
  multiply();
  align();
}

// --- stages ---

void Pipeline::State::load(Stage issued) {
  loaded = std::move(issued);
  if (!loaded || loaded->end || loaded->hand_out) return;
  const Row& row = loaded->row;
  const auto bytes = storage->bytes(bank_space(row.bank), row.address, spec.lanes);
  loaded->features.resize(bytes.size());
  std::transform(bytes.begin(), bytes.end(), loaded->features.begin(),
                 [](std::byte byte) { return static_cast<std::int8_t>(byte); });
  if (!row.multiply || weights.empty()) return;
  const auto lanes = static_cast<std::size_t>(spec.lanes);
  const std::int64_t cims = sequencer.all_cims() ? spec.cims : 1;
  for (std::int64_t cim = 0; cim < cims; ++cim) {
    const std::int64_t home =
        (cim == 0 ? 0 : spec.extended_wmem_bytes + (cim - 1) * spec.wmem_bytes) + weight_base;
    const auto row_bytes =
        weights.subspan(static_cast<std::size_t>(home + row.weight_row * spec.lanes), lanes);
    loaded->weights.emplace_back(row_bytes.begin(), row_bytes.end());
  }
}

void Pipeline::State::align() {
  aligned = std::exchange(loaded, {});
  if (!aligned || aligned->features.empty()) return;
  older.swap(newer);
  newer.swap(aligned->features);
  const Row& row = aligned->row;
  aligned->features.assign(newer.size(), 0);
  for (std::int64_t lane = row.first_lane; lane < row.end_lane; ++lane) {
    const std::int64_t at = lane + row.offset;
    const Bytes& from = at < spec.lanes ? older : newer;
    aligned->features[static_cast<std::size_t>(lane)] = from[static_cast<std::size_t>(at % spec.lanes)];
  }
}

void Pipeline::State::multiply() {
  multiplied = std::exchange(aligned, {});
  if (!multiplied || multiplied->features.empty() || !multiplied->row.multiply) return;
  Token& t = *multiplied;
  const Work work = t.settings->work;
  const bool weighs =
      work == Work::conv || work == Work::gemm || work == Work::depthwise || work == Work::product;
  const std::size_t cims = work == Work::conv || work == Work::gemm ? static_cast<std::size_t>(spec.cims) : 1;
  t.products.assign(cims, Words(t.features.begin(), t.features.end()));
  if (work == Work::max_pool || work == Work::average_pool || t.weights.empty()) return;
  for (std::size_t cim = 0; cim < cims; ++cim) {
    for (std::size_t lane = 0; lane < t.features.size(); ++lane) {
      const std::int32_t weight = static_cast<std::int8_t>(t.weights[cim][lane]);
      auto& product = t.products[cim][lane];
      product = weighs ? product * weight : product + weight;
    }
  }
}

void Pipeline::State::add() {
  added = std::exchange(multiplied, {});
  if (!added || added->products.empty()) return;
  Token& t = *added;
  const Work work = t.settings->work;
  if (t.row.first) {
    const bool trees = work == Work::conv || work == Work::gemm;
    const std::int32_t start = work == Work::max_pool ? -128 : 0;
    accumulators.assign(t.products.size(), Words(trees ? 1 : t.features.size(), start));
  }
  for (std::size_t cim = 0; cim < t.products.size(); ++cim) {
    Words& sum = accumulators[cim];
    if (work == Work::conv || work == Work::gemm) {
      sum[0] = carry_save_sum(sum[0], t.products[cim]);
      continue;
    }
    for (std::size_t lane = 0; lane < sum.size(); ++lane) {
      const std::int32_t value = t.products[cim][lane];
      sum[lane] = work == Work::max_pool ? std::max(sum[lane], value) : sum[lane] + value;
    }
  }
  if (!t.row.last) return;
  for (const Words& sum : accumulators) t.values.insert(t.values.end(), sum.begin(), sum.end());
  if (work != Work::average_pool) return;
  for (auto& value : t.values) value = static_cast<std::int32_t>(round_divide(value, t.row.taps));
}

void Pipeline::State::add_bias() {
  biased = std::exchange(added, {});
  if (!biased || biased->values.empty()) return;
  const PipelineSetting& s = *biased->settings;
  ensure(s.bias == 0 || !biases.empty(), "biases are added before the pipeline has waited for them");
  for (std::size_t i = 0; i < biased->values.size(); ++i) {
    std::int64_t value = biased->values[i];
    if (s.bias != 0) {
      const auto bias = static_cast<std::int8_t>(biases[static_cast<std::size_t>(biased->row.z) + i]);
      value += static_cast<std::int64_t>(bias) << s.bias_shift;
    }
    value = saturate(round_shift(value, s.shift));
    biased->values[i] = static_cast<std::int32_t>(s.relu != 0 ? std::max<std::int64_t>(value, 0) : value);
  }
}

void Pipeline::State::reduce() {
  summed = std::exchange(biased, {});
  if (!summed || (summed->settings == nullptr)) return;
  Token& t = *summed;
  const auto z = static_cast<std::size_t>(t.row.z);
  if (t.hand_out) {
    const std::size_t end = std::min(
        sums.size(), z + static_cast<std::size_t>(spec.cims < sequencer.width() ? spec.lanes : spec.cims));
    for (std::size_t i = z; i < end; ++i) {
      t.values.push_back(saturate(round_divide(sums[i], std::max<std::int64_t>(pixels, 1))));
    }
    return;
  }
  if (t.values.empty() || t.settings->reduce == 0) return;
  const bool first = t.row.column == 0 && t.row.y == 0;
  if (first && t.row.z == 0) sums.assign(static_cast<std::size_t>(spec.reduction_entries), 0), pixels = 0;
  if (t.row.z == 0) ++pixels;
  for (std::size_t i = 0; i < t.values.size(); ++i) sums[z + i] += t.values[i];
}

void Pipeline::State::queue_in() {
  Stage vector = std::exchange(summed, {});
  if (vector && (vector->end || (!vector->values.empty() && elements(*vector) > 0))) {
    queue.push_back(std::move(*vector));
  }
}

void Pipeline::State::write() {
  if (queue.empty()) return;
  const Token& vector = queue.front();
  if (vector.end) {
    ended = false;
    biases = {};
    queue.pop_front();
    return;
  }
  const std::int64_t count = elements(vector);
  const std::int64_t to = std::min(written + chunk(*vector.settings), count);
  put(vector, written, to);
  written = to;
  if (to < count) return;
  queue.pop_front();
  written = 0;
}

/// Elements that the write stage takes an edge.
std::int64_t Pipeline::State::chunk(const PipelineSetting& s) const {
  if (s.work == Work::conv || s.work == Work::gemm) return spec.cims;
  const bool whole = s.z_begin % spec.lanes == 0 && (s.z_end - s.z_begin) % spec.lanes == 0;
  return whole ? spec.lanes : spec.cims;
}

/// Elements of an output vector that the map has room for.
std::int64_t Pipeline::State::elements(const Token& token) const {
  const PipelineSetting& s = *token.settings;
  const std::int64_t width = s.work == Work::conv || s.work == Work::gemm ? spec.cims : spec.lanes;
  return std::clamp<std::int64_t>(s.z_end - s.z_begin - token.row.z, 0, width);
}

/// Elements [from, to) of a vector into the bank that its plane belongs to; on the way to DRAM: nowhere.
void Pipeline::State::put(const Token& vector, std::int64_t from, std::int64_t to) {
  const PipelineSetting& s = *vector.settings;
  const bool pixels_in_a_row = s.work == Work::gemm;
  std::int64_t x = pixels_in_a_row ? vector.row.column / s.map_h : vector.row.column;
  const std::int64_t y = pixels_in_a_row ? vector.row.column % s.map_h : vector.row.y;
  if (s.reverse != 0) x = s.own_w - 1 - x;
  x += s.x_begin;
  for (const auto& piece : s.outputs) {
    if (x < piece.head || x >= piece.tail) continue;
    const std::int64_t home = ((x - piece.head) * s.map_h + y) * s.map_c + s.z_begin + vector.row.z + from;
    const auto bytes = storage->bytes(bank_space(piece.bank), home, to - from);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::byte>(vector.values[static_cast<std::size_t>(from) + i]);
    }
  }
}

// --- the module ---

Pipeline::Pipeline(const sc_core::sc_module_name& name, const Spec& spec)
    : ClockedEngine(name), state_(std::make_unique<State>(spec)) {
  SC_HAS_PROCESS(Pipeline);
  SC_METHOD(on_edge);
  sensitive << clock.pos();
  dont_initialize();
}

Pipeline::~Pipeline() = default;

void Pipeline::begin(const program::Program& program, const program::Command& command,
                     program::Storage& storage) {
  ensure(!busy_, "a twin takes a command only when idle");
  state_->latch(program, command, storage);
  busy_ = true;
}

void Pipeline::on_edge() {
  if (busy_) busy_ = state_->edge();
}

}  // namespace npusim::midap::clocked
