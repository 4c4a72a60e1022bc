// From a network to a report.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "hw_models/api/npu.h"
#include "sim/base/error.h"
#include "sim/mem/corunner.h"
#include "workloads/passes/passes.h"

namespace npusim::hw {

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void add_memory(const mem::MemoryCounters& memory, trace::Report& report) {
  report.dram_read_bytes = memory.dram_read_bytes;
  report.dram_write_bytes = memory.dram_write_bytes;
  report.sram_read_bytes = memory.sram_read_bytes;
  report.sram_write_bytes = memory.sram_write_bytes;
  const auto accesses = memory.row_hits + memory.row_misses;
  report.row_hit_rate =
      accesses == 0 ? 0 : static_cast<double>(memory.row_hits) / static_cast<double>(accesses);
  report.refreshes = memory.refreshes;
  report.bursts = memory.bursts;
  const auto direction = [](const mem::LinkTraffic& one) {
    return trace::LinkTrafficReport{one.bytes, one.packets, one.busy_cycles, one.wait_cycles};
  };
  for (const mem::LinkCounters& link : memory.links) {
    report.links.push_back({link.name, direction(link.read), direction(link.write)});
  }
}

void add_corunners(const mem::MemoryCounters& memory, const mem::MemorySpec& spec, trace::Report& report) {
  const std::size_t first = spec.ports.size() - memory.corunners.size();
  for (std::size_t i = 0; i < memory.corunners.size(); ++i) {
    const mem::CoRunnerCounters& one = memory.corunners[i];
    const mem::PortSpec& port = spec.ports[first + i];
    double asked = 0;
    if (port.traffic->kind != mem::TrafficPattern::Kind::trace) {
      asked = static_cast<double>(port.request_bytes) * static_cast<double>(spec.clock_hz) *
              static_cast<double>(port.issue_den) / static_cast<double>(port.issue_num) / 1e9;
    }
    report.corunners.push_back({one.name, one.read_bytes, one.write_bytes, asked});
  }
}

void add_waits(const mem::MemoryCounters& memory, const mem::MemorySpec& spec, trace::Report& report) {
  if (memory.waits.empty()) return;
  report.dram_clock_mhz = static_cast<double>(spec.dram.timing.clock_hz) / 1e6;
  for (std::size_t i = 0; i < memory.waits.size(); ++i) {
    const mem::PortWaits& waits = memory.waits[i];
    trace::WaitReport row{spec.ports[i].name, waits.service, waits.own, waits.refresh};
    for (std::size_t other = 0; other < waits.others.size(); ++other) {
      if (waits.others[other] > 0) row.others.emplace_back(spec.ports[other].name, waits.others[other]);
    }
    report.dram_waits.push_back(std::move(row));
  }
}

/// Bytes of an operator's operands and results in the graph.
double graph_bytes(const ir::Graph& graph, const ir::Op& op) {
  double bytes = 0;
  const auto add = [&](ir::TensorId id) {
    if (id == ir::kNoTensor) return;
    const auto& tensor = graph.tensor(id);
    bytes += static_cast<double>(ir::elements(tensor.shape) * ir::size_of(tensor.dtype));
  };
  for (const auto id : op.inputs) add(id);
  for (const auto id : op.outputs) add(id);
  return bytes;
}

/// Names of layers that moved data, without what mappers append to an operator's name.
std::set<std::string> moving_layers(const trace::Report& report) {
  std::set<std::string> names;
  for (const auto& layer : report.layers) {
    if (layer.dram_read_bytes + layer.dram_write_bytes + layer.sram_read_bytes + layer.sram_write_bytes == 0)
      continue;
    names.insert(layer.name);
    names.insert(layer.name.substr(0, layer.name.rfind(':')));
  }
  return names;
}

/// An operator counts as modelled if a layer of its name moved data, or if it is a view by the chip's own
/// word.
trace::Coverage coverage(const ir::Graph& imported, const ir::Graph& optimised,
                         const passes::PassStats& stats, const Compiled& compiled,
                         const trace::Report& report) {
  std::set<std::string> names = moving_layers(report);
  names.insert(compiled.views.begin(), compiled.views.end());
  trace::Coverage coverage = compiled.coverage;
  coverage.operators = stats.imported;
  coverage.folded = stats.folded;
  double total = 0;
  double covered = 0;
  std::int64_t missing = 0;
  for (const auto& op : optimised.ops) {
    const double bytes = graph_bytes(optimised, op);
    total += bytes;
    if (names.count(op.name) != 0) {
      covered += bytes;
    } else {
      ++missing;
    }
  }
  coverage.modelled = stats.imported - stats.folded - coverage.host - missing;
  coverage.bytes_percent = total == 0 ? 100.0 : 100.0 * covered / total;
  const auto macs = ir::macs(imported).count();
  coverage.macs_percent =
      macs == 0 ? 100.0 : 100.0 * static_cast<double>(report.macs) / static_cast<double>(macs);
  return coverage;
}

}  // namespace

namespace {

/// The machine of a chip; UserError when it shall be clocked and the chip has no clocked engine.
std::unique_ptr<kernel::Machine> make_machine(const std::string& chip, const Npu& npu,
                                              const kernel::MachineSpec& spec, kernel::KernelKind kernel,
                                              kernel::EngineKind engines) {
  const auto& all = spec.engines;
  const bool twins =
      std::any_of(all.begin(), all.end(), [](const auto& engine) { return bool(engine.clocked); });
  if (engines == kernel::EngineKind::clocked && !twins) {
    throw UserError(fmt::format("{} has no clocked engines: run it with --engines fast", chip));
  }
  return std::make_unique<kernel::Machine>(npu.target(), spec, kernel, engines);
}

/// The chip's machine with what is around it.
kernel::MachineSpec surrounded(const std::string& chip, kernel::MachineSpec spec, Surroundings around) {
  if (around.corunners.empty() && !around.memory && !around.dram_log) return spec;
  if (spec.memory.make) {
    throw UserError(fmt::format(
        "{} has a memory system of its own: co-runners, foreign memories and DRAM traces need a chip on "
        "npusim's",
        chip));
  }
  for (mem::PortSpec& port : around.corunners) spec.memory.ports.push_back(std::move(port));
  spec.memory.external = std::move(around.memory);
  spec.memory.log = std::move(around.dram_log);
  return spec;
}

}  // namespace

Evaluator::Evaluator(const Config& description, kernel::KernelKind kernel, kernel::EngineKind engines,
                     Surroundings surroundings)
    : name_(description.text("chip")),
      hash_(hardware_hash(description)),
      hardware_(description.canonical()),
      npu_(make_npu(description)),
      spec_(surrounded(name_, npu_->machine(), std::move(surroundings))),
      machine_(make_machine(name_, *npu_, spec_, kernel, engines)) {}

Evaluator::~Evaluator() = default;

trace::Report Evaluator::evaluate(const ir::Graph& graph, const EvaluateOptions& options) {
  const auto compile_start = std::chrono::steady_clock::now();
  passes::PassStats stats;
  const ir::Graph optimised = passes::run_pipeline(graph, &stats);
  const Compiled compiled = npu_->compile(optimised, {options.dtype});
  if (options.verify_program) program::verify(compiled.program);
  if (options.inspect) options.inspect(compiled);
  const double compile_s = seconds_since(compile_start);

  const auto run_start = std::chrono::steady_clock::now();
  const auto groups = options.time_shares ? npu_->time_groups() : std::vector<trace::TimeGroup>{};
  const bool spans = options.spans || !groups.empty();
  kernel::RunResult run = machine_->run(compiled.program, {.spans = spans});
  trace::Report report;
  report.wall_s = seconds_since(run_start);
  report.compile_s = compile_s;
  report.hw = name_;
  report.hw_hash = hash_;
  report.hardware = hardware_;
  report.network = graph.name;
  report.dtype = std::string(ir::to_string(options.dtype));
  report.batch = graph.inputs.empty() || graph.tensor(graph.inputs[0]).shape.empty()
                     ? 1
                     : graph.tensor(graph.inputs[0]).shape[0];
  report.clock_mhz = static_cast<double>(npu_->machine().clock_hz) / 1e6;
  report.total_cycles = run.total_cycles;
  for (const auto& layer : run.layers) report.macs += layer.macs;
  report.peak_macs_per_cycle = npu_->peak_macs_per_cycle(options.dtype);
  add_memory(run.memory, report);
  add_waits(run.memory, spec_.memory, report);
  add_corunners(run.memory, spec_.memory, report);
  report.layers = std::move(run.layers);
  report.engines = std::move(run.engines);
  report.spans = std::move(run.spans);
  if (spans) {
    const auto& opcodes = npu_->target().opcodes;
    for (const auto& command : compiled.program.commands)
      report.span_names.push_back(opcodes[command.opcode].name);
  }
  if (!groups.empty()) report.time_shares = trace::time_shares(report, groups);
  if (!options.spans) {
    report.spans.clear();
    report.span_names.clear();
  }
  report.events = run.events;
  report.commands = static_cast<std::int64_t>(compiled.program.commands.size());
  report.notes = compiled.notes;
  report.coverage = coverage(graph, optimised, stats, compiled, report);
  trace::check_sums(report);
  return report;
}

}  // namespace npusim::hw
