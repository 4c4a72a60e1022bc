// A single transfer, as a program.
#include <fmt/format.h>

#include "hw_models/vpu/emit.h"
#include "hw_models/vpu/opcodes.h"
#include "hw_models/vpu/target.h"
#include "sim/base/error.h"

namespace npusim::vpu {

void emit_transfer(const Spec& spec, bool from_ddr, bool to_ddr, std::int64_t bytes,
                   program::Program& program) {
  const bool in_cmx = !from_ddr && !to_ddr;
  const std::int64_t in_tile = from_ddr && to_ddr ? 0 : in_cmx ? 2 * bytes : bytes;
  if (in_tile > spec.cmx_bytes) {
    throw UserError(fmt::format("a transfer of {} bytes takes {} bytes of a tile's CMX, which has {}", bytes,
                                in_tile, spec.cmx_bytes));
  }
  const std::int64_t second = round_up(bytes, 4096);
  if (from_ddr) program.buffers.push_back({"source", 0, bytes, true, false});
  if (to_ddr) program.buffers.push_back({"result", second, bytes, false, true});
  if (!from_ddr) {
    program.buffers.push_back({"source", 0, bytes, true, false});
    program.buffers.back().space = cmx_space(0);
  }
  program::Builder builder(program);
  program::Task task;
  task.name = "dma";
  task.op = "dma";
  task.engine = from_ddr ? "dma0.in" : to_ddr ? "dma0.out" : "dma0.copy";
  builder.begin_task(std::move(task));
  if (from_ddr) {
    builder.command(dma_in(0), kLoad);
    builder.region(region_of(kGlobalSpace, false, 0, bytes));
    if (!to_ddr) builder.region(region_of(cmx_space(0), true, 0, bytes));
  }
  if (to_ddr) {
    // Between two places of DDR the engine writes what it has just read: both directions at once.
    builder.command(dma_out(0), kStore);
    builder.region(region_of(kGlobalSpace, true, second, bytes));
    if (!from_ddr) builder.region(region_of(cmx_space(0), false, 0, bytes));
  }
  if (in_cmx) {
    builder.command(dma_copy(spec, 0), kCopy, {bytes});
    builder.region(region_of(cmx_space(0), false, 0, bytes));
    builder.region(region_of(cmx_space(0), true, bytes, bytes));
  }
  builder.end_task();
}

}  // namespace npusim::vpu
