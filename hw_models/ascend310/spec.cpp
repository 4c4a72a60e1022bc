#include "hw_models/ascend310/spec.h"

#include <cmath>

namespace npusim::ascend310 {

namespace {

constexpr std::int64_t kMaxRate = 1 << 16;

std::int64_t rate(const Config& config, const char* key) { return config.integer(key, 1, kMaxRate); }
std::int64_t cycles(const Config& config, const char* key) { return config.integer(key, 0, 1'000'000); }
std::int64_t kib(const Config& config, const char* key) { return config.integer(key, 1, 1 << 22) * 1024; }

std::int64_t microseconds(const Config& config, const char* key, std::int64_t clock_hz) {
  return std::llround(config.number(key, 0, 1e6) * static_cast<double>(clock_hz) / 1e6);
}

void read_core(const Config& config, Spec& spec) {
  spec.cube_m = config.integer("cube.m", 1, 256);
  spec.cube_n = config.integer("cube.n", 1, 256);
  spec.cube_k_fp16 = config.integer("cube.k_fp16", 1, 256);
  spec.cube_k_int8 = config.integer("cube.k_int8", 1, 512);
  spec.cube_fill = cycles(config, "cube.fill_cycles");
  spec.vector_rate = rate(config, "vector.bytes_per_cycle");
  spec.vector_startup = cycles(config, "vector.startup_cycles");
  spec.vector_latency = cycles(config, "vector.latency_cycles");
  spec.exp_rate = rate(config, "vector.exp_bytes_per_cycle");
  spec.convert_rate = rate(config, "vector.convert_bytes_per_cycle");
  spec.transpose_rate = rate(config, "vector.transpose_bytes_per_cycle");
  spec.reduce_rate = rate(config, "vector.reduce_bytes_per_cycle");
  spec.reduce_latency = cycles(config, "vector.reduce_latency_cycles");
  spec.trans_data_passes = config.integer("vector.trans_data_passes", 1, 64);
  spec.row_issue = cycles(config, "vector.row_issue_cycles");
  spec.l0a_bytes = kib(config, "buffers.l0a_kib");
  spec.l0b_bytes = kib(config, "buffers.l0b_kib");
  spec.l0c_bytes = kib(config, "buffers.l0c_kib");
  spec.l1_bytes = kib(config, "buffers.l1_kib");
  spec.ub_bytes = kib(config, "buffers.ub_kib");
  spec.ub_bank_groups = config.integer("buffers.ub_bank_groups", 1, 1024);
  spec.l0a_rate = rate(config, "mte1.l0a_bytes_per_cycle");
  spec.l0b_rate = rate(config, "mte1.l0b_bytes_per_cycle");
  spec.load2d_start = cycles(config, "mte1.load2d_start_cycles");
  spec.load3d_start = cycles(config, "mte1.load3d_start_cycles");
  spec.load3d_other_rate = rate(config, "mte1.load3d_other_stride_bytes_per_cycle");
  spec.l0c_ub_rate = rate(config, "l0c_to_ub_bytes_per_cycle");
}

/// One core's DMA engine towards DRAM and L2. `prefix` is mte2 (reads) or mte3 (writes).
mem::PortSpec read_port(const Config& config, const std::string& prefix, bool write, Spec& spec) {
  mem::PortSpec port;
  port.write = write;
  port.request_bytes = config.integer(prefix + ".request_bytes", 32, 4096);
  port.outstanding = config.integer(prefix + ".outstanding", 2, 4096);
  port.issue_num = port.request_bytes;
  port.issue_den = config.integer(prefix + ".dram_bytes_per_cycle", 1, port.request_bytes);
  port.sram_issue_num = port.request_bytes;
  port.sram_issue_den = config.integer(prefix + ".l2_bytes_per_cycle", 1, port.request_bytes);
  (write ? spec.writes_in_flight : spec.reads_in_flight) =
      config.integer(prefix + ".transfers_in_flight", 1, 64);
  port.start_cycles = config.integer(prefix + ".start_cycles", 0, 100'000);
  return port;
}

void read_memory(const Config& config, Spec& spec) {
  auto& memory = spec.memory;
  memory.clock_hz = spec.clock_hz;
  memory.dram = mem::read_dram(config, "dram");
  spec.l2_bytes = kib(config, "l2.kib");
  memory.sram.base = 0;
  memory.sram.bytes = spec.l2_bytes;
  memory.sram.read_bytes_per_cycle = rate(config, "l2.read_bytes_per_cycle");
  memory.sram.write_bytes_per_cycle = rate(config, "l2.write_bytes_per_cycle");
  memory.sram.latency_cycles = cycles(config, "l2.latency_cycles");
  for (std::int64_t core = 0; core < spec.cores; ++core) {
    for (const bool write : {false, true}) {
      auto port = read_port(config, write ? "mte3" : "mte2", write, spec);
      port.name = "core" + std::to_string(core) + (write ? ".mte3" : ".mte2");
      memory.ports.push_back(port);
    }
  }
  const auto& read = memory.ports[0];
  const auto& write = memory.ports[1];
  spec.read_dram_rate = read.issue_den;
  spec.read_l2_rate = read.sram_issue_den;
  spec.read_start = read.start_cycles;
  spec.write_dram_rate = write.issue_den;
  spec.write_l2_rate = write.sram_issue_den;
  spec.write_start = write.start_cycles;
  const auto& timing = memory.dram.timing;
  spec.dram_peak_rate = static_cast<double>(memory.dram.channels) * static_cast<double>(timing.burst_bytes) /
                        static_cast<double>(timing.burst_clocks) * static_cast<double>(timing.clock_hz) /
                        static_cast<double>(spec.clock_hz);
}

}  // namespace

Spec read_spec(const Config& config) {
  Spec spec;
  static_cast<void>(config.text("chip"));
  spec.clock_hz = std::llround(config.number("clock_mhz", 1, 10'000) * 1e6);
  spec.cores = config.integer("cores", 1, 64);
  read_core(config, spec);
  read_memory(config, spec);
  spec.queue_depth = config.integer("issue.queue_depth", 1, 4096);
  spec.command_issue = cycles(config, "issue.command_cycles");
  spec.flag_issue = cycles(config, "issue.flag_cycles");
  spec.flag_latency = config.integer("issue.flag_latency_cycles", 1, 1000);
  spec.flag_ids = config.integer("issue.flag_ids", 4, 64);
  spec.task_launch = microseconds(config, "launch.task_us", spec.clock_hz);
  spec.host_launch = microseconds(config, "launch.host_us", spec.clock_hz);
  spec.concat_in_place = config.boolean("mapping.concat_in_place");
  spec.l2_partial = config.boolean("mapping.l2_partial");
  spec.first_layer_c04 = config.boolean("mapping.first_layer_c04");
  spec.l2_activations = config.boolean("mapping.l2_activations");
  config.finish();
  return spec;
}

}  // namespace npusim::ascend310
