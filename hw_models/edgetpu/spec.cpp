#include "hw_models/edgetpu/spec.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/base/error.h"
#include "sim/mem/host_link.h"

namespace npusim::edgetpu {

namespace {

/// Of the host's memory as the chip sees it; larger than any network's tensors.
constexpr std::int64_t kHostBytes = INT64_C(1) << 36U;
constexpr double kMicro = 1e6;

void read_tiles(const Config& config, Spec& spec) {
  spec.rows = config.integer("tiles.rows", 1, 16);
  spec.columns = config.integer("tiles.columns", 1, 16);
  spec.cores = config.integer("tiles.cores", 1, 64);
  spec.lanes = config.integer("tiles.lanes", 4, 1024);
  spec.dot = config.integer("tiles.dot", 1, 64);
  spec.narrow_bytes = config.integer("tiles.narrow_kib", 16, 1 << 16) * 1024;
  spec.wide_bytes = config.integer("tiles.wide_kib", 64, 1 << 16) * 1024;
  spec.wide_reserved_bytes = config.integer("tiles.wide_reserved_bytes", 0, spec.wide_bytes);
}

void read_engines(const Config& config, Spec& spec) {
  spec.depthwise_extra_steps = config.integer("op.depthwise_extra_steps", 0, 16);
  spec.add_steps = config.integer("op.add_steps", 1, 64);
  spec.multiply_steps = config.integer("op.multiply_steps", 1, 64);
  spec.resize_steps = config.integer("op.resize_steps", 1, 64);
  spec.ring_rate = config.integer("ring.bytes_per_cycle", 1, 4096);
  spec.depthwise_row_cycles = config.integer("ring.depthwise_row_cycles", 1, 1024);
  spec.mesh_rate = config.integer("mesh.bytes_per_cycle", 1, 1024);
  spec.spill_millicycles_per_word = std::llround(config.number("spill.cycles_per_word", 0.25, 64) * 1e3);
  spec.phase_bytes = config.integer("instructions.phase_bytes", 1, 1 << 20);
  spec.op_bytes = config.integer("instructions.op_bytes", 1, 1 << 20);
  spec.mesh_bytes = config.integer("instructions.mesh_bytes", 0, 1 << 20);
  spec.mover_bytes = config.integer("instructions.mover_bytes", 0, 1 << 20);
  spec.slot_bytes = config.integer("stream.slot_kib", 1, 1024) * 1024;
  spec.slots = config.integer("stream.slots", 2, 64);
}

std::int64_t cycles_of(const Spec& spec, double microseconds) {
  return static_cast<std::int64_t>(std::llround(microseconds * static_cast<double>(spec.clock_hz) / kMicro));
}

mem::HostLinkSpec read_link(const Config& config, const Spec& spec) {
  mem::HostLinkSpec link;
  link.name = config.text("link.name");
  link.bytes = kHostBytes;
  const auto rate = [&](const char* key) {
    const double mb_s = config.number(key, 1, 1e6);
    return mem::link_rate(std::llround(mb_s * kMicro), spec.clock_hz, config.where(key));
  };
  link.read = rate("link.in_mb_s");
  link.write = rate("link.out_mb_s");
  link.read.latency_cycles = cycles_of(spec, config.number("link.in_latency_us", 0, 1e4));
  link.write.latency_cycles = cycles_of(spec, config.number("link.out_latency_us", 0, 1e4));
  link.packet_bytes = config.integer("link.packet_bytes", 64, 1024);
  link.half_duplex = config.boolean("link.half_duplex");
  return link;
}

/// The memory behind the chip: the host's, over a link, or DRAM where the description has one.
void read_memory(const Config& config, Spec& spec) {
  auto& memory = spec.memory;
  memory.clock_hz = spec.clock_hz;
  const mem::HostLinkSpec link = read_link(config, spec);
  spec.has_link = !config.has("dram.model");
  if (spec.has_link) {
    memory.links = {link};
    spec.in_bytes_per_cycle =
        static_cast<double>(link.read.rate_num) / static_cast<double>(link.read.rate_den);
    // All addresses are the link's; the domain still wants a DRAM.
    const Config none = Config::parse(
        "dram: {model: lpddr4-3200, channels: 1, interleave_bytes: 1024, controller_cycles: 0, bank_xor: "
        "false, write_queue: 0}",
        "edgetpu");
    memory.dram = mem::read_dram(none, "dram");
  } else {
    memory.dram = mem::read_dram(config, "dram");
  }
  mem::PortSpec port;
  port.request_bytes = 1024;
  port.outstanding = 16;
  // Requests are asked for at up to 64 B a cycle: the link or the DRAM is what limits.
  port.issue_num = port.sram_issue_num = 16;
  port.name = "in";
  memory.ports.push_back(port);
  port.name = "out";
  port.write = true;
  memory.ports.push_back(port);
}

}  // namespace

Spec read_spec(const Config& config) {
  Spec spec;
  static_cast<void>(config.text("chip"));
  spec.clock_hz = config.integer("clock_mhz", 1, 100'000) * 1'000'000;
  read_tiles(config, spec);
  read_engines(config, spec);
  spec.fixed_cycles = cycles_of(spec, config.number("link.fixed_us", 0, 1e6));
  spec.page_cycles = cycles_of(spec, config.number("link.page_us", 0, 1e3));
  const auto hz = static_cast<double>(spec.clock_hz);
  spec.host_macs_per_cycle = config.number("host.gmac_per_s", 0.01, 1e6) * 1e9 / hz;
  spec.host_bytes_per_cycle = config.number("host.gb_per_s", 0.01, 1e6) * 1e9 / hz;
  spec.host_op_cycles = cycles_of(spec, config.number("host.operator_us", 0, 1e6));
  spec.host_entry_cycles = cycles_of(spec, config.number("host.entry_us", 0, 1e6));
  spec.allow_return = config.boolean("mapping.allow_return");
  spec.assume_int8 = config.boolean("mapping.assume_int8");
  read_memory(config, spec);
  config.finish();
  return spec;
}

}  // namespace npusim::edgetpu
