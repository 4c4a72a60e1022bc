#include "sim/look/read_report.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/base/error.h"

namespace npusim::look {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* kSchema = "npusim.report/1";

/// An object of the file and where it is, for messages.
class Node {
 public:
  Node(const std::string& file, const Json& json, std::string where)
      : file_(file), json_(json), where_(std::move(where)) {
    if (!json.is_object()) fail(where_.empty() ? "expected an object" : where_ + ": expected an object");
  }
  [[nodiscard]] std::string text(const char* name) const {
    const Json& value = at(name);
    if (!value.is_string()) fail(place(name) + ": expected a text");
    return value;
  }
  [[nodiscard]] double number(const char* name) const {
    const Json& value = at(name);
    if (!value.is_number()) fail(place(name) + ": expected a number");
    return value;
  }
  [[nodiscard]] std::int64_t count(const char* name) const {
    const Json& value = at(name);
    if (!value.is_number_integer() || value.get<double>() < 0)
      fail(place(name) + ": expected a whole number, not negative");
    return value;
  }
  [[nodiscard]] Node child(const char* name) const { return {file_, at(name), place(name)}; }
  [[nodiscard]] std::vector<Node> children(const char* name) const {
    const Json& value = at(name);
    if (!value.is_array()) fail(place(name) + ": expected a list");
    std::vector<Node> list;
    for (const Json& one : value) {
      list.emplace_back(file_, one, fmt::format("{}[{}]", place(name), list.size()));
    }
    return list;
  }
  [[nodiscard]] bool has(const char* name) const { return json_.contains(name); }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(fmt::format("{}: {}; expected a report of npusim run --format json", file_, what));
  }
  [[nodiscard]] std::string place(const char* name) const {
    return where_.empty() ? name : where_ + "." + name;
  }
  [[nodiscard]] const Json& at(const char* name) const {
    const auto found = json_.find(name);
    if (found == json_.end()) fail("the field " + place(name) + " is missing");
    return *found;
  }

  const std::string& file_;
  const Json& json_;
  std::string where_;
};

trace::StallCycles stalls_from(const Node& node) {
  trace::StallCycles stalls;
  for (std::size_t i = 0; i < trace::kStallReasons; ++i) {
    stalls.by_reason.at(i) = node.count(std::string(to_string(static_cast<trace::Stall>(i))).c_str());
  }
  return stalls;
}

trace::EngineReport engine_from(const Node& node) {
  return {node.text("name"), node.count("busy_cycles"), stalls_from(node.child("stalls")),
          node.count("commands")};
}

trace::LayerReport layer_from(const Node& node) {
  trace::LayerReport layer;
  layer.name = node.text("name");
  layer.op = node.text("op");
  layer.engine = node.text("engine");
  layer.joined = node.has("joined");
  layer.start_cycle = node.count("start_cycle");
  layer.end_cycle = node.count("end_cycle");
  layer.macs = node.count("macs");
  layer.mapping = node.text("mapping");
  layer.busy_cycles = node.count("busy_cycles");
  layer.stalls = stalls_from(node.child("stalls"));
  const Node dram = node.child("dram");
  layer.dram_read_bytes = dram.count("read_bytes");
  layer.dram_write_bytes = dram.count("write_bytes");
  const Node sram = node.child("sram");
  layer.sram_read_bytes = sram.count("read_bytes");
  layer.sram_write_bytes = sram.count("write_bytes");
  for (const Node& engine : node.children("engines")) layer.engines.push_back(engine_from(engine));
  return layer;
}

trace::Report report_from(const Node& root) {
  trace::Report report;
  report.hw = root.text("hw");
  report.hw_hash = root.text("hw_hash");
  report.network = root.text("network");
  report.batch = root.count("batch");
  report.dtype = root.text("dtype");
  report.clock_mhz = root.number("clock_mhz");
  report.total_cycles = root.count("total_cycles");
  report.macs = root.count("macs");
  report.peak_macs_per_cycle = root.number("peak_macs_per_cycle");
  const Node dram = root.child("dram");
  report.dram_read_bytes = dram.count("read_bytes");
  report.dram_write_bytes = dram.count("write_bytes");
  report.row_hit_rate = dram.number("row_hit_rate");
  const Node sram = root.child("sram");
  report.sram_read_bytes = sram.count("read_bytes");
  report.sram_write_bytes = sram.count("write_bytes");
  for (const Node& layer : root.children("layers")) report.layers.push_back(layer_from(layer));
  for (const Node& engine : root.children("engines")) report.engines.push_back(engine_from(engine));
  report.hardware = root.text("hardware");
  return report;
}

}  // namespace

std::string read_text(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw UserError(path + ": is a folder, expected a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string schema_of(const Json& json) {
  const bool named = json.is_object() && json.contains("schema") && json.at("schema").is_string();
  return named ? json.at("schema").get<std::string>() : "";
}

RunFile parse_run(const std::string& text, const std::string& path) {
  RunFile run{path, {}, Json::parse(text, nullptr, false)};
  if (run.json.is_discarded())
    throw UserError(path + ": not valid JSON; expected a report of npusim run --format json");
  if (const std::string schema = schema_of(run.json); schema != kSchema) {
    throw UserError(
        fmt::format("{}: {}; expected a report with \"schema\": \"{}\", as npusim run --format json "
                    "writes it",
                    path, schema.empty() ? "has no schema" : "is of schema '" + schema + "'", kSchema));
  }
  run.report = report_from(Node(run.path, run.json, ""));
  if (run.report.clock_mhz <= 0) throw UserError(path + ": clock_mhz: expected a number above 0");
  try {
    check_sums(run.report);
  } catch (const InternalError& error) {
    throw UserError(fmt::format("{}: its parts do not add up, it was changed after npusim wrote it: {}", path,
                                error.what()));
  }
  return run;
}

RunFile read_run(const std::string& path) { return parse_run(read_text(path), path); }

}  // namespace npusim::look
