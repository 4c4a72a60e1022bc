// From a network to a report.
#include <chrono>

#include "hw_models/api/npu.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"
#include "workloads/passes/passes.h"

namespace npusim::hw {

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Evaluator::Evaluator(const Config& description, kernel::KernelKind kernel)
    : name_(description.text("chip")),
      hash_(hex_hash(description.canonical())),
      hardware_(description.canonical()),
      npu_(make_npu(description)),
      machine_(std::make_unique<kernel::Machine>(npu_->target(), npu_->machine(), kernel)) {}

Evaluator::~Evaluator() = default;

trace::Report Evaluator::evaluate(const ir::Graph& graph, const EvaluateOptions& options) {
  const auto compile_start = std::chrono::steady_clock::now();
  passes::PassStats stats;
  const ir::Graph optimised = passes::run_pipeline(graph, &stats);
  const Compiled compiled = npu_->compile(optimised, {options.dtype});
  if (options.verify_program) program::verify(compiled.program);
  const double compile_s = seconds_since(compile_start);

  const auto run_start = std::chrono::steady_clock::now();
  kernel::RunResult run = machine_->run(compiled.program, options.spans);
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
  report.dram_read_bytes = run.memory.dram_read_bytes;
  report.dram_write_bytes = run.memory.dram_write_bytes;
  report.sram_read_bytes = run.memory.sram_read_bytes;
  report.sram_write_bytes = run.memory.sram_write_bytes;
  const auto accesses = run.memory.row_hits + run.memory.row_misses;
  report.row_hit_rate =
      accesses == 0 ? 0 : static_cast<double>(run.memory.row_hits) / static_cast<double>(accesses);
  report.refreshes = run.memory.refreshes;
  report.layers = std::move(run.layers);
  report.engines = std::move(run.engines);
  report.spans = std::move(run.spans);
  if (options.spans) {
    const auto& opcodes = npu_->target().opcodes;
    for (const auto& command : compiled.program.commands)
      report.span_names.push_back(opcodes[command.opcode].name);
  }
  report.events = run.events;
  report.commands = static_cast<std::int64_t>(compiled.program.commands.size());
  report.bursts = run.memory.bursts;
  report.notes = compiled.notes;
  report.coverage = compiled.coverage;
  report.coverage.operators = stats.imported;
  report.coverage.folded = stats.folded;
  report.coverage.modelled = stats.imported - stats.folded - report.coverage.host;
  const auto network_macs = ir::macs(graph).count();
  report.coverage.macs_percent =
      network_macs == 0 ? 100.0
                        : 100.0 * static_cast<double>(report.macs) / static_cast<double>(network_macs);
  trace::check_sums(report);
  return report;
}

}  // namespace npusim::hw
