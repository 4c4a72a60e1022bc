#include "sim/kernel/ledger.h"

#include <algorithm>

namespace npusim::kernel {

using trace::Stall;

void Ledger::begin(const program::Program& program) {
  program_ = &program;
  layers_.clear();
  layers_.reserve(program.tasks.size());
}

void Ledger::begin_segment(std::size_t first, std::size_t end, std::int64_t from, std::int64_t ready) {
  first_ = first;
  ends_.assign(end - first, {});
  for (std::size_t i = first; i < end; ++i) {
    const auto& task = program_->tasks[i];
    trace::LayerReport layer;
    layer.name = task.name;
    layer.op = task.op;
    layer.engine = task.engine;
    layer.mapping = task.mapping;
    layer.joined = task.joined;
    layer.start_cycle = from;
    layer.end_cycle = ready;
    layer.macs = task.macs;
    name_engines(layer.engines);
    layers_.push_back(std::move(layer));
    const auto primary =
        std::find_if(spec_.engines.begin(), spec_.engines.end(),
                     [&task](const EngineSpec& engine) { return engine.name == task.engine; });
    if (primary != spec_.engines.end()) {
      ends_[i - first].primary_queue = static_cast<std::int32_t>(primary - spec_.engines.begin());
    }
  }
  for (std::size_t e = 0; e < layers_[first].engines.size(); ++e) {
    stalled(first, e, Stall::launch, ready - from);
  }
}

void Ledger::completed(std::size_t task, std::size_t engine, std::int64_t end) {
  Ends& ends = ends_[task - first_];
  ends.anywhere = std::max(ends.anywhere, end);
  if (ends.primary_queue == static_cast<std::int32_t>(engine)) {
    ends.on_primary = std::max(ends.on_primary, end);
  }
}

void Ledger::moved(std::size_t task, bool write, std::int64_t dram, std::int64_t sram) {
  auto& layer = layers_[task];
  (write ? layer.dram_write_bytes : layer.dram_read_bytes) += dram;
  (write ? layer.sram_write_bytes : layer.sram_read_bytes) += sram;
}

void Ledger::end_segment(std::int64_t end) {
  std::int64_t at = layers_[first_].start_cycle;
  std::int64_t latest = layers_[first_].end_cycle;  // nothing starts earlier
  for (std::size_t i = first_; i < layers_.size(); ++i) {
    const Ends& ends = ends_[i - first_];
    latest = std::max(latest, ends.on_primary >= 0 ? ends.on_primary : ends.anywhere);
    layers_[i].start_cycle = at;
    layers_[i].end_cycle = at = latest;
  }
  layers_.back().end_cycle = end;
}

void Ledger::idle_from(std::size_t engine, std::int64_t from) {
  for (std::size_t i = layers_.size(); i-- > first_ && layers_[i].end_cycle > from;) {
    stalled(i, engine, Stall::idle, layers_[i].end_cycle - std::max(from, layers_[i].start_cycle));
  }
}

void Ledger::name_engines(std::vector<trace::EngineReport>& engines) const {
  engines.clear();
  for (const auto& engine : spec_.engines) engines.emplace_back().name = engine.name;
  for (const auto& dispatcher : spec_.dispatchers) engines.emplace_back().name = dispatcher.name;
}

void Ledger::report(RunResult& result) const {
  result.layers = layers_;
  name_engines(result.engines);
  for (auto& layer : result.layers) {
    for (std::size_t i = 0; i < result.engines.size(); ++i) {
      if (layer.engines[i].name == layer.engine) {
        layer.busy_cycles = layer.engines[i].busy_cycles;
        layer.stalls = layer.engines[i].stalls;
      }
      result.engines[i].busy_cycles += layer.engines[i].busy_cycles;
      result.engines[i].stalls += layer.engines[i].stalls;
      result.engines[i].commands += layer.engines[i].commands;
    }
  }
}

}  // namespace npusim::kernel
