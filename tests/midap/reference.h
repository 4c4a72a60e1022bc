// Runs of MidapSim and S3NAS' published latencies (tests/data/reference/midap_*.csv) as graphs and numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/trace/report.h"
#include "workloads/ir/graph.h"

namespace npusim::midap::test {

/// A CSV's rows by column name. Fails the test when the file is not there.
using Row = std::map<std::string, std::string>;
std::vector<Row> read_table(const std::string& file);
/// A column as an integer; 0 where it is empty.
std::int64_t number(const Row& row, const std::string& column);

/// The network of a row of midap_layer_cycles.csv, after the common passes, and the name of the layer that
/// the row is about.
struct LayerCase {
  ir::Graph graph;
  std::string layer;
};
LayerCase layer_case(const Row& row);

/// The network of a row of midap_block_cycles.csv: the block behind a 7x7 convolution of stride 2, during
/// whose last filter group its first weights are fetched; the stem alone. (That S3NAS measured blocks like
/// this is inferred: their first weights wait less by just that group's cycles.)
ir::Graph block_case(const Row& row);
/// Cycles of the block alone: what comes behind the stem.
std::int64_t block_cycles(const trace::Report& report);

/// The built-in network that a row of midap_net_cycles.csv is about.
std::string zoo_name(const std::string& net);

}  // namespace npusim::midap::test
