#include "hw_models/midap/spec.h"

#include <fmt/format.h>

#include "hw_models/midap/dma.h"
#include "sim/base/error.h"

namespace npusim::midap {

namespace {

constexpr std::int64_t kMaxBytes = 1 << 30;

std::int64_t kib(const Config& config, const char* key) { return config.integer(key, 1, 1 << 16) * 1024; }

void read_compiler(const Config& config, Spec& spec) {
  const std::string policy =
      config.choice("compiler.policy", {"hide_dram_latency", "min_dram_access", "double_buffer"});
  spec.policy = policy == "hide_dram_latency" ? Policy::hide_dram_latency
                : policy == "min_dram_access" ? Policy::min_dram_access
                                              : Policy::double_buffer;
  spec.load_many_filters = config.choice("compiler.filter_load", {"one", "maximum"}) == "maximum";
  spec.first_layer_gemm = config.boolean("compiler.first_layer_gemm");
  spec.input_on_chip = config.boolean("compiler.input_on_chip");
}

LatencyModel read_latency(const Config& config, const std::string& model) {
  LatencyModel latency;
  latency.enabled = model == "midap-exact" || model == "midap-worst";
  latency.worst = model == "midap-worst";
  latency.cas = config.number("dram.cas_cycles", 3, 1e4);
  latency.page_delay = config.number("dram.page_delay_cycles", 0, 1e4);
  latency.refresh_delay = config.number("dram.refresh_delay_cycles", 0, 1e5);
  latency.page_bytes = config.integer("dram.page_bytes", 1, kMaxBytes);
  latency.page_offset = config.integer("dram.page_offset_bytes", 0, latency.page_bytes);
  latency.refresh_offset = config.integer("dram.refresh_offset_bytes", 0, kMaxBytes);
  latency.refresh_period = config.integer("dram.refresh_period_bytes", 1, kMaxBytes);
  return latency;
}

/// Reads npusim's parameters even when the published formula takes DRAM's place: one description serves both.
void read_memory(const Config& config, const std::string& model, Spec& spec) {
  auto& memory = spec.memory;
  memory.clock_hz = spec.clock_hz;
  if (spec.latency.enabled) {
    Config other = config;
    other.set("dram.model=lpddr4-3200");
    memory.dram = mem::read_dram(other, "dram");
    for (const char* key : {"channels", "interleave_bytes", "controller_cycles", "bank_xor", "write_queue"}) {
      static_cast<void>(config.text(fmt::format("dram.{}", key)));
    }
  } else {
    const auto tables = mem::dram_tables();
    if (!model.ends_with(".yaml") && std::find(tables.begin(), tables.end(), model) == tables.end()) {
      auto known = tables;
      known.insert(known.end(), {"midap-exact", "midap-worst"});
      static_cast<void>(config.choice("dram.model", known));
    }
    memory.dram = mem::read_dram(config, "dram");
  }
  mem::PortSpec port;
  port.request_bytes = config.integer("dma.request_bytes", 32, 4096);
  port.outstanding = config.integer("dma.outstanding", 2, 4096);
  port.start_cycles = config.integer("dma.start_cycles", 0, 10'000);
  spec.dma_rate = config.integer("dma.bytes_per_cycle", 1, port.request_bytes);
  port.issue_num = port.sram_issue_num = port.request_bytes;
  port.issue_den = port.sram_issue_den = spec.dma_rate;
  for (const char* name : {"wmem", "fmem", "bmmem", "write"}) {
    port.name = name;
    port.write = port.name == "write";
    memory.ports.push_back(port);
  }
  if (spec.latency.enabled) {
    memory.make = [latency = spec.latency, rate = spec.dma_rate](const mem::MemorySpec&) {
      return make_published_memory(latency, rate);
    };
  }
}

void check_sizes(const Config& config, const Spec& spec) {
  if (spec.lanes % spec.cims != 0) {
    throw UserError(fmt::format("{}: {} CIMs; expected a divisor of the {} lanes", config.where("cims"),
                                spec.cims, spec.lanes));
  }
  if (spec.extended_wmem_bytes < spec.wmem_bytes) {
    throw UserError(
        fmt::format("{}: expected at least wmem.bank_kib", config.where("wmem.extended_bank_kib")));
  }
  if (spec.bank_bytes % spec.lanes != 0 || spec.wmem_bytes % spec.lanes != 0) {
    throw UserError(fmt::format("{}: {} lanes; expected a divisor of the memories' sizes",
                                config.where("lanes"), spec.lanes));
  }
}

}  // namespace

Spec read_spec(const Config& config) {
  Spec spec;
  static_cast<void>(config.text("chip"));
  spec.clock_hz = config.integer("clock_mhz", 1, 100'000) * 1'000'000;
  spec.lanes = config.integer("lanes", 1, 1024);
  spec.cims = config.integer("cims", 1, 1024);
  spec.banks = config.integer("fmem.banks", 2, 64);
  spec.bank_bytes = kib(config, "fmem.bank_kib");
  spec.wmem_bytes = kib(config, "wmem.bank_kib");
  spec.extended_wmem_bytes = kib(config, "wmem.extended_bank_kib");
  spec.bias_entries = config.integer("bmmem.entries", 1, 1 << 24);
  spec.reduction_entries = config.integer("reduction.entries", 1, 1 << 24);
  spec.control_cycles = config.integer("pipeline.control_cycles", 1, 1000);
  spec.drain_cycles = config.integer("pipeline.drain_cycles", 1, 1000);
  spec.bias_stage = config.integer("pipeline.bias_stage", 1, spec.drain_cycles);
  spec.write_buffer_bytes = kib(config, "write.buffer_kib");
  read_compiler(config, spec);
  const std::string model = config.text("dram.model");
  spec.latency = read_latency(config, model);
  read_memory(config, model, spec);
  check_sizes(config, spec);
  config.finish();
  return spec;
}

}  // namespace npusim::midap
