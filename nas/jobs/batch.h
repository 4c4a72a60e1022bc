// A batch of simulations: chips times networks, each simulated at most once, in parallel, with a store.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hw_models/api/npu.h"
#include "nas/jobs/pool.h"
#include "nas/jobs/store.h"
#include "sim/base/config.h"
#include "sim/trace/report.h"
#include "workloads/ir/graph.h"

namespace npusim::jobs {

/// A chip of a batch: a description shared by many, and what differs.
struct Chip {
  std::shared_ptr<const Config> base;
  std::vector<std::string> overrides;  ///< "key=value"
  std::string hash;                    ///< hw::hardware_hash() of description()
  [[nodiscard]] Config description() const;
};

/// One simulation; indices into the batch's chips and graphs (and makers behind them).
struct Job {
  std::size_t chip = 0;
  std::size_t graph = 0;
  ir::DType dtype = ir::DType::f16;
  bool layers = false;  ///< keep Summary::layers; the operators' names become part of the key
};

struct Batch {
  std::vector<Chip> chips;
  std::vector<ir::Graph> graphs;
  /// More graphs, numbered behind `graphs`, that are made when they are needed and not kept: for batches of
  /// thousands. Each must make the same graph every time.
  std::vector<std::function<ir::Graph()>> makers;
  std::vector<Job> jobs;
};

/// What a batch keeps of a layer.
struct LayerSummary {
  std::string name;
  std::int64_t cycles = 0;
  std::int64_t busy_cycles = 0;  ///< of the layer's engine, like its stalls
  trace::StallCycles stalls;
  std::int64_t dram_read_bytes = 0;
  std::int64_t dram_write_bytes = 0;
};

/// What a batch keeps of a report.
struct Summary {
  std::int64_t cycles = 0;
  double latency_ms = 0;
  std::int64_t macs = 0;
  double utilisation = 0;  ///< MACs / (cycles x peak)
  double peak_macs_per_cycle = 0;
  std::int64_t dram_read_bytes = 0;
  std::int64_t dram_write_bytes = 0;
  double row_hit_rate = 0;
  /// Of all engines' cycles together, by reason; with busy_share they add up to 1.
  std::array<double, trace::kStallReasons> stall_share{};
  double busy_share = 0;
  std::int64_t batch = 1;
  std::string dtype;
  std::vector<LayerSummary> layers;  ///< in the report's order, when the job asks for them
};

enum class Status : std::uint8_t {
  not_run,  ///< the batch was stopped before
  ok,
  invalid,  ///< the chip cannot run this network: message says why
  failed    ///< a fault in npusim, or its process died twice: message says how
};

struct Result {
  Status status = Status::not_run;
  std::string message;  ///< "" when ok
  Summary summary;      ///< when ok
};

struct BatchOptions {
  std::size_t workers = 1;
  std::string version;     ///< version_text()
  Store* store = nullptr;  ///< none: everything is simulated, nothing kept
  bool fresh = false;      ///< simulate what the store has, too, and replace it
  bool resume = false;     ///< the store must have some of the batch: throws UserError otherwise
  Executor executor = run_pool;
  std::size_t shards = 1;  ///< parts of the batch, for separate runs; the others' jobs stay not_run
  std::size_t shard = 0;   ///< which of them to run, from 0
};

/// By job, whatever order they were simulated in.
struct BatchResult {
  std::vector<Result> results;
  std::size_t distinct = 0;   ///< jobs with different keys, of this shard
  std::size_t reused = 0;     ///< of these, found in the store
  std::size_t simulated = 0;  ///< of these, simulated now
  std::size_t lost = 0;       ///< simulations whose worker died twice
  std::int64_t damaged = 0;   ///< rows of the store that were unreadable and simulated again
  bool stopped = false;       ///< by SIGINT or SIGTERM
};

/// Runs a batch: what the store has is not simulated, what is simulated is stored at once. Prints progress
/// and dying workers to standard error. The caller must be single-threaded (workers are forks).
BatchResult run_batch(const Batch& batch, const BatchOptions& options);

/// What a worker does, wherever it is: the batch's job of that number to a line that run_batch() understands.
/// `batch` must outlive it.
Work make_work(const Batch& batch);
/// Of all jobs' keys: equal batches of equal npusims have equal hashes.
std::string batch_hash(const Batch& batch, const std::string& version);

/// "40 simulations: 12 reused from FILE, 28 run".
std::string describe(const BatchResult& result, const BatchOptions& options);

}  // namespace npusim::jobs
