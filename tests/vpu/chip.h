// VPUs for tests: chips with overrides, elaborated once, runs that are checked, tables of measurements.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hw_models/api/npu.h"
#include "hw_models/vpu/spec.h"
#include "hw_models/vpu/timing.h"
#include "workloads/ir/graph.h"

namespace npusim::vpu::test {

/// A built-in description with overrides, as the chip reads it.
Spec spec(const std::string& name = "vpu-meteorlake", const std::vector<std::string>& overrides = {});

/// Runs a network with its program verified, and fails unless the report's sums hold and its MACs are the
/// graph's.
trace::Report run(const ir::Graph& graph, const std::string& name = "vpu-meteorlake",
                  const std::vector<std::string>& overrides = {}, ir::DType dtype = ir::DType::i8);

/// The message of the UserError that running `graph` gives; "" when it gives none.
std::string error_of(const ir::Graph& graph, const std::vector<std::string>& overrides = {});

/// Rows of a table in tests/data/vpu by column.
using Row = std::map<std::string, std::string>;
std::vector<Row> table(const std::string& file);
std::int64_t number(const Row& row, const std::string& column);

/// The workload of a row of dpu_measured.csv.
Workload workload(const Spec& spec, const Row& row);

/// Mean of |model / measured - 1|.
double mean_error(const std::vector<double>& model, const std::vector<double>& measured);

}  // namespace npusim::vpu::test
