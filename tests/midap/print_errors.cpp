// For people who calibrate: prints npusim against MidapSim, row by row. Hidden: run it by its tag.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "hw_models/midap/schedule.h"
#include "hw_models/midap/timing.h"
#include "tests/catch.h"
#include "tests/midap/chip.h"
#include "tests/midap/reference.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::midap::test;

namespace {

double percent(std::int64_t got, std::int64_t want) {
  return 100.0 * static_cast<double>(got - want) / static_cast<double>(want);
}

/// Without verification or checks: errors are printed and the next row is tried.
template <class Action>
void try_row(const std::string& what, Action&& action) {
  try {
    action();
  } catch (const std::exception& error) {
    fmt::print("{}: {}\n", what, error.what());
  }
}

trace::Report unchecked(const ir::Graph& graph, const std::vector<std::string>& overrides = {}) {
  hw::EvaluateOptions options;
  options.dtype = ir::DType::i8;
  options.verify_program = std::getenv("NPUSIM_VERIFY") != nullptr;
  return chip("midap", overrides).evaluate(graph, options);
}

}  // namespace

TEST_CASE("print single layers against MidapSim", "[.layers]") {
  for (const auto& row : read_table("midap_layer_cycles.csv")) {
    const std::string what =
        fmt::format("{} {}x{}x{}->{} k{} s{} {}", row.at("kind"), row.at("H"), row.at("W"), row.at("C"),
                    row.at("Co"), row.at("kh"), row.at("stride"), row.at("layer"));
    try_row(what, [&] {
      const auto test = layer_case(row);
      const auto report = unchecked(test.graph);
      const auto& it = layer(report, test.layer);
      const auto want = number(row, "exact_cycles_l2");
      fmt::print("{:45} compute {:7} want {:7}  total {:7} want {:7} ({:+.2f} %)  {}\n", what,
                 it.cycles() - it.stalls.total(), number(row, "formula_compute_cycles"), it.cycles(), want,
                 percent(it.cycles(), want), it.mapping);
    });
  }
}

TEST_CASE("print schedules against MidapSim", "[.schedules]") {
  std::map<std::string, std::vector<Row>> nets;
  for (const auto& row : read_table("midap_net_layers.csv")) nets[row.at("net")].push_back(row);
  for (const auto& [net, rows] : nets) {
    try_row(net, [&, &net = net, &rows = rows] {
      const auto graph = zoo::build(zoo_name(net));
      const auto compiled_net = compiled(graph);
      std::size_t i = 0;
      std::size_t wrong = 0;
      for (const auto id : compiled_net.order) {
        const auto& l = compiled_net.at(id);
        if (!l.runs()) continue;
        auto text = midap::to_string(midap::control_steps(compiled_net, l));
        std::string want = i < rows.size() ? rows[i].at("schedule") : "none";
        std::replace(want.begin(), want.end(), ';', ',');
        if (text != want) {
          ++wrong;
          if (wrong < 12)
            fmt::print("{} {} {} {}\n   got  {}\n   want {}\n", net, i, l.name,
                       i < rows.size() ? rows[i].at("name") : "", text, want);
        }
        ++i;
      }
      fmt::print("{}: {} layers of {}, {} schedules differ\n", net, i, rows.size(), wrong);
    });
  }
}

TEST_CASE("print networks against MidapSim", "[.nets]") {
  for (const auto& row : read_table("midap_net_cycles.csv")) {
    const bool exact = row.at("dram_latency_type").substr(0, 5) == "EXACT";
    try_row(row.at("net"), [&] {
      const auto report = unchecked(zoo::build(zoo_name(row.at("net"))),
                                    {exact ? "dram.model=midap-exact" : "dram.model=midap-worst"});
      fmt::print(
          "{:20} L{} {} cycles {} want {} ({:+.3f} %) read {} ({:+.2f} %) write {} ({:+.2f} %) {:.3f}+{:.3f} "
          "s\n",
          row.at("net"), row.at("sim_level"), exact ? "exact" : "worst", report.total_cycles,
          row.at("cycles"), percent(report.total_cycles, number(row, "cycles")), report.dram_read_bytes,
          percent(report.dram_read_bytes, number(row, "dram_read_bytes")), report.dram_write_bytes,
          percent(report.dram_write_bytes, number(row, "dram_write_bytes")), report.compile_s, report.wall_s);
    });
  }
}

TEST_CASE("print the layers of networks against MidapSim", "[.netlayers]") {
  std::map<std::string, std::vector<Row>> nets;
  for (const auto& row : read_table("midap_net_layers.csv")) nets[row.at("net")].push_back(row);
  const char* only = std::getenv("NPUSIM_NET");
  for (const auto& [net, rows] : nets) {
    if (only != nullptr && net != only) continue;
    try_row(net, [&, &net = net, &rows = rows] {
      const auto report = unchecked(zoo::build(zoo_name(net)));
      for (std::size_t i = 0; i < rows.size() && i < report.layers.size(); ++i) {
        const auto& l = report.layers[i];
        const auto want = number(rows[i], "cycles");
        fmt::print("{} {:3} {:24} {:10} cycles {:7} want {:7} ({:+d})\n", net, i, l.name, rows[i].at("name"),
                   l.cycles(), want, l.cycles() - want);
      }
    });
  }
}

TEST_CASE("print blocks against S3NAS", "[.blocks]") {
  std::map<std::string, std::vector<double>> errors;
  std::map<std::string, int> exact;
  for (const auto& row : read_table("midap_block_cycles.csv")) {
    const std::string what = row.at("file");
    try_row(what, [&] {
      const auto report = unchecked(block_case(row));
      const auto got = block_cycles(report);
      const auto want = number(row, "latency_cycles");
      const auto off = got - want;
      errors[row.at("cls")].push_back(percent(got, want));
      if (off == 0) ++exact[row.at("cls")];
      if (off != 0)
        fmt::print("{:70} {:8} want {:8} {:+6d} ({:+.3f} %)\n", what, got, want, off, percent(got, want));
    });
  }
  double sum = 0;
  double worst = 0;
  int count = 0;
  int all_exact = 0;
  for (const auto& [cls, list] : errors) {
    double mean = 0;
    double most = 0;
    for (const double e : list) {
      mean += std::abs(e);
      most = std::max(most, std::abs(e));
    }
    sum += mean;
    worst = std::max(worst, most);
    count += static_cast<int>(list.size());
    all_exact += exact[cls];
    fmt::print("{}: {} rows, {} exact, MAPE {:.4f} %, worst {:.3f} %\n", cls, list.size(), exact[cls],
               mean / static_cast<double>(list.size()), most);
  }
  fmt::print("all: {} rows, {} exact, MAPE {:.4f} %, worst {:.3f} %\n", count, all_exact, sum / count, worst);
}

TEST_CASE("print the pipeline's commands of a layer", "[.commands]") {
  const char* net = std::getenv("NPUSIM_NET");
  const char* name = std::getenv("NPUSIM_LAYER");
  REQUIRE(net != nullptr);
  REQUIRE(name != nullptr);
  const auto graph = zoo::build(net);
  auto& evaluator = chip("midap");
  hw::EvaluateOptions options;
  options.dtype = ir::DType::i8;
  options.spans = true;
  const auto report = evaluator.evaluate(graph, options);
  const auto program = evaluator.npu().compile(passes::run_pipeline(graph), {ir::DType::i8}).program;
  for (const auto& span : report.spans) {
    const auto& command = program.commands[span.command];
    if (program.tasks[span.task].name != name) continue;
    std::string flags;
    for (const auto flag : program.waits_of(command)) flags += " w:" + program.target->flags[flag];
    for (const auto flag : program.sets_of(command)) flags += " s:" + program.target->flags[flag];
    std::string regions;
    for (const auto& r : program.regions_of(command)) {
      regions += fmt::format(" {}{}[{}+{}x{}]", r.write ? "W" : "r", program.target->spaces[r.space].name,
                             r.offset, r.bytes, r.inner);
    }
    fmt::print("{:8} {:8} stall {:6} {} {} {}{}{}\n", span.start, span.end, span.start - span.stall_from,
               program.target->queues[command.queue].name, program.target->opcodes[command.opcode].name,
               command.args[0], flags, regions);
  }
}

TEST_CASE("print what becomes of every built-in network", "[.zoo]") {
  const char* only = std::getenv("NPUSIM_NET");
  for (const auto& info : zoo::networks()) {
    if (only != nullptr && info.name != only) continue;
    const auto what = info.name;
    try_row(what, [&] {
      const auto graph = zoo::build(what);
      const auto report = unchecked(graph);
      fmt::print("{}: {:.3f} ms, {} layers, {} commands, {:.3f}+{:.3f} s{}\n", what, report.latency_ms(),
                 report.layers.size(), report.commands, report.compile_s, report.wall_s,
                 report.macs == ir::macs(graph).count() ? "" : " MACS DIFFER");
    });
  }
}
