#include "hw_models/edgetpu/clocked/ring.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <vector>

#include "hw_models/edgetpu/patch.h"
#include "sim/base/error.h"

namespace npusim::edgetpu::clocked {

namespace {

/// Bytes of a bias.
constexpr std::int64_t kBias = 4;
constexpr std::uint32_t kNoTask = std::numeric_limits<std::uint32_t>::max();

}  // namespace

struct Ring::State {
  State(const Spec& s, const Faults& f) : spec(s), faults(f) {}

  [[nodiscard]] bool numbers() const { return s.work != Work::count; }
  [[nodiscard]] bool weights() const { return row >= 0; }
  [[nodiscard]] bool has_room() const;
  void open_packet();
  void take(std::int64_t bytes);
  void expand();
  void send(std::int64_t from, std::int64_t count);
  void gather();
  [[nodiscard]] Bank& bank(std::int64_t tile) { return banks[static_cast<std::size_t>(tile)]; }

  Spec spec;
  Faults faults;
  PhaseSetting s;
  program::OpcodeId opcode = 0;
  std::vector<Patch> patches;
  std::vector<Bank> banks;
  std::uint32_t task = kNoTask;
  std::deque<std::byte> waiting;  ///< bytes that the producer has read and not sent
  std::vector<std::byte> packet;  ///< under way
  std::int64_t packets = 0;       ///< of the command, not complete
  std::int64_t row = 0;           ///< of the slot, of the packet under way; or kImage, kGather
  std::int64_t word = 0;          ///< of channels, of expanded rows
  std::int64_t slot = 0;          ///< in wide memory
  std::int64_t sent = -1;         ///< bytes of the packet; -1: none is under way
  std::int64_t useful = 0;        ///< of its bytes, from the first: what an image has left
  std::int64_t delivered = 0;     ///< bytes of the image or the gathered map, in the whole task
  std::int64_t draining = 0;
};

/// Of the packets' FIFO in every tile.
bool Ring::State::has_room() const {
  if (!weights() || s.fill_rows == 0) return true;
  const std::int64_t biases = opcode == kExpand ? 0 : s.buffers;
  const std::int64_t room = s.buffers * s.fill_rows + biases + faults.fifo_packets;
  return std::all_of(banks.begin(), banks.end(),
                     [&](const Bank& tile) { return tile.counter(kArrived) - tile.counter(kUsed) < room; });
}

/// The next `bytes` that wait fill the packet from its beginning; where there are fewer, zeros follow.
void Ring::State::take(std::int64_t bytes) {
  const auto count = std::min<std::int64_t>(bytes, std::ssize(waiting));
  std::copy(waiting.begin(), waiting.begin() + count, packet.begin());
  waiting.erase(waiting.begin(), waiting.begin() + count);
}

/// Four channels of one tap: lane i gets the weight of channel i at its place in the word. Biases come first.
void Ring::State::expand() {
  const std::int64_t dot = spec.dot;
  if (row == 1) {
    take(dot * kBias);
    for (Bank& tile : banks) {
      const auto to = tile.wide(slot, spec.row_bytes());
      std::copy(packet.begin(), packet.end(), to.begin());
    }
    packet.assign(packet.size(), std::byte{0});
  }
  take(dot);
  const std::vector<std::byte> compact(packet.begin(), packet.begin() + dot);
  packet.assign(packet.size(), std::byte{0});
  const std::int64_t copies = std::max<std::int64_t>(s.out_c / s.in_c, 1);  // results of an input channel
  const std::int64_t first = word * dot;
  for (std::int64_t lane = 0; lane < dot; ++lane) {
    const std::int64_t place = (first + lane) / copies % dot;
    packet[static_cast<std::size_t>(lane * dot + place)] = compact[static_cast<std::size_t>(lane)];
  }
}

/// The packet's elements of a map that the tiles hold in parts.
void Ring::State::gather() {
  const std::int64_t elements = s.in_h * s.in_w * s.in_c;
  for (std::int64_t i = 0; i < std::ssize(packet) && delivered + i < elements; ++i) {
    const std::int64_t position = (delivered + i) / s.in_c;
    const std::int64_t y = position / s.in_w;
    const std::int64_t x = position % s.in_w;
    for (std::size_t tile = 0; tile < banks.size(); ++tile) {
      if (!patches[tile].in_rows().holds(y) || !patches[tile].in_columns().holds(x)) continue;
      packet[static_cast<std::size_t>(i)] =
          banks[tile].narrow(*patches[tile].input(y, x) + (delivered + i) % s.in_c, 1)[0];
    }
  }
}

void Ring::State::open_packet() {
  sent = 0;
  useful = spec.row_bytes();
  packet.assign(static_cast<std::size_t>(spec.row_bytes()), std::byte{0});
  if (!numbers()) return;
  if (opcode == kExpand) return expand();
  if (row == kGather) return gather();
  if (row == kImage) {  // the last packet of a piece may be short
    useful = std::min<std::int64_t>(spec.row_bytes(), std::ssize(waiting));
    return take(useful);
  }
  take(s.outputs * (row == 0 ? kBias : spec.dot));
}

/// What every stop does with bytes [from, from + count) of the packet.
void Ring::State::send(std::int64_t from, std::int64_t count) {
  const auto bytes =
      std::span(packet).subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(count));
  for (std::size_t tile = 0; tile < banks.size(); ++tile) {
    if (weights()) {
      const auto to = banks[tile].wide(slot + row * spec.row_bytes() + from, count);
      std::copy(bytes.begin(), bytes.end(), to.begin());
      continue;
    }
    if (row == kGather) {
      const auto to = banks[tile].staging(delivered + from, count);
      std::copy(bytes.begin(), bytes.end(), to.begin());
      continue;
    }
    const Patch& patch = patches[tile];  // an image: each pixel's bytes to the tile that lays it out
    for (std::int64_t i = 0; i < std::min(count, useful - from); ++i) {
      const std::int64_t at = delivered + from + i;
      const std::int64_t y = at / s.out_c / s.out_w;
      const std::int64_t x = at / s.out_c % s.out_w;
      if (!patch.out_rows().holds(y) || !patch.out_columns().holds(x)) continue;
      const std::int64_t position =
          (y - patch.out_rows().from) * patch.out_columns().size + x - patch.out_columns().from;
      banks[tile].staging(position * s.out_c + at % s.out_c, 1)[0] = bytes[static_cast<std::size_t>(i)];
    }
  }
}

Ring::Ring(const sc_core::sc_module_name& name, const Spec& spec, const Faults& faults)
    : Engine(name, spec), state_(std::make_unique<State>(spec, faults)) {}

Ring::~Ring() = default;

void Ring::latch(const program::Program& program, const program::Command& command,
                 program::Storage& storage) {
  State& r = *state_;
  r.s = setting_of_command(program, command);
  r.opcode = command.opcode;
  r.packets = command.args[0];
  r.row = command.args[1];
  r.word = command.opcode == kExpand ? command.args[2] : 0;
  if (command.task != r.task) {
    r.waiting.clear();
    r.delivered = 0;
  }
  r.task = command.task;
  const auto* slot = region_in(program, command, Space::wide, true);
  r.slot = slot == nullptr ? 0 : slot->offset;
  for (const Space space : {Space::parameters, Space::stream}) {
    const auto* source = region_in(program, command, space, false);
    if (source == nullptr || !r.numbers()) continue;
    const auto bytes = storage.bytes(source->space, source->offset, source->bytes);
    r.waiting.insert(r.waiting.end(), bytes.begin(), bytes.end());
  }
  r.banks.clear();
  r.patches.clear();
  for (std::int64_t tile = 0; tile < spec().tiles(); ++tile) {
    r.banks.emplace_back(spec(), storage, tile);
    if (r.row < 0) r.patches.emplace_back(spec(), r.s, tile);
  }
  r.sent = -1;
  r.draining = r.faults.ring_registers;
}

bool Ring::edge() {
  State& r = *state_;
  if (r.packets == 0) return r.draining-- > 0;
  if (r.sent < 0) {
    if (!r.has_room()) return true;
    r.open_packet();
  }
  const std::int64_t whole = r.opcode == kExpand ? spec().depthwise_row_cycles : spec().row_bytes();
  const std::int64_t beat = r.opcode == kExpand ? 1 : std::min(spec().ring_rate, whole - r.sent);
  if (r.numbers() && r.opcode != kExpand) r.send(r.sent, beat);
  r.sent += beat;
  if (r.sent < whole) return true;
  if (r.numbers() && r.opcode == kExpand) r.send(0, spec().row_bytes());
  if (r.weights() && r.s.fill_rows > 0) {
    for (const Bank& tile : r.banks) tile.set_counter(kArrived, tile.counter(kArrived) + 1);
  }
  if (r.row >= 0) {
    ++r.row;
  } else {
    r.delivered += r.useful;
  }
  r.sent = -1;
  return --r.packets > 0 || r.draining-- > 0;
}

}  // namespace npusim::edgetpu::clocked
