// Operations of all tiles: cycles of the fast engine, and numbers of a loop nest.
#include "hw_models/edgetpu/clocked/op.h"

#include <algorithm>
#include <cmath>

#include "hw_models/edgetpu/phases.h"
#include "hw_models/edgetpu/setting.h"
#include "tests/catch.h"
#include "tests/edgetpu_clocked/lone.h"

using namespace npusim;
using namespace npusim::edgetpu;
using namespace npusim::edgetpu::test;

namespace {

using clocked::Bank;

/// A phase on the twin: its commands one by one, with the FIFO filled in between by the test.
class Trial {
 public:
  Trial(const Chip& chip, Bench& bench, Kind kind, Rng& rng) : chip_(chip), bench_(bench), rng_(rng) {
    Shape in;
    Shape out;
    Window window;
    if (kind == Kind::fc) {
      in = {rng.uniform(1, 2), rng.uniform(1, 3), rng.uniform(1, 20)};
      out = {1, 1, rng.uniform(1, 100)};
    } else if (kind == Kind::eltwise || kind == Kind::input) {
      in = {rng.uniform(1, 9), rng.uniform(1, 9), rng.uniform(1, 20)};
      out = in;
    } else {
      window = random_window(rng, in, out, 9);
      in.c = rng.uniform(1, kind == Kind::conv ? 24 : 80);
      out.c = kind == Kind::conv ? rng.uniform(1, 100) : in.c;
    }
    it_ = lone(chip.spec, kind, in, out, window, rng);
    it_.s.in_exponent = rng.uniform(-2, 1);
    it_.s.other_exponent = rng.uniform(-2, 1);
    it_.s.shift = rng.uniform(0, 10);
    it_.s.out_exponent = rng.uniform(-1, 2);
    it_.s.low = rng.uniform(0, 1) == 1 ? 0 : -128;
    it_.s.high = rng.uniform(0, 3) == 0 ? 100 : 127;
    for (std::int64_t i = 0; i < out.elements(); ++i) other_.push_back(byte(rng));
    const std::int64_t per_output = window.taps() * (kind == Kind::depthwise ? 1 : in.c);
    const std::int64_t inputs = kind == Kind::fc ? in.elements() : per_output;
    it_.weights.resize(static_cast<std::size_t>(out.c * inputs));
    for (auto& weight : it_.weights) weight = byte(rng);
    for (std::int64_t o = 0; o < out.c; ++o)
      it_.biases.push_back(static_cast<std::int32_t>(rng.uniform(-9999, 9999)));
  }

  /// Runs all commands. Those that take other cycles than the fast engine says are counted in `late`.
  std::int64_t run(std::int64_t& late) {
    place();
    switch (it_.phase().kind) {
      case Kind::conv:
        return convolve(late);
      case Kind::depthwise:
        return depthwise(late);
      case Kind::fc:
        return product(late);
      case Kind::eltwise:
        return one(late, kWords, {counts().steps});
      case Kind::input:
        return copy(late);
      default:
        return pool(late);
    }
  }

  /// Elements that are not the loop nest's.
  std::int64_t wrong() {
    std::int64_t count = 0;
    const Shape& out = it_.net.maps[2].shape;
    for (std::int64_t tile = 0; tile < chip_.spec.tiles(); ++tile) {
      const Patch patch(chip_.spec, it_.s, tile);
      const Bank tiles_own(chip_.spec, bench_.storage(), tile);
      for (std::int64_t i = 0; i < patch.positions(); ++i) {
        for (std::int64_t c = 0; c < out.c; ++c) {
          const auto got = static_cast<std::int8_t>(tiles_own.narrow(patch.output(i) + c, 1)[0]);
          if (got != expected(patch.row(i), patch.column(i), c)) ++count;
        }
      }
    }
    return count;
  }

  Lone& it() { return it_; }

 private:
  [[nodiscard]] Counts counts() const { return counts_of(chip_.spec, it_.net, it_.phase()); }
  [[nodiscard]] const Shape& in() const { return it_.net.maps[0].shape; }
  [[nodiscard]] Bank bank(std::int64_t tile) { return {chip_.spec, bench_.storage(), tile}; }

  void place() {
    const Kind kind = it_.phase().kind;
    if (kind != Kind::input && it_.s.gathered == 0) place_map(chip_.spec, it_, bench_.storage(), true);
    for (std::int64_t tile = 0; tile < chip_.spec.tiles(); ++tile) {
      const Patch patch(chip_.spec, it_.s, tile);
      for (std::int64_t e = 0; it_.s.gathered != 0 && e < round_up(in().elements(), 4); ++e) {
        const bool inside = e < in().elements();
        bank(tile).staging(e, 1)[0] =
            inside ? static_cast<std::byte>(it_.map[static_cast<std::size_t>(e)]) : std::byte{0};
      }
      for (std::int64_t i = 0; i < patch.positions(); ++i) {
        for (std::int64_t c = 0; c < it_.s.out_c; ++c) {
          const auto at = patch.row(i) * it_.s.out_w + patch.column(i);
          if (kind == Kind::input) {
            bank(tile).staging(i * it_.s.out_c + c, 1)[0] =
                static_cast<std::byte>(it_.at(patch.row(i), patch.column(i), c));
          } else if (kind == Kind::eltwise) {
            bank(tile).narrow(patch.other(i) + c, 1)[0] =
                static_cast<std::byte>(other_[static_cast<std::size_t>(at * it_.s.out_c + c)]);
          }
        }
      }
    }
  }

  std::int64_t one(std::int64_t& late, Opcode opcode, const std::vector<std::int64_t>& args,
                   const std::vector<program::Region>& regions = {}) {
    if (difference(bench_, chip_, program_of(chip_, it_.s, Queue::op, opcode, args, regions)) != 0) ++late;
    return 1;
  }

  /// Fills the slot at the beginning of wide memory with rows of lanes x 4 weights, biases first.
  template <class Weight>
  program::Region fill(std::int64_t first_output, bool biases, Weight&& weight) {
    const std::int64_t row = chip_.spec.row_bytes();
    const std::int64_t lanes = chip_.spec.group();
    std::vector<std::byte> bytes(static_cast<std::size_t>((it_.s.fill_rows + 1) * row));
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const bool there = first_output + lane < std::ssize(it_.biases);
      const auto o = static_cast<std::size_t>(first_output + lane);
      Bank::set_word(bytes, lane, there ? it_.biases[o] : 0);
      for (std::int64_t r = 0; r < it_.s.fill_rows && there; ++r) {
        for (std::int64_t i = 0; i < 4; ++i) {
          bytes[static_cast<std::size_t>((1 + r) * row + lane * 4 + i)] =
              static_cast<std::byte>(weight(static_cast<std::int64_t>(o), lane, r, i));
        }
      }
    }
    for (std::int64_t tile = 0; tile < chip_.spec.tiles(); ++tile) {
      const Bank to = bank(tile);
      std::copy(bytes.begin(), bytes.end(), to.wide(slot(), std::ssize(bytes)).begin());
      to.set_counter(kArrived,
                     to.counter(kUsed) + static_cast<std::int32_t>(it_.s.fill_rows + (biases ? 1 : 0)));
    }
    program::Region region;
    region.space = space_id(Space::wide);
    region.offset = slot();
    region.bytes = std::ssize(bytes);
    return region;
  }
  [[nodiscard]] std::int64_t slot() const {
    return chip_.spec.wide_bytes - (it_.s.fill_rows + 1) * chip_.spec.row_bytes();
  }
  [[nodiscard]] std::int8_t weight(std::int64_t o, std::int64_t tap, std::int64_t c) const {
    return it_.weights[static_cast<std::size_t>((o * it_.phase().window.taps() + tap) * in().c + c)];
  }

  std::int64_t convolve(std::int64_t& late) {
    const Fills fills = fills_of(chip_.spec, it_.net, it_.phase());
    const std::int64_t taps = it_.phase().window.taps();
    const std::int64_t words = fills.rows / taps;
    const std::int64_t positions = run_positions(chip_.spec, it_.net, it_.phase());
    std::int64_t commands = 0;
    for (std::int64_t group = 0; group < fills.groups; ++group) {
      for (std::int64_t f = 0; f < fills.per_group; ++f) {
        const auto region = fill(group * 64, f == 0, [&](auto o, auto, auto r, auto i) {
          const std::int64_t c = (f * words + r % words) * 4 + i;
          return c < in().c ? weight(o, r / words, c) : std::int8_t{0};
        });
        commands += one(late, kConv, {positions, fills.rows, group, f}, {region});
      }
    }
    return commands;
  }

  std::int64_t depthwise(std::int64_t& late) {
    const std::int64_t taps = it_.phase().window.taps();
    const std::int64_t positions = run_positions(chip_.spec, it_.net, it_.phase());
    const std::int64_t words = chip_.spec.words(in().c);
    for (std::int64_t n = 0; n < words; ++n) {
      const auto region = fill(n * 4, false, [&](auto o, auto lane, auto r, auto i) {
        return lane < 4 && i == lane ? it_.weights[static_cast<std::size_t>(o * taps + r)] : std::int8_t{0};
      });
      one(late, kDepthwise, {positions, taps, n}, {region});
    }
    return words;
  }

  std::int64_t product(std::int64_t& late) {
    const std::int64_t words = chip_.spec.words(in().elements());
    const std::int64_t groups = ceil_div(it_.s.out_c, 64);
    const std::int64_t stored = it_.s.outputs * 4;
    program::Region region;
    region.space = space_id(Space::parameters);
    region.bytes = groups * (words + 1) * stored;
    const auto to = bench_.storage().bytes(region.space, 0, region.bytes);
    std::fill(to.begin(), to.end(), std::byte{0});
    for (std::int64_t o = 0; o < it_.s.out_c; ++o) {
      const std::int64_t at = o / 64 * (words + 1) * stored + o % 64 * 4;
      Bank::set_word(to, at / 4, it_.biases[static_cast<std::size_t>(o)]);
      for (std::int64_t k = 0; k < in().elements(); ++k) {
        to[static_cast<std::size_t>(at + (k / 4 + 1) * stored + k % 4)] =
            static_cast<std::byte>(it_.weights[static_cast<std::size_t>(o * in().elements() + k)]);
      }
    }
    return one(late, kProduct, {counts().steps}, {region});
  }

  std::int64_t pool(std::int64_t& late) {
    const std::int64_t groups = ceil_div(it_.s.out_c, 64);
    const std::int64_t taps = it_.phase().window.taps();
    for (std::int64_t n = 0; n < groups; ++n) one(late, kPool, {counts().steps / groups / taps, taps, n});
    return groups;
  }

  std::int64_t copy(std::int64_t& late) {
    const InputCopy copy = input_copy(chip_.spec, it_.net.maps[2].shape);
    const std::int64_t steps = copy.pixel_steps * copy.columns;
    const std::int64_t cut = rng_.uniform(0, copy.rows);
    one(late, kCopy, {steps * cut, 0, cut});
    return 1 + one(late, kCopy, {steps * (copy.rows - cut), cut, copy.rows - cut});
  }

  // --- the loop nest ---

  [[nodiscard]] std::int8_t clamped(double value) const {
    const double whole = std::clamp(std::nearbyint(value), -128.0, 127.0);
    return static_cast<std::int8_t>(
        std::clamp<double>(whole, static_cast<double>(it_.s.low), static_cast<double>(it_.s.high)));
  }
  [[nodiscard]] std::int8_t real(double value) const {
    return clamped(value * std::exp2(static_cast<double>(-it_.s.out_exponent)));
  }

  [[nodiscard]] std::int8_t expected(std::int64_t y, std::int64_t x, std::int64_t o) const {
    const Window& w = it_.phase().window;
    const Kind kind = it_.phase().kind;
    const double unit = std::exp2(static_cast<double>(it_.s.in_exponent));
    if (kind == Kind::input) return static_cast<std::int8_t>(it_.at(y, x, o));
    if (kind == Kind::eltwise) {
      const double other = other_[static_cast<std::size_t>((y * it_.s.out_w + x) * it_.s.out_c + o)];
      return real(static_cast<double>(it_.at(y, x, o)) * unit +
                  other * std::exp2(static_cast<double>(it_.s.other_exponent)));
    }
    std::int64_t sum = kind == Kind::conv || kind == Kind::depthwise || kind == Kind::fc
                           ? it_.biases[static_cast<std::size_t>(o)]
                           : 0;
    if (kind == Kind::fc) {
      const std::int64_t inputs = in().elements();
      for (std::int64_t k = 0; k < inputs; ++k) {
        sum += it_.map[static_cast<std::size_t>(k)] * it_.weights[static_cast<std::size_t>(o * inputs + k)];
      }
      return clamped(static_cast<double>(sum) / std::exp2(static_cast<double>(it_.s.shift)));
    }
    std::int64_t most = -128;
    std::int64_t taps = 0;
    for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
      const std::int64_t iy = y * w.stride_h - w.top + tap / w.kw * w.dilation_h;
      const std::int64_t ix = x * w.stride_w - w.left + tap % w.kw * w.dilation_w;
      if (iy < 0 || iy >= in().h || ix < 0 || ix >= in().w) continue;
      ++taps;
      most = std::max(most, it_.at(iy, ix, o));
      if (kind == Kind::average_pool) sum += it_.at(iy, ix, o);
      if (kind == Kind::depthwise)
        sum += it_.at(iy, ix, o) * it_.weights[static_cast<std::size_t>(o * w.taps() + tap)];
      for (std::int64_t c = 0; kind == Kind::conv && c < in().c; ++c)
        sum += it_.at(iy, ix, c) * weight(o, tap, c);
    }
    if (kind == Kind::max_pool) return real(static_cast<double>(most) * unit);
    if (kind == Kind::average_pool)
      return real(static_cast<double>(sum) * unit / static_cast<double>(std::max<std::int64_t>(taps, 1)));
    return clamped(static_cast<double>(sum) / std::exp2(static_cast<double>(it_.s.shift)));
  }

  const Chip& chip_;
  Bench& bench_;
  Rng& rng_;
  Lone it_;
  std::vector<std::int8_t> other_;
};

struct Result {
  std::int64_t commands = 0, late = 0, wrong = 0;
};

Result run(const Chip& chip, Kind kind, std::int64_t commands, std::uint64_t seed,
           const clocked::Faults& faults = {}) {
  Rng rng(seed);
  Bench bench(chip.target, [&] { return std::make_unique<clocked::Op>("op", chip.spec, faults); });
  Result result;
  while (result.commands < commands) {
    Trial trial(chip, bench, kind, rng);
    result.commands += trial.run(result.late);
    result.wrong += trial.wrong();
  }
  return result;
}

constexpr Kind kKinds[] = {Kind::conv,         Kind::depthwise, Kind::fc,   Kind::max_pool,
                           Kind::average_pool, Kind::eltwise,   Kind::input};

}  // namespace

TEST_CASE("10,000 commands of convolutions take the fast engine's cycles and give a loop nest's numbers") {
  const Result result = run(Chip(), Kind::conv, 10'000, 51);
  CHECK(result.late == 0);
  CHECK(result.wrong == 0);
}

TEST_CASE(
    "1,500 commands of each other operation take the fast engine's cycles and give a loop nest's numbers") {
  for (const Kind kind : kKinds) {
    if (kind == Kind::conv) continue;
    INFO(static_cast<int>(kind));
    const Result result = run(Chip(), kind, 1500, 52);
    CHECK(result.late == 0);
    CHECK(result.wrong == 0);
  }
}

TEST_CASE("on other grids and with an extra step a depthwise word, too") {
  for (const auto& overrides : std::vector<std::vector<std::string>>{
           {"tiles.rows=1"}, {"tiles.rows=3", "tiles.columns=2"}, {"op.depthwise_extra_steps=1"}}) {
    for (const Kind kind : kKinds) {
      INFO(overrides[0] << " " << static_cast<int>(kind));
      const Result result = run(Chip(overrides), kind, 60, 53);
      CHECK(result.late == 0);
      CHECK(result.wrong == 0);
    }
  }
}

TEST_CASE("a register too many behind the lanes is caught by the cycles alone: the numbers are right") {
  clocked::Faults faults;
  faults.op_registers = 1;
  for (const Kind kind : kKinds) {
    const Result result = run(Chip(), kind, 20, 54, faults);
    CHECK(result.late >= 20);
    CHECK(result.wrong == 0);
  }
}

TEST_CASE("a padding and a map's width off by one are caught by their numbers") {
  const Chip chip;
  Rng rng(55);
  Bench bench(chip.target, [&] { return std::make_unique<clocked::Op>("op", chip.spec); });
  std::int64_t caught = 0;
  for (int i = 0; i < 40; ++i) {
    Trial trial(chip, bench, Kind::conv, rng);
    if (trial.it().s.left > 0) {
      --trial.it().s.left;
    } else {
      ++trial.it().s.out_w;
    }
    std::int64_t late = 0;
    try {
      static_cast<void>(trial.run(late));
      caught += late > 0 || trial.wrong() > 0 ? 1 : 0;
    } catch (const std::exception&) {
      ++caught;  // it looks for a border that was not asked for
    }
  }
  CHECK(caught >= 25);
}
