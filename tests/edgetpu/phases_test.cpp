// Phases against loop nests decoded from Google's compiled models (tests/data/reference).
#include "hw_models/edgetpu/phases.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <sstream>

#include "tests/catch.h"
#include "tests/edgetpu/chip.h"
#include "workloads/zoo/zoo.h"

using namespace npusim;
using namespace npusim::edgetpu;
using namespace npusim::edgetpu::test;

namespace {

/// One phase, as decoded or as computed.
struct Line {
  std::string kind, loops;
  std::int64_t ring = 0, producer = 0, steps = 0;
  bool operator==(const Line&) const = default;
};

std::string text(const Line& line) {
  return fmt::format("{} {} steps {} ring {} producer {}", line.kind, line.loops, line.steps, line.ring,
                     line.producer);
}

/// Phases of one model in the file, in order.
std::vector<Line> decoded(const std::string& model) {
  std::ifstream file(NPUSIM_SOURCE_DIR "/tests/data/reference/edgetpu_phases_v1_v2.csv");
  REQUIRE(file.good());
  std::string line;
  std::getline(file, line);
  REQUIRE(line.starts_with(
      "model,phase,kind,ring_rows_256B,producer_rows,loops_innermost_first,max_tile_steps,instr_count"));
  std::vector<Line> lines;
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
    if (row.at(0) != model) continue;
    REQUIRE(std::stoull(row.at(1)) == lines.size());
    lines.push_back(
        {row.at(2), row.at(5), std::stoll(row.at(3)), std::stoll(row.at(4)), std::stoll(row.at(6))});
  }
  return lines;
}

std::string kind_of(const Phase& phase) {
  switch (phase.kind) {
    case Kind::conv:
      return "conv";
    case Kind::depthwise:
      return "depthwise";
    case Kind::average_pool:
      return "avgpool";
    case Kind::fc:
      return "fc";
    default:
      return phase.op;
  }
}

/// The phases of a network as the file counts them: of the input two, all rows of pixels but the last, then
/// the last with the packets.
std::vector<Line> computed(const std::string& network) {
  const Network net = compiled(zoo::build(network));
  std::vector<Line> lines;
  for (const Phase& phase : net.phases) {
    const Counts counts = counts_of(spec(), net, phase);
    if (phase.kind == Kind::input) {
      const InputCopy copy = input_copy(spec(), net.map(phase.output).shape);
      const std::int64_t row = copy.pixel_steps * copy.columns;
      REQUIRE(counts.steps == row * copy.rows);
      lines.push_back({"input_copy", fmt::format("{}x{}x1x{}", copy.pixel_steps, copy.columns, copy.rows - 1),
                       0, 0, row * (copy.rows - 1)});
      lines.push_back(
          {"input_copy", fmt::format("{}x{}", copy.pixel_steps, copy.columns), copy.packets, 0, row});
      continue;
    }
    lines.push_back({kind_of(phase), counts.loops, counts.ring_rows, counts.producer_rows, counts.steps});
  }
  return lines;
}

void compare(const std::vector<Line>& mine, const std::vector<Line>& theirs, std::size_t count) {
  REQUIRE(mine.size() >= count);
  REQUIRE(theirs.size() == count);
  for (std::size_t i = 0; i < count; ++i) {
    INFO(fmt::format("phase {}: computed {}, decoded {}", i, text(mine[i]), text(theirs[i])));
    CHECK(mine[i] == theirs[i]);
  }
}

}  // namespace

TEST_CASE(
    "MobileNet v1's 30 phases up to its pooled features have the loops, steps and rows of Google's "
    "compiled model") {
  compare(computed("mobilenet_v1_tf"), decoded("mobilenet_v1_1.0_224_quant_embedding_extractor"), 30);
}

TEST_CASE("MobileNet v2's 66 phases have the loops, steps and rows of Google's compiled model") {
  const auto mine = computed("mobilenet_v2_tf");
  compare(mine, decoded("mobilenet_v2_1.0_224_quant"), 66);
}
