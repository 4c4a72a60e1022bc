// From blocks to rows: the networks that measure them, and what their reports say about each block.
#pragma once

#include <string>
#include <vector>

#include "nas/jobs/batch.h"
#include "nas/space/space.h"
#include "nas/table/table.h"

namespace npusim::table {

struct MeasureOptions {
  std::vector<Context> contexts{Context::isolated};
  ir::DType dtype = ir::DType::f16;
  std::int64_t batch = 1;
  std::int64_t copies = 4;         ///< of a stack, N in Xu et al. 2023
  std::size_t error_networks = 0;  ///< random networks for the error bar; needs a space
  std::uint64_t seed = 1;
};

/// A measurement: cycles of the layers of some copies in one job, minus other measurements.
struct Probe {
  std::size_t job = 0;
  std::vector<std::size_t> places;  ///< whose layers count: i for operators named behind "b<i>_"
  double divide_by = 1;
  struct Less {
    std::size_t probe = 0;
    double times = 1;
  };
  std::vector<Less> minus;
};

/// What will be simulated and how rows follow from it.
struct Plan {
  jobs::Batch batch;
  std::vector<Probe> probes;
  Table table;                                 ///< rows without numbers
  std::vector<std::vector<std::size_t>> uses;  ///< by row: its probes; more than one are averaged
  struct Network {
    std::string name;                 ///< encoding
    std::vector<std::string> blocks;  ///< by place
    std::size_t job = 0;
  };
  std::vector<Network> error_networks;
  std::uint64_t seed = 0;
  std::size_t fixed_job = kNone;  ///< a whole network, for what belongs to no block
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
};

/// Blocks of equal names are measured once. `space` may be null: a list of blocks; then contexts network and
/// error bars are refused (UserError).
Plan make_plan(const std::vector<space::Block>& blocks, const space::Space* space, const jobs::Chip& chip,
               const MeasureOptions& options);

/// The table, when the batch has been run. Blocks that the chip refuses keep the reason. Throws UserError
/// when nothing at all could be measured, with the first reason.
Table finish(Plan plan, const jobs::BatchResult& results);

}  // namespace npusim::table
