#include "hw_models/ascend310/clocked/cube.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "hw_models/ascend310/clocked/shift_register.h"
#include "hw_models/ascend310/opcodes.h"
#include "hw_models/ascend310/semantics.h"
#include "sim/base/error.h"
#include "sim/base/half.h"
#include "sim/base/units.h"

namespace npusim::ascend310::clocked {

namespace {

constexpr std::int64_t kRows = 16;  ///< of a fractal, as of columns

float element(const std::byte* at, float /*type*/) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  return half_value(bits);
}
std::int32_t element(const std::byte* at, std::int32_t /*type*/) {
  return static_cast<std::int8_t>(std::to_integer<std::uint8_t>(*at));
}

/// The command's registers: sizes in elements, operands in place.
struct Job {
  std::int64_t m = 0, n = 0, k = 0;  ///< in fractals
  std::int64_t k_per_fractal = 16;
  bool accumulate = false;  ///< else the accumulators start from zero
  std::span<const std::byte> a, b;
  std::span<std::byte> c;
};

/// The array for one type of accumulator: float (fp16 operands) or int32 (int8 operands).
template <class T>
class Array {
 public:
  Array(std::int64_t rows, std::int64_t columns, std::int64_t depth, std::int64_t stages)
      : rows_(rows),
        columns_(columns),
        depth_(depth),
        leaves_(static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(depth)))),
        pipeline_(stages) {}

  void latch(const Job& job) {
    job_ = job;
    row_ = column_ = k_ = 0;
    fetching_ = true;
  }

  /// One edge: returns whether work remains.
  bool edge() {
    std::optional<Slab> leaving = pipeline_.shift(fetching_ ? std::optional(fetch()) : std::nullopt);
    for (std::int64_t stage = 1; stage < pipeline_.depth(); ++stage) {
      if (auto& slab = pipeline_.at(stage)) compute(*slab);
    }
    if (leaving) {
      while (leaving->width > 1 || !leaving->multiplied) compute(*leaving);
      add_up(*leaving);
      spare_.push_back(std::move(*leaving));
    }
    return fetching_ || !pipeline_.empty();
  }

 private:
  /// The contents of one pipeline register: first operands, then ever fewer partial sums.
  struct Slab {
    std::int64_t row = 0, column = 0;  ///< of the result, first element
    bool first = false;                ///< the accumulators hold nothing yet
    bool multiplied = false;
    std::int64_t width = 0;   ///< partial sums a dot product
    std::vector<T> a, b;      ///< [rows][leaves], [columns][leaves]
    std::vector<T> partials;  ///< [rows][columns][width]
  };

  Slab fetch() {
    Slab slab;
    if (!spare_.empty()) {
      slab = std::move(spare_.back());
      spare_.pop_back();
    }
    slab.row = row_;
    slab.column = column_;
    slab.first = k_ == 0 && !job_.accumulate;
    slab.multiplied = false;
    slab.width = leaves_;
    read_slab(slab.a, job_.a, row_, rows_, job_.m * kRows, job_.k, 1);
    read_slab(slab.b, job_.b, column_, columns_, job_.n * kRows, 1, job_.n);
    advance();
    return slab;
  }

  /// `count` lines from line `from` at the present K into `to`; lines and elements that the operand has not
  /// are zero. Fractal (line / 16, k) is number line/16 * line_stride + k * k_stride.
  void read_slab(std::vector<T>& to, std::span<const std::byte> operand, std::int64_t from,
                 std::int64_t count, std::int64_t lines, std::int64_t line_stride,
                 std::int64_t k_stride) const {
    to.assign(static_cast<std::size_t>(count * leaves_), T{});
    const std::int64_t element_bytes = kBlock / job_.k_per_fractal;
    const std::int64_t k_end = std::min(k_ + depth_, job_.k * job_.k_per_fractal);
    for (std::int64_t line = from; line < std::min(from + count, lines); ++line) {
      for (std::int64_t k = k_; k < k_end; ++k) {
        const std::int64_t fractal = line / kRows * line_stride + k / job_.k_per_fractal * k_stride;
        const std::int64_t at =
            fractal * kFractal + line % kRows * kBlock + k % job_.k_per_fractal * element_bytes;
        to[static_cast<std::size_t>((line - from) * leaves_ + k - k_)] =
            element(&operand[static_cast<std::size_t>(at)], T{});
      }
    }
  }

  /// The fetch unit's counters: rows fastest, then columns, then K.
  void advance() {
    row_ += rows_;
    if (row_ < job_.m * kRows) return;
    row_ = 0;
    column_ += columns_;
    if (column_ < job_.n * kRows) return;
    column_ = 0;
    k_ += depth_;
    fetching_ = k_ < job_.k * job_.k_per_fractal;
  }

  /// What a register behind the operands' (stage 0) does to a slab: multiply, then one level of the adder
  /// tree, then pass it on.
  void compute(Slab& slab) const {
    if (!slab.multiplied) {
      multiply(slab);
    } else if (slab.width > 1) {
      add_pairs(slab);
    }
  }

  void multiply(Slab& slab) const {
    slab.partials.resize(static_cast<std::size_t>(rows_ * columns_ * leaves_));
    T* to = slab.partials.data();
    for (std::int64_t row = 0; row < rows_; ++row) {
      const T* a = slab.a.data() + row * leaves_;
      for (std::int64_t column = 0; column < columns_; ++column) {
        const T* b = slab.b.data() + column * leaves_;
        for (std::int64_t k = 0; k < leaves_; ++k) *to++ = a[k] * b[k];
      }
    }
    slab.multiplied = true;
  }

  void add_pairs(Slab& slab) const {
    slab.width /= 2;
    T* sums = slab.partials.data();
    for (std::int64_t i = 0; i < rows_ * columns_ * slab.width; ++i) sums[i] = sums[2 * i] + sums[2 * i + 1];
  }

  /// The last stage: accumulators in L0C.
  void add_up(const Slab& slab) const {
    for (std::int64_t i = 0; i < std::min(rows_, job_.m * kRows - slab.row); ++i) {
      for (std::int64_t j = 0; j < std::min(columns_, job_.n * kRows - slab.column); ++j) {
        const std::int64_t row = slab.row + i;
        const std::int64_t column = slab.column + j;
        const std::int64_t at = (column / kRows * job_.m + row / kRows) * kAccumulator +
                                (row % kRows * kRows + column % kRows) * std::int64_t{sizeof(T)};
        T value{};
        if (!slab.first) std::memcpy(&value, &job_.c[static_cast<std::size_t>(at)], sizeof value);
        value += slab.partials[static_cast<std::size_t>(i * columns_ + j)];
        std::memcpy(&job_.c[static_cast<std::size_t>(at)], &value, sizeof value);
      }
    }
  }

  std::int64_t rows_, columns_, depth_, leaves_;
  ShiftRegister<Slab> pipeline_;
  std::vector<Slab> spare_;  ///< allocations of slabs that have left
  Job job_;
  std::int64_t row_ = 0, column_ = 0, k_ = 0;  ///< the next slab
  bool fetching_ = false;
};

}  // namespace

struct Cube::State {
  explicit State(const Spec& spec)
      : half(spec.cube_m, spec.cube_n, spec.cube_k_fp16, spec.cube_fill),
        integer(spec.cube_m, spec.cube_n, spec.cube_k_int8, spec.cube_fill) {}
  Array<float> half;
  Array<std::int32_t> integer;
  bool int8 = false;
};

Cube::Cube(const sc_core::sc_module_name& name, const Spec& spec)
    : EdgeEngine(name), state_(std::make_unique<State>(spec)) {}

Cube::~Cube() = default;

bool Cube::latch(const program::Program& program, const program::Command& command,
                 program::Storage& storage) {
  ensure(command.opcode == kMad, "the cube multiplies and adds");
  Job job;
  job.m = command.args[0];
  job.n = command.args[1];
  job.k = command.args[2];
  state_->int8 = command.args[3] != 0;
  job.k_per_fractal = state_->int8 ? 32 : 16;
  job.a = plain_bytes(storage, operand(program, command, Memory::l0a, false));
  job.b = plain_bytes(storage, operand(program, command, Memory::l0b, false));
  const program::Setting* setting = setting_of(program, command);
  job.accumulate = setting != nullptr && mad_setting(*setting).accumulate != 0;
  job.c = plain_bytes(storage, operand(program, command, Memory::l0c, true));
  const auto bytes = [](std::span<const std::byte> span) { return static_cast<std::int64_t>(span.size()); };
  ensure(bytes(job.a) == job.m * job.k * kFractal && bytes(job.b) == job.k * job.n * kFractal &&
             bytes(job.c) == job.m * job.n * kAccumulator,
         "a mad's regions are as large as its tile");
  state_->int8 ? state_->integer.latch(job) : state_->half.latch(job);
  return true;
}

bool Cube::edge() { return state_->int8 ? state_->integer.edge() : state_->half.edge(); }

}  // namespace npusim::ascend310::clocked
