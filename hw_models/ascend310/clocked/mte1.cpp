#include "hw_models/ascend310/clocked/mte1.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "hw_models/ascend310/clocked/fractal_walk.h"
#include "hw_models/ascend310/clocked/shift_register.h"
#include "hw_models/ascend310/opcodes.h"
#include "sim/base/error.h"

namespace npusim::ascend310::clocked {

namespace {

using Word = std::vector<Line>;  ///< what the port delivers on one edge

/// The port and the way to L0, for one start-up length.
class Path {
 public:
  explicit Path(std::int64_t stages) : way_(stages) {}

  void latch(std::unique_ptr<Walk> walk, std::int64_t bytes_per_edge, std::span<std::byte> destination) {
    walk_ = std::move(walk);
    bytes_per_edge_ = bytes_per_edge;
    destination_ = destination;
    owed_ = walk_->done() ? 0 : walk_->fetch_bytes();
  }

  bool edge() {
    auto arrived = way_.shift(walk_->done() ? std::nullopt : std::optional<Word>(read()));
    if (arrived) {
      for (const Line& line : *arrived) {
        std::memcpy(&destination_[static_cast<std::size_t>(line.to)], line.bytes.data(), line.bytes.size());
      }
    }
    return !walk_->done() || !way_.empty();
  }

 private:
  /// The port's fetches of one edge. One that it cannot finish goes on at the next edge.
  Word read() {
    Word word;
    std::int64_t left = bytes_per_edge_;
    while (left > 0 && !walk_->done()) {
      const std::int64_t moved = std::min(left, owed_);
      left -= moved;
      owed_ -= moved;
      if (owed_ > 0) break;
      walk_->fetch(word);
      owed_ = walk_->fetch_bytes();
    }
    return word;
  }

  ShiftRegister<Word> way_;
  std::unique_ptr<Walk> walk_;
  std::int64_t bytes_per_edge_ = 0;
  std::int64_t owed_ = 0;  ///< bytes of the present fetch that the port has not moved
  std::span<std::byte> destination_;
};

std::unique_ptr<Walk> plain_walk(program::Storage& storage, const program::Region& region) {
  std::vector<std::span<const std::byte>> runs;
  program::for_each_run(region, [&](std::int64_t offset) {
    runs.emplace_back(storage.bytes(region.space, offset, region.bytes));
  });
  return std::make_unique<PlainWalk>(std::move(runs));
}

}  // namespace

struct Mte1::State {
  explicit State(const Spec& from) : spec(from), load2d(spec.load2d_start), load3d(spec.load3d_start) {}
  Spec spec;
  Path load2d, load3d;
  bool image = false;  ///< the present command is a load3d
};

Mte1::Mte1(const sc_core::sc_module_name& name, const Spec& spec)
    : EdgeEngine(name), state_(std::make_unique<State>(spec)) {}

Mte1::~Mte1() = default;

bool Mte1::latch(const program::Program& program, const program::Command& command,
                 program::Storage& storage) {
  const bool to_a = command.opcode != kLoad2dB;
  const Spec& spec = state_->spec;
  const auto& source = operand(program, command, Memory::l1, false);
  const auto destination =
      plain_bytes(storage, operand(program, command, to_a ? Memory::l0a : Memory::l0b, true));
  const FractalCounter counter{command.args[0], command.args[1], to_a};
  ensure(std::ssize(destination) == counter.fractals * counter.depth * kFractal,
         "a load writes as many fractals as it says");
  const program::Setting* setting = setting_of(program, command);
  const std::int64_t rate = to_a ? spec.l0a_rate : spec.l0b_rate;
  state_->image = command.opcode == kLoad3dA;
  if (state_->image) {
    ensure(setting != nullptr, "a load3d says what image it reads");
    auto walk = std::make_unique<ImageWalk>(plain_bytes(storage, source), load3d_geometry(*setting, command),
                                            counter);
    const std::int64_t image_rate = walk->fast() ? rate : spec.load3d_other_rate;
    state_->load3d.latch(std::move(walk), image_rate, destination);
  } else if (setting == nullptr) {
    state_->load2d.latch(plain_walk(storage, source), rate, destination);
  } else {
    state_->load2d.latch(std::make_unique<PlaneWalk>(plain_bytes(storage, source),
                                                     load2d_geometry(*setting, command), counter),
                         rate, destination);
  }
  return true;
}

bool Mte1::edge() { return state_->image ? state_->load3d.edge() : state_->load2d.edge(); }

}  // namespace npusim::ascend310::clocked
