// Measures tables inside the test's process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hw_models/api/npu.h"
#include "nas/table/measure.h"

namespace npusim::table::test {

inline jobs::Chip chip_of(const std::string& name, const std::vector<std::string>& overrides = {}) {
  jobs::Chip chip{std::make_shared<const Config>(hw::describe(name, overrides)), {}, ""};
  chip.hash = hw::hardware_hash(*chip.base);
  return chip;
}

inline MeasureOptions int8(std::vector<Context> contexts, std::size_t error_networks = 0) {
  MeasureOptions options;
  options.contexts = std::move(contexts);
  options.dtype = ir::DType::i8;
  options.error_networks = error_networks;
  return options;
}

inline Table measure(const std::vector<space::Block>& blocks, const space::Space* space,
                     const MeasureOptions& options, const std::string& chip = "midap") {
  Plan plan = make_plan(blocks, space, chip_of(chip), options);
  plan.table.version = "test";
  jobs::BatchOptions run;
  run.workers = 2;
  run.version = "test";
  const jobs::BatchResult results = jobs::run_batch(plan.batch, run);
  return finish(std::move(plan), results);
}

}  // namespace npusim::table::test
