#include "hw_models/api/transfer.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::hw {

namespace {

void check_memory(const std::string& name, const std::vector<std::string>& known, const char* option) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  throw UserError(
      fmt::format("{}: '{}' is none of {}{}", option, name, fmt::join(known, ", "), suggestion(name, known)));
}

}  // namespace

trace::Report run_transfer(const Config& description, const std::string& from, const std::string& to,
                           std::int64_t bytes) {
  const auto npu = make_npu(description);
  const auto* transfers = dynamic_cast<const Transfers*>(npu.get());
  if (transfers == nullptr) {
    throw UserError(fmt::format("{}: its single transfers cannot be asked for", description.text("chip")));
  }
  check_memory(from, transfers->memories(), "--from");
  check_memory(to, transfers->memories(), "--to");
  const Compiled compiled = transfers->transfer(from, to, bytes);
  kernel::Machine machine(npu->target(), npu->machine(), kernel::KernelKind::run_ahead);
  kernel::RunResult run = machine.run(compiled.program);
  trace::Report report;
  report.hw = description.text("chip");
  report.hardware = description.canonical();
  report.network = compiled.program.network;
  report.dtype = "bytes";
  report.clock_mhz = static_cast<double>(npu->machine().clock_hz) / 1e6;
  report.total_cycles = run.total_cycles;
  report.dram_read_bytes = run.memory.dram_read_bytes;
  report.dram_write_bytes = run.memory.dram_write_bytes;
  report.refreshes = run.memory.refreshes;
  report.bursts = run.memory.bursts;
  report.layers = std::move(run.layers);
  report.engines = std::move(run.engines);
  report.events = run.events;
  report.commands = std::ssize(compiled.program.commands);
  return report;
}

}  // namespace npusim::hw
