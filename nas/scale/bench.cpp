#include "nas/scale/bench.h"

#include <fmt/format.h>

#include "sim/base/error.h"

namespace npusim::scale {
namespace {

search::OnChip on_chip(const jobs::Result& result) {
  search::OnChip on;
  on.cycles = result.summary.cycles;
  on.latency_ms = result.summary.latency_ms;
  on.dram_bytes = result.summary.dram_read_bytes + result.summary.dram_write_bytes;
  if (result.status != jobs::Status::ok) on.refusal = result.message;
  return on;
}

}  // namespace

ir::Graph Bench::build(const Extent& extent) const {
  ir::Graph graph = network_.build(extent, options_.divisor);
  options_.finish(graph);
  return graph;
}

std::vector<jobs::Result> Bench::run_all(std::vector<ir::Graph> graphs) {
  if (graphs.empty()) return {};
  jobs::Batch batch;
  batch.chips.push_back({options_.chip.description, {}, options_.chip.hash});
  batch.graphs = std::move(graphs);
  for (std::size_t g = 0; g < batch.graphs.size(); ++g) {
    batch.jobs.push_back({0, g, options_.chip.dtype, false});
  }
  jobs::BatchOptions how;
  how.workers = options_.workers;
  how.version = options_.version;
  how.store = options_.store;
  jobs::BatchResult results = jobs::run_batch(batch, how);
  if (results.stopped) throw UserError("stopped; what was done is kept: repeat the command to continue");
  simulations_ += results.distinct;
  run_ += results.simulated;
  for (std::size_t j = 0; j < batch.jobs.size(); ++j) {
    if (results.results[j].status == jobs::Status::failed) {
      throw InternalError(
          fmt::format("{} on {}: {}", batch.graphs[j].name, options_.chip.name, results.results[j].message));
    }
  }
  return std::move(results.results);
}

void Bench::simulate(const std::vector<Variant*>& variants) {
  std::vector<ir::Graph> graphs;
  std::vector<Variant*> open;
  for (Variant* variant : variants) {
    if (variant->simulated) continue;
    variant->simulated = true;
    variant->measured.chips.assign(1, {});
    try {
      graphs.push_back(build(variant->extent));
    } catch (const UserError& error) {
      variant->measured.chips.front().refusal = error.what();
      continue;
    }
    variant->measured.macs = ir::macs(graphs.back()).count();
    variant->measured.params = ir::parameters(graphs.back());
    open.push_back(variant);
  }
  const std::vector<jobs::Result> results = run_all(std::move(graphs));
  for (std::size_t i = 0; i < open.size(); ++i) open[i]->measured.chips.front() = on_chip(results[i]);
}

std::vector<search::OnChip> Bench::simulate(std::vector<ir::Graph> graphs) {
  std::vector<search::OnChip> all;
  for (const jobs::Result& result : run_all(std::move(graphs))) {
    all.push_back(on_chip(result));
    if (!all.back().refusal.empty()) {
      throw UserError(fmt::format("{}: {}", options_.chip.name, all.back().refusal));
    }
  }
  return all;
}

void Bench::score(const std::vector<Variant*>& variants) {
  std::vector<ir::Graph> graphs;
  std::vector<Variant*> open;
  for (Variant* variant : variants) {
    if (variant->scored) continue;
    variant->scored = true;
    graphs.push_back(build(variant->extent));
    open.push_back(variant);
  }
  std::vector<search::Candidate> candidates;
  for (std::size_t i = 0; i < open.size(); ++i) {
    candidates.push_back({to_string(open[i]->extent), &graphs[i]});
  }
  const std::vector<search::Score> scores =
      search::scores_of(evaluator_, candidates, options_.store, options_.version);
  for (std::size_t i = 0; i < open.size(); ++i) {
    open[i]->measured.score = scores[i].value;
    open[i]->measured.score_failure = scores[i].failure;
  }
}

}  // namespace npusim::scale
