#include "tests/trace/sample.h"

namespace npusim::trace::test {
namespace {

StallCycles stalls(std::int64_t dependency, std::int64_t dram, std::int64_t launch, std::int64_t idle) {
  StallCycles cycles;
  cycles[Stall::dependency] = dependency;
  cycles[Stall::dram] = dram;
  cycles[Stall::launch] = launch;
  cycles[Stall::idle] = idle;
  return cycles;
}

LayerReport layer(const char* name, const char* op, std::int64_t start, std::int64_t end,
                  std::vector<EngineReport> engines, std::size_t own) {
  LayerReport layer;
  layer.name = name;
  layer.op = op;
  layer.engine = engines[own].name;
  layer.start_cycle = start;
  layer.end_cycle = end;
  layer.busy_cycles = engines[own].busy_cycles;
  layer.stalls = engines[own].stalls;
  layer.engines = std::move(engines);
  return layer;
}

}  // namespace

Report sample() {
  Report report;
  report.hw = "toy";
  report.hw_hash = "0123456789abcdef";
  report.network = "two_layers";
  report.dtype = "fp16";
  report.batch = 2;
  report.clock_mhz = 500;
  report.total_cycles = 1000;
  report.macs = 6000;
  report.peak_macs_per_cycle = 16;
  report.dram_read_bytes = 3000;
  report.dram_write_bytes = 500;
  report.sram_read_bytes = 64;
  report.row_hit_rate = 0.75;
  report.refreshes = 1;
  report.layers.push_back(layer(
      "/stem/a rather long name of a convolution, exported/with/its/scope/Conv", "conv", 0, 600,
      {{"core0.cube", 350, stalls(100, 50, 60, 40), 3}, {"core0.mte2", 200, stalls(0, 300, 60, 40), 2}}, 0));
  report.layers.back().macs = 6000;
  report.layers.back().dram_read_bytes = 2500;
  report.layers.push_back(
      layer("pool", "reduce", 600, 1000,
            {{"core0.cube", 0, stalls(0, 0, 60, 340), 0}, {"core0.mte2", 140, stalls(0, 200, 60, 0), 1}}, 1));
  report.layers.back().dram_read_bytes = 500;
  report.layers.back().dram_write_bytes = 500;
  report.layers.back().sram_read_bytes = 64;
  report.engines = {{"core0.cube", 350, stalls(100, 50, 120, 380), 3},
                    {"core0.mte2", 340, stalls(0, 500, 120, 40), 3}};
  report.coverage = {5, 2, 1, 2, 100, 98.5};
  report.notes = {
      "padding: 12.5 % of the cube's MACs are for channels that are not there",
      "a note that is long enough to need a second line because it says at length what could have been "
      "said in fewer words"};
  report.hardware = "cube.m: 16\n";
  report.wall_s = 0.002;
  report.compile_s = 0.0005;
  report.events = 42;
  report.commands = 6;
  report.bursts = 55;
  report.spans = {{1, 0, 0, 60, 200, Stall::launch, 0},
                  {0, 0, 1, 200, 550, Stall::dependency, 60},
                  {1, 1, 2, 660, 800, Stall::launch, 600}};
  report.span_names = {"load", "mmad", "load \"x\""};
  return report;
}

}  // namespace npusim::trace::test
