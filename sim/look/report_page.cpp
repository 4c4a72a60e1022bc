// Pages of files that npusim wrote: what a file is, its own fields say.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/base/error.h"
#include "sim/look/csv.h"
#include "sim/look/diff.h"
#include "sim/look/page.h"
#include "sim/look/read_report.h"

namespace npusim::embedded {
extern const std::string_view look_plots_js, look_compare_js, look_sweep_js, look_table_js, look_fit_js,
    look_search_js;
}

namespace npusim::look {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kExpected =
    "expected what npusim run --format json, sweep, table, fit or search wrote: JSON with its schema, or CSV "
    "of a sweep or a table";

struct File {
  std::string path;
  std::string kind;  ///< run, sweep, table, fit, search
  std::string text;
  Json json;  ///< of JSON files
};

/// Numbers become numbers, nothing null.
Json cell_json(const std::string& cell) {
  if (cell.empty()) return nullptr;
  double value = 0;
  const auto [stop, status] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (status == std::errc() && stop == cell.data() + cell.size()) return value;
  return cell;
}

/// The file's rows as objects, as its JSON twin has them.
Json rows_of_csv(const File& file) {
  const auto cells = parse_csv(file.text);
  Json rows = Json::array();
  for (std::size_t i = 1; i < cells.size(); ++i) {
    if (cells[i].size() != cells[0].size()) {
      throw UserError(fmt::format("{}: row {}: {} cells, expected {} as in the heading", file.path, i + 1,
                                  cells[i].size(), cells[0].size()));
    }
    Json row = Json::object();
    for (std::size_t c = 0; c < cells[i].size(); ++c) row[cells[0][c]] = cell_json(cells[i][c]);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string kind_of_csv(const std::string& text) {
  const auto rows = parse_csv(std::string_view(text).substr(0, text.find('\n')));
  if (rows.empty()) return "";
  const auto has = [&](const char* name) {
    return std::find(rows[0].begin(), rows[0].end(), name) != rows[0].end();
  };
  if (has("hw") && has("network") && has("latency_ms") && has("status")) return "sweep";
  return has("block") && has("latency_ms") && has("context") ? "table" : "";
}

File read_file(std::string path) {
  if (std::filesystem::is_directory(path)) path = (std::filesystem::path(path) / "search.json").string();
  File file{path, "", read_text(path), nullptr};
  file.json = Json::parse(file.text, nullptr, false);
  if (file.json.is_discarded()) {
    file.json = nullptr;
    file.kind = kind_of_csv(file.text);
    if (file.kind.empty()) throw UserError(fmt::format("{}: {}", path, kExpected));
    return file;
  }
  static const std::map<std::string, std::string> kKinds{{"npusim.report/1", "run"},
                                                         {"npusim.sweep/1", "sweep"},
                                                         {"npusim.table/1", "table"},
                                                         {"npusim.model/1", "fit"},
                                                         {"npusim.search/1", "search"}};
  const std::string schema = schema_of(file.json);
  const auto known = kKinds.find(schema);
  if (known == kKinds.end()) {
    throw UserError(fmt::format(
        "{}: {}; {}", path, schema.empty() ? "has no schema" : "is of schema '" + schema + "'", kExpected));
  }
  file.kind = known->second;
  return file;
}

/// Throws UserError unless the JSON has these fields, lists where `list`.
void require(const File& file, const Json& json, std::initializer_list<const char*> names, bool lists) {
  for (const char* name : names) {
    if (!json.is_object() || !json.contains(name))
      throw UserError(fmt::format("{}: the field {} is missing; {}", file.path, name, kExpected));
    if (lists && !json.at(name).is_array())
      throw UserError(fmt::format("{}: {}: expected a list", file.path, name));
  }
}

/// Of sweeps and tables.
Json rows_json(const File& file) {
  Json page;
  if (file.json.is_null()) {
    page["rows"] = rows_of_csv(file);
  } else {
    require(file, file.json, {"rows"}, true);
    page = file.json;
  }
  if (page["rows"].empty()) throw UserError(file.path + ": has no rows");
  for (const Json& row : page["rows"]) {
    if (!row.is_object()) throw UserError(file.path + ": rows: expected objects");
  }
  return page;
}

/// The first run against each other one.
Json compare_json(const std::vector<File>& files) {
  Json page = {{"runs", Json::array()}, {"diffs", Json::array()}};
  std::vector<RunFile> runs;
  for (const File& file : files) runs.push_back(parse_run(file.text, file.path));
  for (const RunFile& run : runs) {
    Json json = run.json;
    // Kept: each layer's own engine. The others' shares are half of the file.
    for (Json& layer : json["layers"]) layer.erase("engines");
    json["file"] = run.path;
    page["runs"].push_back(std::move(json));
  }
  for (std::size_t i = 1; i < runs.size(); ++i) {
    const Diff diff = diff_of(runs[0].report, runs[i].report);
    Json json = Json::parse(to_json(diff, 0));
    const auto index = [](const std::optional<std::size_t>& at) { return at ? Json(*at) : Json(nullptr); };
    for (std::size_t l = 0; l < diff.layers.size(); ++l) {
      json["layers"][l]["before"] = index(diff.layers[l].before);
      json["layers"][l]["after"] = index(diff.layers[l].after);
    }
    page["diffs"].push_back(std::move(json));
  }
  return page;
}

Json fit_json(const File& file) {
  require(file, file.json, {"model", "hw", "errors", "interval", "data", "parameters"}, false);
  return {{"fit", file.json}};
}

/// With every network evaluated, from evaluated.csv beside the file where that is there.
Json search_json(const File& file) {
  require(file, file.json, {"objectives", "history", "front"}, true);
  Json page = {{"search", file.json}};
  const auto beside = std::filesystem::path(file.path).parent_path() / "evaluated.csv";
  if (std::filesystem::exists(beside)) {
    const File evaluated{beside.string(), "", read_text(beside.string()), nullptr};
    page["evaluated"] = rows_of_csv(evaluated);
  }
  return page;
}

}  // namespace

std::string report_page(const std::vector<std::string>& paths, std::string_view version) {
  std::vector<File> files;
  for (const std::string& path : paths) files.push_back(read_file(path));
  const std::string& kind = files.at(0).kind;
  for (const File& file : files) {
    if (file.kind == kind && (kind == "run" || files.size() == 1)) continue;
    throw UserError(fmt::format("{}: is a {}, after {}, a {}; expected several runs, or one other file",
                                file.path, file.kind, files[0].path, kind));
  }
  Json json = kind == "run"      ? compare_json(files)
              : kind == "fit"    ? fit_json(files[0])
              : kind == "search" ? search_json(files[0])
                                 : rows_json(files[0]);
  json["file"] = fmt::format("{}", fmt::join(paths, ", "));
  json["version"] = version;
  static const std::map<std::string, std::string_view> kScripts{{"run", embedded::look_compare_js},
                                                                {"sweep", embedded::look_sweep_js},
                                                                {"table", embedded::look_table_js},
                                                                {"fit", embedded::look_fit_js},
                                                                {"search", embedded::look_search_js}};
  return page(fmt::format("npusim: {}", files[0].path),
              json.dump(-1, ' ', false, Json::error_handler_t::replace),
              {embedded::look_plots_js, kScripts.at(kind)});
}

}  // namespace npusim::look
