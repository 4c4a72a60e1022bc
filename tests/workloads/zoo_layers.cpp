// Generated networks, layer by layer, against the lists in tests/data/zoo.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/catch.h"
#include "workloads/zoo/zoo.h"

namespace npusim::zoo {

namespace {

using Row = std::vector<std::string>;

/// The rows of tests/data/zoo/<file> by network, without the header.
std::map<std::string, std::vector<Row>> rows_of(const std::string& file) {
  std::ifstream in(NPUSIM_SOURCE_DIR "/tests/data/zoo/" + file);
  REQUIRE(in.good());
  std::map<std::string, std::vector<Row>> rows;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    Row row;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
    rows[row.at(0)].push_back(row);
  }
  return rows;
}

const ir::Window& window(const ir::Op& op) { return std::get<ir::ConvAttrs>(op.attrs).window; }

bool depthwise(const ir::Graph& graph, const ir::Op& op) {
  const auto groups = std::get<ir::ConvAttrs>(op.attrs).groups;
  return groups > 1 && groups == graph.shape(op.inputs[0])[1];
}

bool is(const ir::Op& op, ir::Function function) {
  return op.kind == ir::OpKind::elementwise && std::get<ir::ElementwiseAttrs>(op.attrs).function == function;
}

/// An operator as MidapSim lists it, or "" for one that it fuses.
std::string as_midap(const ir::Graph& graph, const ir::Op& op) {
  const ir::Shape out = graph.shape(op.outputs[0]);
  const auto wide = [&] { return fmt::format("{}x{}x{}", out[3], out[2], (out[1] + 63) / 64 * 64); };
  if (op.kind == ir::OpKind::matmul) {
    return fmt::format("Conv 1x1x{} 1x1 1 0 0 0 0 {}", out[1], ir::macs(graph, op).count());
  }
  if (op.kind == ir::OpKind::conv) {
    const ir::Window& w = window(op);
    const bool dw = depthwise(graph, op);
    const bool first = graph.shape(op.inputs[0])[1] == 3;
    return fmt::format("{} {} {}x{} {} {} {} {} {} {}",
                       dw      ? "Depthwise"
                       : first ? "Gemm"
                               : "Conv",
                       dw ? wide() : fmt::format("{}x{}x{}", out[3], out[2], out[1]), w.kernel.w, w.kernel.h,
                       w.stride.w, w.pad.top, w.pad.bottom, w.pad.left, w.pad.right,
                       ir::macs(graph, op).count());
  }
  if (is(op, ir::Function::add)) return "Sum " + wide();
  if (is(op, ir::Function::mul)) return "Mul " + wide();
  return "";
}

/// A row of midap_layers.csv in the same words. A mirrored map swaps left and right padding: undone.
std::string as_midap(const Row& row) {
  if (row.at(3) == "Sum" || row.at(3) == "Mul") return row[3] + " " + row.at(4);
  int top = 0, bottom = 0, left = 0, right = 0;
  std::istringstream(row.at(7)) >> top >> bottom >> left >> right;
  return fmt::format("{} {} {} {} {} {} {} {} {}", row[3], row.at(4), row.at(5), row.at(6), top, bottom,
                     std::max(left, right), std::min(left, right), row.at(8));
}

/// An operator as edgetpu_layers.csv lists it (type, sizes, channels, kernel, stride, MACs, parameters), or
/// "" for one that is fused. A convolution's BatchNorm counts 2 a channel with it.
std::string as_edgetpu(const ir::Graph& graph, const ir::Op& op) {
  const ir::Shape in = graph.shape(op.inputs[0]), out = graph.shape(op.outputs[0]);
  if (op.kind == ir::OpKind::conv) {
    const ir::Window& w = window(op);
    const std::int64_t parameters = ir::elements(graph.shape(op.inputs[1])) + 2 * out[1];
    return fmt::format("{} {}x{} {}x{} {} {} {} {} {} {}", depthwise(graph, op) ? "dw" : "conv", in[2], in[3],
                       out[2], out[3], in[1], out[1], w.kernel.h, w.stride.h, ir::macs(graph, op).count(),
                       parameters);
  }
  if (op.kind == ir::OpKind::matmul) {
    return fmt::format("fc {} {} {} {}", in[1], out[1], in[1] * out[1], (in[1] + 1) * out[1]);
  }
  if (op.kind == ir::OpKind::reduce) return fmt::format("gap {}x{} {}", in[2], in[3], in[1]);
  if (is(op, ir::Function::add)) return fmt::format("add {}x{} {}", out[2], out[3], out[1]);
  return "";
}

std::string as_edgetpu(const Row& row) {
  const auto& type = row.at(2);
  if (type == "fc") return fmt::format("fc {} {} {} {}", row[7], row[8], row.at(11), row.at(12));
  if (type == "gap") return fmt::format("gap {}x{} {}", row[3], row[4], row[7]);
  if (type == "add") return fmt::format("add {}x{} {}", row[5], row[6], row[8]);
  return fmt::format("{} {}x{} {}x{} {} {} {} {} {} {}", type, row[3], row[4], row[5], row[6], row[7], row[8],
                     row[9], row[10], row.at(11), row.at(12));
}

template <class Describe>
std::vector<std::string> layers(const std::string& name, Describe describe) {
  const ir::Graph graph = build(name);
  std::vector<std::string> lines;
  for (const ir::Op& op : graph.ops) {
    const std::string line = describe(graph, op);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("networks in MidapSim's form have MidapSim's layers: shapes, padding and MACs, 627 rows") {
  const std::map<std::string, std::string> names{{"efficientnet-b0", "efficientnet_b0_midapsim"},
                                                 {"efficientnet-b1", "efficientnet_b1_midapsim"},
                                                 {"efficientnet-lite0", "efficientnet_lite0_midapsim"},
                                                 {"efficientnet-lite2", "efficientnet_lite2_midapsim"},
                                                 {"mobilenet_v1", "mobilenet_v1_midapsim"},
                                                 {"mobilenet_v2", "mobilenet_v2_midapsim"},
                                                 {"s3nas-ours-M", "s3nas_ours_m"}};
  std::size_t compared = 0;
  for (const auto& entry : rows_of("midap_layers.csv")) {
    CAPTURE(entry.first);
    std::vector<std::string> theirs;
    for (const Row& row : entry.second) theirs.push_back(as_midap(row));
    auto ours =
        layers(names.at(entry.first), [](const ir::Graph& g, const ir::Op& op) { return as_midap(g, op); });
    if (entry.first == "s3nas-ours-M") {  // its schedule orders a block's branches as it likes
      std::sort(theirs.begin(), theirs.end());
      std::sort(ours.begin(), ours.end());
    }
    CHECK(ours == theirs);
    compared += theirs.size();
  }
  CHECK(compared == 627);
}

TEST_CASE(
    "EfficientNet-EdgeTPU, MobileNetEdgeTPU and MobileNets have the published code's layers, 483 rows") {
  const std::map<std::string, std::string> names{{"efficientnet_edgetpu_S", "efficientnet_edgetpu_s"},
                                                 {"efficientnet_edgetpu_M", "efficientnet_edgetpu_m"},
                                                 {"efficientnet_edgetpu_L", "efficientnet_edgetpu_l"},
                                                 {"mobilenet_edgetpu_1", "mobilenet_edgetpu"},
                                                 {"mobilenet_edgetpu_0.75", "mobilenet_edgetpu_0_75"},
                                                 {"mobilenet_v1_1_224", "mobilenet_v1_tf"},
                                                 {"mobilenet_v2_1.0_224", "mobilenet_v2_tf"}};
  std::size_t compared = 0;
  for (const auto& entry : rows_of("edgetpu_layers.csv")) {
    CAPTURE(entry.first);
    std::vector<std::string> theirs;
    for (const Row& row : entry.second) theirs.push_back(as_edgetpu(row));
    const auto ours =
        layers(names.at(entry.first), [](const ir::Graph& g, const ir::Op& op) { return as_edgetpu(g, op); });
    CHECK(ours == theirs);
    compared += theirs.size();
  }
  CHECK(compared == 483);
}

}  // namespace npusim::zoo
