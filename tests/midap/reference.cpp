#include "tests/midap/reference.h"

#include <fstream>
#include <stdexcept>

#include "workloads/zoo/block.h"
#include "workloads/zoo/builder.h"

namespace npusim::midap::test {

namespace {

/// Cells of a CSV line; quotes hide separators.
std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

}  // namespace

std::vector<Row> read_table(const std::string& file) {
  std::ifstream stream(std::string(NPUSIM_SOURCE_DIR) + "/tests/data/reference/" + file);
  if (!stream) throw std::runtime_error("no " + file);
  std::string line;
  std::getline(stream, line);
  const auto names = split(line);
  std::vector<Row> rows;
  while (std::getline(stream, line)) {
    const auto cells = split(line);
    Row row;
    for (std::size_t i = 0; i < cells.size() && i < names.size(); ++i) row[names[i]] = cells[i];
    rows.push_back(std::move(row));
  }
  return rows;
}

std::int64_t number(const Row& row, const std::string& column) {
  const auto found = row.find(column);
  if (found == row.end()) throw std::runtime_error("no column " + column);
  return found->second.empty() ? 0 : std::stoll(found->second);
}

LayerCase layer_case(const Row& row) {
  const std::string& kind = row.at("kind");
  zoo::Builder b(kind, {1, number(row, "C"), number(row, "H"), number(row, "W")});
  const auto kernel = number(row, "kh");
  const auto stride = number(row, "stride");
  const auto channels = number(row, "Co");
  const zoo::Pad pad = row.at("pad") == "same" ? zoo::Pad(zoo::Pad::kLeading) : zoo::Pad(number(row, "pad"));
  const auto x = b.input();
  if (kind == "conv") {
    return {
        b.finish(b.conv_act("layer", x, {.out = channels, .kernel = kernel, .stride = stride, .pad = pad})),
        "layer"};
  }
  if (kind == "dwconv") {
    return {b.finish(b.conv_act("layer", x, {channels, kernel, stride, b.channels(x), pad})), "layer"};
  }
  if (kind == "fc") return {b.finish(b.conv("layer", x, {.out = channels})), "layer"};
  if (kind == "maxpool") return {b.finish(b.max_pool("layer", x, {kernel, stride, pad})), "layer"};
  if (kind == "avgpool")
    return {b.finish(b.average_pool("layer", x, {kernel, stride, pad, false, false})), "layer"};
  if (kind == "conv1x1+gpool") {
    return {b.finish(b.global_average_pool("pool", b.conv_act("layer", x, {.out = channels}))), "layer"};
  }
  if (kind == "add") {
    const auto y = b.conv("conv", x, {.out = channels});
    return {b.finish(b.add("sum", x, y)), "conv:add"};
  }
  // se: a depthwise convolution, excited through `reduced` channels
  const auto y = b.conv_act("DWConv1", x, {channels, kernel, stride, b.channels(x), zoo::Pad::kLeading});
  const std::map<std::int64_t, std::int64_t> reduced = {{64, 16}, {144, 6}, {240, 10}, {672, 28}};
  const auto squeezed =
      b.conv_act("Linear1", b.global_average_pool("pool", y), {.out = reduced.at(channels)});
  const auto excited = b.conv_act("Linear2", squeezed, {.out = channels}, zoo::Act::sigmoid);
  return {b.finish(b.mul("Mul1", y, excited)), row.at("layer")};
}

ir::Graph block_case(const Row& row) {
  const std::string& file = row.at("file");
  const std::string text = file.substr(0, file.find("_imgsize"));
  const zoo::Block block = zoo::parse_block(row.at("cls") + "/" + text);
  const bool dense = block.kind == zoo::BlockKind::dense;
  const auto size = dense ? 7 : number(row, "img_in");
  if (block.in == 3) {
    zoo::Builder b(text, {1, 3, size, size});
    return b.finish(zoo::append_block(b, "block", b.input(), block));
  }
  zoo::Builder b(text, {1, 3, 2 * size, 2 * size});
  auto x =
      b.conv_act("stem", b.input(), {.out = block.in, .kernel = 7, .stride = 2, .pad = zoo::Pad::kLeading});
  if (dense) x = b.flatten("flatten", b.global_average_pool("pool", x));
  return b.finish(zoo::append_block(b, "block", x, block));
}

std::int64_t block_cycles(const trace::Report& report) {
  const bool behind_stem = report.layers.front().name == "stem" && report.layers.size() > 1;
  return report.total_cycles - (behind_stem ? report.layers.front().end_cycle : 0);
}

std::string zoo_name(const std::string& net) {
  static const std::map<std::string, std::string> kNames = {
      {"efficientnet-b0", "efficientnet_b0_midapsim"},
      {"efficientnet-b1", "efficientnet_b1_midapsim"},
      {"efficientnet-lite0", "efficientnet_lite0_midapsim"},
      {"efficientnet-lite2", "efficientnet_lite2_midapsim"},
      {"mobilenet_v1", "mobilenet_v1_midapsim"},
      {"mobilenet_v2", "mobilenet_v2_midapsim"},
      {"s3nas-ours-M", "s3nas_ours_m"}};
  return kNames.at(net);
}

}  // namespace npusim::midap::test
