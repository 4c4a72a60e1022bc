// The canonical table as CSV and JSON, and back.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "nas/table/table.h"
#include "sim/base/csv.h"
#include "sim/base/error.h"

namespace npusim::table {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "npusim.table/1";
const std::string kRefused = "refused: ";  ///< begins the status of a block without numbers

/// Whose a cell is.
enum class Scope : std::uint8_t { row, table, error };

/// What a column is read from or written to.
struct Cell {
  Table& table;
  Row& row;
  ErrorBar& error;
};

/// A column: how a row says it, and how it is read back.
struct Column {
  std::string name;
  std::function<std::string(const Cell&)> write;
  std::function<void(const Cell&, const std::string&)> read;
  bool numeric = false;
  Scope scope = Scope::row;
};

template <class Number>
Number parse(const std::string& text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (status != std::errc() || stop != end) throw UserError(fmt::format("'{}' is no number", text));
  return value;
}

ir::Shape parse_shape(const std::string& text) {
  ir::Shape shape;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, 'x');) shape.push_back(parse<std::int64_t>(part));
  return shape;
}

Kind parse_kind(const std::string& text) {
  for (int i = 0; i <= static_cast<int>(Kind::other); ++i) {
    if (to_string(static_cast<Kind>(i)) == text) return static_cast<Kind>(i);
  }
  throw UserError(fmt::format("'{}' is no kind of block", text));
}

/// A column of a number that `at` finds.
template <class At>
Column number(const std::string& name, At at) {
  using Number = std::remove_reference_t<decltype(at(std::declval<const Cell&>()))>;
  return {name, [at](const Cell& cell) { return fmt::format("{}", at(cell)); },
          [at](const Cell& cell, const std::string& text) { at(cell) = parse<Number>(text); }, true,
          Scope::row};
}

template <class At>
Column text(const std::string& name, At at) {
  return {name, [at](const Cell& cell) { return at(cell); },
          [at](const Cell& cell, const std::string& value) { at(cell) = value; }, false, Scope::row};
}

/// A number that follows from other columns.
Column derived(const std::string& name, std::function<std::string(const Cell&)> write) {
  return {name, std::move(write), [](const Cell&, const std::string&) {}, true, Scope::row};
}

/// Its cell is empty where it has no number.
Column optional_number(const std::string& name, std::function<std::string(const Cell&)> write,
                       std::function<void(const Cell&, const std::string&)> read) {
  return {name, std::move(write), std::move(read), true, Scope::row};
}

void add_form(std::vector<Column>& list) {
  list.push_back({"kind", [](const Cell& c) { return std::string(to_string(c.row.form.kind)); },
                  [](const Cell& c, const std::string& t) { c.row.form.kind = parse_kind(t); }, false,
                  Scope::row});
  list.push_back(number(
      "kernel", [](const Cell& c) -> auto& { return c.row.form.kernel; }));
  list.push_back(number(
      "stride", [](const Cell& c) -> auto& { return c.row.form.stride; }));
  list.push_back(number(
      "groups", [](const Cell& c) -> auto& { return c.row.form.groups; }));
  list.push_back(number(
      "expanded", [](const Cell& c) -> auto& { return c.row.form.expanded; }));
  list.push_back(number(
      "squeeze", [](const Cell& c) -> auto& { return c.row.form.squeeze; }));
  list.push_back({"skip", [](const Cell& c) { return std::string(c.row.form.skip ? "1" : "0"); },
                  [](const Cell& c, const std::string& t) { c.row.form.skip = t == "1"; }, true, Scope::row});
  list.push_back(text(
      "act", [](const Cell& c) -> auto& { return c.row.form.act; }));
  list.push_back(number(
      "convolutions", [](const Cell& c) -> auto& { return c.row.form.convolutions; }));
  list.push_back({"input", [](const Cell& c) { return ir::to_string(c.row.input); },
                  [](const Cell& c, const std::string& t) { c.row.input = parse_shape(t); }, false,
                  Scope::row});
  list.push_back({"output", [](const Cell& c) { return ir::to_string(c.row.output); },
                  [](const Cell& c, const std::string& t) { c.row.output = parse_shape(t); }, false,
                  Scope::row});
}

void add_figures(std::vector<Column>& list) {
  list.push_back(number(
      "macs", [](const Cell& c) -> auto& { return c.row.macs; }));
  list.push_back(number(
      "dram_read_bytes", [](const Cell& c) -> auto& { return c.row.dram_read_bytes; }));
  list.push_back(number(
      "dram_write_bytes", [](const Cell& c) -> auto& { return c.row.dram_write_bytes; }));
  list.push_back(number(
      "busy_cycles", [](const Cell& c) -> auto& { return c.row.busy_cycles; }));
  for (std::size_t i = 0; i < trace::kStallReasons; ++i) {
    list.push_back(number(
        fmt::format("stall_{}", trace::to_string(static_cast<trace::Stall>(i))), [i](const Cell& c) -> auto& {
          return c.row.stall_cycles[i];
        }));
  }
  list.push_back(number(
      "samples", [](const Cell& c) -> auto& { return c.row.samples; }));
  list.push_back(number(
      "spread_cycles", [](const Cell& c) -> auto& { return c.row.spread; }));
}

void add_table(std::vector<Column>& list) {
  list.push_back(text(
      "hw", [](const Cell& c) -> auto& { return c.table.hw; }));
  list.push_back(text(
      "hw_hash", [](const Cell& c) -> auto& { return c.table.hw_hash; }));
  list.push_back(text(
      "version", [](const Cell& c) -> auto& { return c.table.version; }));
  list.push_back(text(
      "dtype", [](const Cell& c) -> auto& { return c.table.dtype; }));
  list.push_back(number(
      "batch", [](const Cell& c) -> auto& { return c.table.batch; }));
  list.push_back(number(
      "clock_mhz", [](const Cell& c) -> auto& { return c.table.clock_mhz; }));
  list.push_back(text(
      "space", [](const Cell& c) -> auto& { return c.table.space; }));
  list.push_back(text(
      "first_block", [](const Cell& c) -> auto& { return c.table.first_block; }));
  list.push_back(number(
      "copies", [](const Cell& c) -> auto& { return c.table.copies; }));
  list.push_back(optional_number(
      "fixed_cycles",
      [](const Cell& c) {
        return c.table.fixed_known ? fmt::format("{}", c.table.fixed_cycles) : std::string();
      },
      [](const Cell& c, const std::string& t) {
        c.table.fixed_known = !t.empty();
        c.table.fixed_cycles = t.empty() ? 0 : parse<double>(t);
      }));
}

void add_error(std::vector<Column>& list) {
  list.push_back(number(
      "error_networks", [](const Cell& c) -> auto& { return c.error.networks; }));
  list.push_back(number(
      "error_seed", [](const Cell& c) -> auto& { return c.error.seed; }));
  list.push_back(number(
      "error_mape_percent", [](const Cell& c) -> auto& { return c.error.mape; }));
  list.push_back(number(
      "error_worst_percent", [](const Cell& c) -> auto& { return c.error.worst; }));
  list.push_back(number(
      "error_bias_percent", [](const Cell& c) -> auto& { return c.error.bias; }));
  list.push_back(number(
      "error_spearman", [](const Cell& c) -> auto& { return c.error.spearman; }));
  list.push_back(text(
      "error_worst_at", [](const Cell& c) -> auto& { return c.error.worst_at; }));
}

std::string measured(const Row& row, double value) {
  return row.refusal.empty() ? fmt::format("{}", value) : "";
}

void add_scope(std::vector<Column>& list, Scope scope, void (*add)(std::vector<Column>&)) {
  const std::size_t first = list.size();
  add(list);
  for (std::size_t i = first; i < list.size(); ++i) list[i].scope = scope;
}

std::vector<Column> make_columns() {
  std::vector<Column> list;
  list.push_back(text(
      "block", [](const Cell& c) -> auto& { return c.row.block; }));
  list.push_back(optional_number(
      "cycles", [](const Cell& c) { return measured(c.row, c.row.cycles); },
      [](const Cell& c, const std::string& t) { c.row.cycles = t.empty() ? 0 : parse<double>(t); }));
  list.push_back(
      derived("latency_ms", [](const Cell& c) { return measured(c.row, c.table.to_ms(c.row.cycles)); }));
  list.push_back(
      derived("latency_ns", [](const Cell& c) { return measured(c.row, c.table.to_ns(c.row.cycles)); }));
  list.push_back({"context", [](const Cell& c) { return std::string(to_string(c.row.context)); },
                  [](const Cell& c, const std::string& t) { c.row.context = context_of(t); }, false,
                  Scope::row});
  add_scope(list, Scope::row, add_form);
  add_scope(list, Scope::row, add_figures);
  add_scope(list, Scope::table, add_table);
  add_scope(list, Scope::error, add_error);
  list.push_back({"status",
                  [](const Cell& c) { return c.row.refusal.empty() ? "ok" : kRefused + c.row.refusal; },
                  [](const Cell& c, const std::string& t) {
                    if (t.rfind(kRefused, 0) == 0) c.row.refusal = t.substr(kRefused.size());
                  },
                  false, Scope::row});
  return list;
}

const std::vector<Column>& columns() {
  static const std::vector<Column> kList = make_columns();
  return kList;
}

std::string quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string result = "\"";
  for (const char c : cell) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + "\"";
}

/// Reads rows given as cells by column.
class Reader {
 public:
  Reader(std::string path, const std::vector<std::string>& names) : path_(std::move(path)) {
    for (const Column& column : columns()) {
      const auto found = std::find(names.begin(), names.end(), column.name);
      if (found == names.end()) {
        throw UserError(fmt::format("{}: is no table of npusim's: it has no column '{}'{}", path_,
                                    column.name, suggestion(column.name, names)));
      }
      from_.push_back(static_cast<std::size_t>(found - names.begin()));
    }
  }
  void add(const std::vector<std::string>& cells, std::size_t line) {
    Row row;
    ErrorBar error;
    const Cell cell{table_, row, error};
    for (std::size_t i = 0; i < columns().size(); ++i) {
      if (from_[i] >= cells.size()) throw UserError(fmt::format("{}:{}: too few cells", path_, line));
      try {
        columns()[i].read(cell, cells[from_[i]]);
      } catch (const UserError& fault) {
        throw UserError(fmt::format("{}:{}: column {}: {}", path_, line, columns()[i].name, fault.what()));
      }
    }
    if (error.networks > 0) table_.errors[row.context] = error;
    table_.rows.push_back(std::move(row));
  }
  Table take() {
    if (table_.rows.empty()) throw UserError(fmt::format("{}: the table has no rows", path_));
    return std::move(table_);
  }

 private:
  std::string path_;
  std::vector<std::size_t> from_;  ///< by column
  Table table_;
};

/// A table's cells, row by row.
class Writer {
 public:
  explicit Writer(const Table& table) : table_(table), head_(table) { head_.rows.clear(); }

  std::vector<std::string> cells(const Row& of) {
    Row row = of;
    const auto found = table_.errors.find(row.context);
    ErrorBar error = found == table_.errors.end() ? ErrorBar{} : found->second;
    const Cell cell{head_, row, error};
    std::vector<std::string> list;
    for (const Column& column : columns()) list.push_back(column.write(cell));
    return list;
  }

 private:
  const Table& table_;
  Table head_;
};

Json json_value(const Column& column, const std::string& cell) {
  if (!column.numeric) return cell;
  return cell.empty() ? Json(nullptr) : Json::parse(cell);
}

std::string cell_of(const Json& object, const std::string& name, const std::string& path) {
  const auto found = object.find(name);
  if (found == object.end()) throw UserError(fmt::format("{}: a table needs '{}'", path, name));
  if (found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

Table read_json(const std::string& text, const std::string& path) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) throw UserError(fmt::format("{}: not valid JSON", path));
  if (json.value("schema", "") != kSchema || !json.contains("rows") || !json.contains("errors")) {
    throw UserError(fmt::format("{}: expected a table with \"schema\": \"{}\"", path, kSchema));
  }
  std::vector<std::string> names;
  for (const Column& column : columns()) names.push_back(column.name);
  Reader reader(path, names);
  std::size_t number = 0;
  for (const Json& row : json.at("rows")) {
    ++number;
    const Json& errors = json.at("errors");
    const std::string context = cell_of(row, "context", path);
    std::vector<std::string> cells;
    for (const Column& column : columns()) {
      if (column.scope == Scope::error) {
        const bool has = errors.contains(context);
        cells.push_back(has ? cell_of(errors.at(context), column.name, path) : column.numeric ? "0" : "");
      } else {
        cells.push_back(cell_of(column.scope == Scope::table ? json : row, column.name, path));
      }
    }
    reader.add(cells, number);
  }
  return reader.take();
}

Table read_csv(const std::string& text, const std::string& path) {
  const auto rows = parse_csv(text);
  if (rows.empty()) throw UserError(fmt::format("{}: the file is empty", path));
  Reader reader(path, rows[0].cells);
  for (std::size_t i = 1; i < rows.size(); ++i) reader.add(rows[i].cells, rows[i].line);
  return reader.take();
}

}  // namespace

std::string to_csv(const Table& table) {
  std::string text;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) text += (i == 0 ? "" : ",") + quoted(cells[i]);
    text += '\n';
  };
  std::vector<std::string> names;
  for (const Column& column : columns()) names.push_back(column.name);
  line(names);
  Writer writer(table);
  for (const Row& row : table.rows) line(writer.cells(row));
  return text;
}

std::string to_json(const Table& table) {
  Json json = {{"schema", kSchema}};
  Json rows = Json::array();
  Json errors = Json::object();
  Writer writer(table);
  for (const Row& row : table.rows) {
    const std::vector<std::string> cells = writer.cells(row);
    Json object;
    Json error;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Column& column = columns()[i];
      Json& place = column.scope == Scope::row ? object : column.scope == Scope::table ? json : error;
      place[column.name] = json_value(column, cells[i]);
    }
    if (table.errors.count(row.context) > 0) errors[std::string(to_string(row.context))] = error;
    rows.push_back(std::move(object));
  }
  json["errors"] = std::move(errors);
  json["rows"] = std::move(rows);
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Table read_table(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in) throw UserError(fmt::format("{}: cannot be read", path));
  text << in.rdbuf();
  const std::string content = text.str();
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && content[first] == '{') return read_json(content, path);
  return read_csv(content, path);
}

}  // namespace npusim::table
