#include "hw_models/ascend310/cube_estimate.h"

#include <algorithm>
#include <cmath>

#include "hw_models/ascend310/timing.h"

namespace npusim::ascend310 {

namespace {

constexpr double kDramEfficiency = 0.8;  ///< of peak
constexpr double kRunPenalty = 512;      ///< bytes lost to DRAM rows at the end of a run
constexpr double kOverlapLoss = 0.1;     ///< share of hidden work that shows
constexpr double kLatency = 200;         ///< cycles to the first byte

/// Bytes as DRAM feels them: a run ends in a partly used page.
double in_runs(double bytes, double run) { return bytes * (1 + kRunPenalty / std::max(run, 1.0)); }

double cost(double bytes, bool near, std::int64_t far_rate, std::int64_t near_rate) {
  return bytes / static_cast<double>(near ? near_rate : far_rate);
}

bool is_near(const DeviceTensor* tensor) {
  return tensor != nullptr && tensor->plain_bytes == 0 && tensor->place.near_images >= tensor->shape.n;
}

}  // namespace

std::int64_t inner_rows(const CubeLayer& layer, std::int64_t rows) {
  const std::int64_t middle = std::max<std::int64_t>(0, (layer.ho - rows) / 2);
  return layer.input_row_count(middle, std::min(layer.ho, middle + rows));
}

CubeEstimator::CubeEstimator(const Spec& spec, const CubeLayer& layer)
    : spec_(spec),
      layer_(layer),
      a_near_(is_near(layer.a)),
      out_near_(is_near(layer.out)),
      b_near_(is_near(layer.b)),
      residual_near_(is_near(layer.residual)) {
  const bool int8 = layer.k_elements == 32;
  constexpr std::int64_t kMany = 64;  // fractals along each axis, so that rounding does not count
  steps_per_fractal_ = static_cast<double>(mad_cycles(spec, kMany, kMany, kMany, int8) - spec.cube_fill) /
                       static_cast<double>(kMany * kMany * kMany);
  const Epilogue& epilogue = layer.epilogue;
  const auto per_fractal = [](std::int64_t count, std::int64_t bytes, std::int64_t rate) {
    return static_cast<double>(count * bytes) / static_cast<double>(rate);
  };
  passes_ = per_fractal(1, kAccumulator, spec.l0c_ub_rate) +
            per_fractal(epilogue.bias ? 1 : 0, kAccumulator, spec.vector_rate) +
            per_fractal(epilogue.simple, kFractal, spec.vector_rate) +
            per_fractal(epilogue.exp, kFractal, spec.exp_rate) +
            per_fractal(epilogue.convert, kFractal, spec.convert_rate);
  instructions_ =
      static_cast<double>(1 + (epilogue.bias ? 1 : 0) + epilogue.simple + epilogue.exp + epilogue.convert);
}

CubeEstimator::Trips CubeEstimator::trips(const CubeLayer& layer, const Tiling& t, const CoreShare& share) {
  Trips n;
  n.groups = static_cast<double>(share.g1 - share.g0);
  n.images = share.i1 - share.i0;
  n.rows = share.r1 - share.r0;
  n.columns = share.n1 - share.n0;
  n.row_tiles = ceil_div(n.images, t.l1_images) * ceil_div(n.rows, t.l1_rows);
  n.column_tiles = ceil_div(n.columns, t.l1_columns);
  n.k_tiles = ceil_div(layer.c1, t.l1_c1);
  n.group_tiles = std::ceil(n.groups / static_cast<double>(t.l1_groups));
  return n;
}

CubeEstimator::Traffic CubeEstimator::traffic(const Tiling& t, const Trips& n) const {
  Traffic bytes;
  // Tiles of an operand between two uses of the same one: more than its slots hold means loading it again.
  const std::int64_t a_reuse = (t.columns_outer ? n.row_tiles : 1) * n.k_tiles;
  const std::int64_t b_reuse = (t.columns_outer ? 1 : n.column_tiles) * n.k_tiles;
  bytes.a_again = n.column_tiles > 1 && a_reuse > t.a_slots;
  bytes.b_again = n.row_tiles > 1 && b_reuse > t.b_slots;
  const double a_once = a_bytes(t.l1_rows, n.rows) * static_cast<double>(n.images * layer_.c1) * n.groups;
  const double b_once = static_cast<double>(n.columns * layer_.k1() * kFractal) * n.groups;
  bytes.a = a_once * static_cast<double>(bytes.a_again ? n.column_tiles : 1);
  bytes.b = b_once * static_cast<double>(bytes.b_again ? n.row_tiles : 1);
  bytes.out =
      static_cast<double>(n.images * n.rows * layer_.wo * n.columns * 16 * layer_.result_bytes) * n.groups;
  bytes.residual = layer_.residual != nullptr ? bytes.out : 0;
  return bytes;
}

double CubeEstimator::load_cycles(const Traffic& bytes) const {
  return cost(bytes.a, a_near_, spec_.read_dram_rate, spec_.read_l2_rate) +
         cost(bytes.b, b_near_, spec_.read_dram_rate, spec_.read_l2_rate) +
         cost(bytes.residual, residual_near_, spec_.read_dram_rate, spec_.read_l2_rate);
}

double CubeEstimator::dram_cycles(const Tiling& t, const Trips& n, const Traffic& bytes,
                                  std::int64_t cores) const {
  const std::int64_t a_rows =
      t.l1_rows >= layer_.ho ? layer_.hi * t.l1_c1 : t.l1_rows * layer_.window.stride.h;
  const double a_run = static_cast<double>(a_rows * layer_.row_bytes());
  const std::int64_t b_fractals = t.l1_columns >= layer_.n1 ? t.l1_c1 * layer_.taps() : 1;
  const double b_run = static_cast<double>(b_fractals * t.l1_columns * kFractal);
  const double out_run = static_cast<double>(std::min(t.m0 * 16, n.rows * layer_.wo) * kBlock);
  const double felt = (a_near_ ? 0 : in_runs(bytes.a, a_run)) + (b_near_ ? 0 : in_runs(bytes.b, b_run)) +
                      (out_near_ ? 0 : in_runs(bytes.out, out_run)) +
                      (residual_near_ ? 0 : in_runs(bytes.residual, out_run));
  return felt * static_cast<double>(cores) / (kDramEfficiency * spec_.dram_peak_rate);
}

/// Streaming in steps: with two slots a step's load overlaps the step before, but its latency recurs; with
/// one slot nothing overlaps.
double CubeEstimator::pipelined_cycles(const Tiling& t, const Trips& n, const Traffic& bytes, double compute,
                                       double load) const {
  if (n.steps() <= 1) return 0;
  const bool a_streams = bytes.a_again || n.row_tiles * n.k_tiles > 1 || n.group_tiles > 1;
  const bool b_streams = bytes.b_again || n.column_tiles * n.k_tiles > 1 || n.group_tiles > 1;
  const bool serial = (a_streams && t.a_slots == 1) || (b_streams && t.b_slots == 1);
  return (compute + load + n.steps() * kLatency) / (serial ? 1.0 : 2.0);
}

/// Nothing computes before the first tiles of both operands are there, and the cores share the DRAM
/// meanwhile.
double CubeEstimator::first_load(const Tiling& t, const Trips& n, const Traffic& bytes,
                                 std::int64_t cores) const {
  const double a_once = bytes.a / static_cast<double>(bytes.a_again ? n.column_tiles : 1);
  const double a_first = a_once / static_cast<double>(n.row_tiles * n.k_tiles) / n.group_tiles;
  const double b_first =
      static_cast<double>(std::min(t.l1_columns, n.columns) * std::min(t.l1_c1, layer_.c1) * layer_.taps() *
                          kFractal * t.l1_groups);
  return first_cost(a_first, a_near_, cores) + first_cost(b_first, b_near_, cores) + kLatency;
}

double CubeEstimator::operator()(const Tiling& t, const CoreShare& share, std::int64_t cores) const {
  const Trips n = trips(layer_, t, share);
  const Traffic bytes = traffic(t, n);
  const double compute = compute_cycles(t, n) * n.groups;
  const double load = load_cycles(bytes);
  const double store = cost(bytes.out, out_near_, spec_.write_dram_rate, spec_.write_l2_rate);
  const double dram = dram_cycles(t, n, bytes, cores);
  const double pipelined = pipelined_cycles(t, n, bytes, compute, load);
  const double bound = std::max({compute, load, store, dram, pipelined});
  // What does not bind still disturbs: without this, all tilings of a memory-bound layer look alike.
  const double rest = compute + load + store + dram + pipelined - bound;
  return bound + kOverlapLoss * rest + first_load(t, n, bytes, cores) + tail_cycles(t);
}

double CubeEstimator::first_cost(double bytes, bool near, std::int64_t cores) const {
  if (near) return bytes / static_cast<double>(spec_.read_l2_rate);
  return bytes / std::min(static_cast<double>(spec_.read_dram_rate),
                          kDramEfficiency * spec_.dram_peak_rate / static_cast<double>(cores));
}

/// Bytes of A's rows (one block of channels, one image) for all L1 row tiles of `rows` output rows.
double CubeEstimator::a_bytes(std::int64_t tile_rows, std::int64_t rows) const {
  const std::int64_t tiles = ceil_div(rows, tile_rows);
  return static_cast<double>(inner_rows(layer_, std::min(tile_rows, rows)) * tiles * layer_.row_bytes());
}

/// Cube, MTE1 and vector work of one group, overlapped: the slowest of them.
double CubeEstimator::compute_cycles(const Tiling& t, const Trips& trips) const {
  const std::int64_t images = trips.images;
  const std::int64_t rows = trips.rows;
  const std::int64_t columns = trips.columns;
  const std::int64_t k_tiles = trips.k_tiles;
  const std::int64_t tile_rows = std::min(t.l1_rows, rows);
  const std::int64_t tile_images = std::min(t.l1_images, images);
  const std::int64_t image_fractals = ceil_div(tile_rows * layer_.wo, 16);
  const std::int64_t tile_fractals = tile_images * image_fractals;
  const std::int64_t m_tiles = ceil_div(tile_fractals, t.m0);
  const std::int64_t tile_columns = std::min(t.l1_columns, columns);
  const std::int64_t n_tiles = ceil_div(tile_columns, t.n0);
  const double l1_tiles = static_cast<double>(ceil_div(images, tile_images) * ceil_div(rows, tile_rows) *
                                              ceil_div(columns, tile_columns));
  const double m = static_cast<double>(tile_fractals) / static_cast<double>(m_tiles);
  const double n = static_cast<double>(tile_columns) / static_cast<double>(n_tiles);
  const std::int64_t chunk = std::min(t.l1_c1, layer_.c1) * layer_.taps();
  const double k_steps = static_cast<double>(ceil_div(chunk, t.k0) * k_tiles);
  const double k = static_cast<double>(layer_.k1()) / k_steps;
  const double mad = static_cast<double>(spec_.cube_fill) + m * n * k * steps_per_fractal_;
  const bool reuse_b = t.rows_inner && k_steps <= 2;
  const bool reuse_a = !t.rows_inner && k_steps <= 2;
  const double segments = std::max(1.0, m / static_cast<double>(image_fractals));
  const double load_a = load_a_cycles(m, k, segments) / (reuse_a ? static_cast<double>(n_tiles) : 1.0);
  const double load_b =
      (static_cast<double>(spec_.load2d_start) + n * k * kFractal / static_cast<double>(spec_.l0b_rate)) /
      (reuse_b ? static_cast<double>(m_tiles) : 1.0);
  const double step = std::max(mad, load_a + load_b) + 3;
  const double vector = m * n * passes_ + instructions_ * static_cast<double>(spec_.vector_startup);
  const double tiles = static_cast<double>(m_tiles * n_tiles);
  return l1_tiles * tiles * std::max(step * k_steps, vector + 4);
}

double CubeEstimator::load_a_cycles(double m, double k, double segments) const {
  if (layer_.load2d) {
    return static_cast<double>(spec_.load2d_start) * segments +
           m * k * kFractal / static_cast<double>(spec_.l0a_rate);
  }
  const double switches = std::min(15.0, 16.0 / static_cast<double>(layer_.load_width));
  const std::int64_t s = layer_.load_stride;
  const bool fast = s == 1 || s == 2 || s == 4 || s == 8;
  const double fractal =
      fast ? (static_cast<double>(s) + switches) * kFractal / static_cast<double>(spec_.l0a_rate)
           : static_cast<double>(kFractal) / static_cast<double>(spec_.load3d_other_rate);
  return static_cast<double>(spec_.load3d_start) * segments + m * k * fractal;
}

/// From the last multiply to the last byte stored.
double CubeEstimator::tail_cycles(const Tiling& t) const {
  const double tile = static_cast<double>(t.m0 * t.n0);
  const double bytes = tile * 256 * static_cast<double>(layer_.result_bytes);
  return tile * passes_ + instructions_ * static_cast<double>(spec_.vector_startup) +
         cost(bytes, out_near_, spec_.write_dram_rate, spec_.write_l2_rate) + kLatency / 2;
}

}  // namespace npusim::ascend310
