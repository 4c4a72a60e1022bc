#include "hw_models/vpu/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "sim/base/error.h"

namespace npusim::vpu {

namespace {

constexpr std::int64_t kMega = 1'000'000;

std::int64_t thousandths(const Config& config, const std::string& key, double low, double high) {
  return std::llround(config.number(key, low, high) * 1000);
}

/// `ns` nanoseconds in main-clock cycles, rounded to the nearest.
std::int64_t nanoseconds(const Config& config, const char* key, std::int64_t clock_hz) {
  return std::llround(config.number(key, 0, 1e7) * static_cast<double>(clock_hz) / 1e9);
}

DpuFit read_fit(const Config& config, const std::string& type) {
  const std::string at = "dpu." + type + ".";
  DpuFit fit;
  fit.overhead = config.integer(at + "overhead_cycles", 0, 100'000);
  fit.mac = thousandths(config, at + "array", 0, 100);
  fit.act = thousandths(config, at + "activation_reads", 0, 100);
  fit.weight = thousandths(config, at + "weight_reads", 0, 100);
  fit.out_bound = thousandths(config, at + "writes", 0, 100);
  fit.out_tail = thousandths(config, at + "write_tail", 0.1, 0.95);
  fit.eltwise_overhead = config.integer(at + "eltwise_overhead_cycles", 0, 100'000);
  fit.eltwise = thousandths(config, at + "eltwise_writes", 0, 100);
  return fit;
}

void read_cuboid(const Config& config, Spec& spec) {
  spec.read_bytes = config.integer("dpu.read_bytes_per_cmx_clock", 16, 4096);
  if (spec.read_bytes % 16 != 0) {
    throw UserError(fmt::format("{}: expected a multiple of 16, the bytes of a port",
                                config.where("dpu.read_bytes_per_cmx_clock")));
  }
  spec.write_bytes = config.integer("dpu.write_bytes_per_cmx_clock", 1, 4096);
  spec.u8 = read_fit(config, "int8");
  spec.f16 = read_fit(config, "fp16");
  spec.window.overhead = config.integer("dpu.window.overhead_cycles", 0, 100'000);
  spec.window.narrow = thousandths(config, "dpu.window.narrow_clocks", 0.1, 100);
  spec.window.wide = thousandths(config, "dpu.window.wide_clocks", 0.1, 100);
  spec.window.strided = thousandths(config, "dpu.window.strided_clocks", 0.1, 100);
  spec.window.strided_wide = thousandths(config, "dpu.window.strided_wide_clocks", 0.1, 100);
  spec.modes = {{"CUBOID_16x16", 16, 16, 64}, {"CUBOID_8x16", 16, 8, 128}, {"CUBOID_4x16", 8, 8, 256}};
}

std::vector<PixelCost> read_costs(const Config& config, const std::string& prefix) {
  std::vector<PixelCost> costs;
  const auto kernels = config.integers(prefix + ".kernels", 1, kMaxKernel);
  const auto plain = config.integers(prefix + ".stride_1_milli_cycles", 1, 1'000'000);
  const auto strided = config.integers(prefix + ".stride_2_milli_cycles", 1, 1'000'000);
  if (plain.size() != kernels.size() || strided.size() != kernels.size() || kernels.empty()) {
    throw UserError(fmt::format("{}: expected as many costs as kernels, and at least one",
                                config.where(prefix + ".kernels")));
  }
  for (std::size_t i = 0; i < kernels.size(); ++i) costs.push_back({kernels[i], plain[i], strided[i]});
  return costs;
}

void read_keembay(const Config& config, Spec& spec) {
  spec.image_channels = config.integer("dpu.image_channels", 1, 16);
  spec.depthwise_cost = read_costs(config, "dpu.depthwise");
  spec.pool_cost = read_costs(config, "dpu.pool");
  spec.eltwise_cost = config.integer("dpu.eltwise_milli_cycles", 1, 1'000'000);
  spec.modes = {{"VECTOR", 16, 1, 16}, {"MATRIX", 4, 4, 16}, {"VECTOR_FP16", 4, 1, 16}};
}

void read_dpu(const Config& config, Spec& spec) {
  spec.generation = config.choice("dpu.generation", {"keembay", "cuboid"}) == "keembay" ? Generation::keembay
                                                                                        : Generation::cuboid;
  spec.macs = config.integer("dpu.int8_macs_per_cycle", 1, 1 << 20);
  spec.fp16_slowdown = config.integer("dpu.fp16_slowdown", 1, 64);
  spec.task_cycles = config.integer("dpu.task_cycles", 0, 1'000'000);
  if (spec.generation == Generation::keembay) {
    read_keembay(config, spec);
  } else {
    read_cuboid(config, spec);
  }
  std::vector<std::string> names = {"auto"};
  for (const auto& mode : spec.modes) names.push_back(mode.name);
  spec.forced_mode = config.choice("dpu.mode", names);
}

void read_memory(const Config& config, Spec& spec) {
  auto& memory = spec.memory;
  memory.clock_hz = spec.clock_hz;
  memory.dram = mem::read_dram(config, "dram");
  spec.dma_engines = config.integer("dma.engines", 1, 8);
  spec.read_start = nanoseconds(config, "dma.read_start_ns", spec.clock_hz);
  spec.write_start = nanoseconds(config, "dma.write_start_ns", spec.clock_hz);
  spec.copy_start = nanoseconds(config, "dma.copy_start_ns", spec.clock_hz);
  spec.transfers_in_flight = config.integer("dma.transfers_in_flight", 1, 64);
  // Rates are given a CMX clock: bytes * cmx / main a main-clock cycle.
  const std::int64_t rate = thousandths(config, "dma.bytes_per_cmx_clock", 1, 1024);
  const std::int64_t copy = thousandths(config, "dma.copy_bytes_per_cmx_clock", 1, 1024);
  const std::int64_t permute = thousandths(config, "dma.permute_elements_per_cmx_clock", 0.1, 1024);
  spec.run_milli_clocks = thousandths(config, "dma.run_cmx_clocks", 0, 1000);
  spec.copy_milli_bytes = mul_div(copy, spec.cmx_clock_hz, spec.clock_hz);
  spec.permute_milli_elements = mul_div(permute, spec.cmx_clock_hz, spec.clock_hz);
  spec.dma_bytes_per_cycle = static_cast<double>(mul_div(rate, spec.cmx_clock_hz, spec.clock_hz)) / 1000;
  mem::PortSpec port;
  port.request_bytes = config.integer("dma.request_bytes", 32, 4096);
  port.outstanding = config.integer("dma.outstanding", 2, 4096);
  port.issue_num = port.sram_issue_num = port.request_bytes * 1000;
  port.issue_den = port.sram_issue_den = mul_div(rate, spec.cmx_clock_hz, spec.clock_hz);
  for (std::int64_t i = 0; i < spec.dma_engines; ++i) {
    for (const bool write : {false, true}) {
      port.name = fmt::format("dma{}.{}", i, write ? "out" : "in");
      port.write = write;
      port.start_cycles = write ? spec.write_start : spec.read_start;
      memory.ports.push_back(port);
    }
  }
}

/// "none", or "LAYER=WEIGHTS/ACTIVATIONS" of any number of layers, with semicolons between.
std::vector<Density> read_densities(const Config& config) {
  const std::string text = config.text("mapping.layer_density");
  std::vector<Density> densities;
  if (text == "none") return densities;
  std::istringstream entries(text);
  for (std::string entry; std::getline(entries, entry, ';');) {
    const auto equals = entry.rfind('=');
    Density density;
    density.layer = entry.substr(0, equals);
    char slash = 0;
    std::istringstream shares(equals == std::string::npos ? "" : entry.substr(equals + 1));
    shares >> density.weights >> slash >> density.activations;
    const auto share = [](double value) { return value >= 0.01 && value <= 1; };
    if (!shares || !shares.eof() || slash != '/' || !share(density.weights) || !share(density.activations)) {
      throw UserError(
          fmt::format("{}: '{}': expected LAYER=WEIGHTS/ACTIVATIONS, shares from 0.01 to 1 that are "
                      "not zero, for instance conv1=0.5/1",
                      config.where("mapping.layer_density"), entry));
    }
    densities.push_back(density);
  }
  return densities;
}

}  // namespace

Spec read_spec(const Config& config) {
  Spec spec;
  spec.chip = config.text("chip");
  spec.clock_hz = config.integer("clock_mhz", 1, 100'000) * kMega;
  spec.cmx_clock_hz = config.integer("cmx.clock_mhz", 1, 100'000) * kMega;
  spec.tiles = config.integer("tiles", 1, 16);
  spec.dpus = config.integer("dpu.per_tile", 1, 16);
  spec.shaves = config.integer("shave.per_tile", 1, 16);
  spec.cmx_bytes = config.integer("cmx.kib", 1, 1 << 20) * 1024;
  read_dpu(config, spec);
  read_memory(config, spec);
  spec.barriers = config.integer("barrier.count", 1, 1 << 20);
  spec.barrier_cycles = std::max<std::int64_t>(1, nanoseconds(config, "barrier.latency_ns", spec.clock_hz));
  spec.launch_cycles = nanoseconds(config, "launch.inference_ns", spec.clock_hz);
  spec.shave_clock_factor = config.number("shave.time_factor", 0.01, 100);
  spec.shave_passes_softmax = config.number("shave.softmax_passes", 0.01, 1000);
  spec.shave_passes_norm = config.number("shave.norm_passes", 0.01, 1000);
  spec.layer_cycles = nanoseconds(config, "launch.layer_ns", spec.clock_hz);
  spec.permute_input = config.boolean("mapping.permute_input");
  spec.prefetch_weights = config.boolean("mapping.prefetch_weights");
  spec.prefetch_layers = config.integer("mapping.prefetch_layers", 1, 64);
  spec.vertical_fusion = config.boolean("mapping.vertical_fusion");
  spec.keep_activations = config.boolean("mapping.keep_activations");
  spec.local_operands = config.boolean("mapping.local_operands");
  spec.density = {"", config.number("mapping.weight_density", 0.01, 1),
                  config.number("mapping.activation_density", 0.01, 1)};
  spec.layer_density = read_densities(config);
  if (spec.local_operands) {
    spec.task_cycles = 0;
    spec.dpus = 1;
    spec.layer_cycles = 0;
    spec.launch_cycles = 0;
  }
  config.finish();
  return spec;
}

}  // namespace npusim::vpu
