#include "nas/sweep/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "sim/base/error.h"
#include "sim/trace/report.h"

namespace npusim::sweep {
namespace {

/// A message on one line.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) line += c == '\n' ? std::string("; ") : std::string(1, c);
  return line;
}

std::string status_of(const jobs::Result& result) {
  switch (result.status) {
    case jobs::Status::ok:
      return "ok";
    case jobs::Status::not_run:
      return "not run";
    case jobs::Status::invalid:
      return "invalid: " + one_line(result.message);
    case jobs::Status::failed:
      return "failed: " + one_line(result.message);
  }
  return "";
}

std::optional<double> number(const std::string& cell) {
  double value = 0;
  const char* const end = cell.data() + cell.size();
  const auto [stop, status] = std::from_chars(cell.data(), end, value);
  if (status != std::errc() || stop != end) return std::nullopt;
  return value;
}

class Builder {
 public:
  explicit Builder(const Plan& plan) : plan_(plan) {}

  template <class Cell>
  void add(const std::string& name, const Cell& cell) {
    Column column{name, false, {}};
    for (const Row& row : plan_.rows) column.cells.push_back(cell(row));
    const auto numeric = [](const std::string& text) { return text.empty() || number(text).has_value(); };
    column.numeric = std::all_of(column.cells.begin(), column.cells.end(), numeric);
    list_.push_back(std::move(column));
  }
  /// Of rows with a result.
  template <class Get>
  void add_figure(const std::string& name, const Get& get) {
    add(name, [&](const Row& row) {
      return row.result.status == jobs::Status::ok ? fmt::format("{}", get(row.result.summary))
                                                   : std::string();
    });
  }
  void add_keys(std::size_t axis) {
    if (plan_.axes[axis].points.size() < 2) return;
    for (std::size_t k = 0; k < plan_.axes[axis].keys.size(); ++k) {
      add(plan_.axes[axis].keys[k], [&](const Row& row) {
        const std::size_t point = row.point[axis];
        return point == kNoPoint ? std::string() : plan_.axes[axis].points[point][k];
      });
    }
  }
  std::vector<Column> take() { return std::move(list_); }

 private:
  const Plan& plan_;
  std::vector<Column> list_;
};

/// Values of the objectives by row, smaller is better; nothing for rows that lack one.
std::vector<std::optional<std::vector<double>>> scores(const std::vector<std::string>& objectives,
                                                       const std::vector<Column>& table) {
  std::vector<std::string> names;
  for (const Column& column : table) {
    if (column.numeric) names.push_back(column.name);
  }
  std::vector<std::optional<std::vector<double>>> rows(table[0].cells.size(), std::vector<double>());
  for (const std::string& objective : objectives) {
    const bool maximise = !objective.empty() && objective[0] == '-';
    const std::string name = objective.substr(maximise ? 1 : 0);
    const auto column = std::find_if(table.begin(), table.end(),
                                     [&](const Column& one) { return one.numeric && one.name == name; });
    if (column == table.end()) {
      throw UserError(fmt::format("--pareto: '{}' is no numeric column{}; there are {}", name,
                                  suggestion(name, names), fmt::join(names, ", ")));
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto value = number(column->cells[i]);
      if (!value) rows[i].reset();
      if (rows[i]) rows[i]->push_back(maximise ? -*value : *value);
    }
  }
  return rows;
}

bool beats(const std::vector<double>& a, const std::vector<double>& b) {
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::vector<Column> columns(const Plan& plan) {
  using jobs::Summary;
  Builder table(plan);
  table.add("hw", [](const Row& row) { return row.hw; });
  table.add("network", [](const Row& row) { return row.network; });
  for (std::size_t a = 0; a < plan.axes.size(); ++a) table.add_keys(a);
  table.add_figure("cycles", [](const Summary& s) { return s.cycles; });
  table.add_figure("latency_ms", [](const Summary& s) { return s.latency_ms; });
  table.add_figure("macs", [](const Summary& s) { return s.macs; });
  table.add_figure("utilisation", [](const Summary& s) { return fmt::format("{:.6f}", s.utilisation); });
  table.add_figure("dram_read_bytes", [](const Summary& s) { return s.dram_read_bytes; });
  table.add_figure("dram_write_bytes", [](const Summary& s) { return s.dram_write_bytes; });
  table.add_figure("row_hit_rate", [](const Summary& s) { return fmt::format("{:.6f}", s.row_hit_rate); });
  table.add_figure("busy_share", [](const Summary& s) { return fmt::format("{:.6f}", s.busy_share); });
  for (std::size_t i = 0; i < trace::kStallReasons; ++i) {
    table.add_figure(fmt::format("stall_{}", trace::to_string(static_cast<trace::Stall>(i))),
                     [i](const Summary& s) { return fmt::format("{:.6f}", s.stall_share[i]); });
  }
  table.add_figure("peak_macs_per_cycle", [](const Summary& s) { return s.peak_macs_per_cycle; });
  table.add("area_proxy", [](const Row& row) {
    return row.result.status == jobs::Status::ok ? fmt::format("{:.4f}", row.area_proxy) : std::string();
  });
  table.add_figure("batch", [](const Summary& s) { return s.batch; });
  table.add_figure("dtype", [](const Summary& s) { return s.dtype; });
  table.add("status", [](const Row& row) { return status_of(row.result); });
  return table.take();
}

void mark_pareto(const std::vector<std::string>& objectives, std::vector<Column>& table) {
  const auto rows = scores(objectives, table);
  const std::vector<std::string>& network = table[1].cells;
  Column front{"pareto", true, {}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    bool beaten = false;
    for (std::size_t k = 0; k < rows.size() && rows[i] && !beaten; ++k) {
      beaten = rows[k] && network[k] == network[i] && beats(*rows[k], *rows[i]);
    }
    front.cells.emplace_back(!rows[i] ? "" : beaten ? "0" : "1");
  }
  table.insert(table.end() - 1, std::move(front));
}

std::string to_csv(const std::vector<Column>& table) {
  std::string text;
  const auto line = [&](const auto& cell) {
    for (std::size_t c = 0; c < table.size(); ++c) text += (c == 0 ? "" : ",") + csv_cell(cell(table[c]));
    text += '\n';
  };
  line([](const Column& column) { return column.name; });
  for (std::size_t i = 0; i < table[0].cells.size(); ++i) {
    line([i](const Column& column) { return column.cells[i]; });
  }
  return text;
}

std::string to_json(const std::vector<Column>& table) {
  using Json = nlohmann::ordered_json;
  Json json = {{"schema", "npusim.sweep/1"}, {"rows", Json::array()}};
  for (std::size_t i = 0; i < table[0].cells.size(); ++i) {
    Json row;
    for (const Column& column : table) {
      const std::string& cell = column.cells[i];
      if (cell.empty()) {
        row[column.name] = nullptr;
      } else if (column.numeric) {
        // Whole numbers stay whole: from the cell's text.
        row[column.name] = Json::accept(cell) ? Json::parse(cell) : Json(*number(cell));
      } else {
        row[column.name] = cell;
      }
    }
    json["rows"].push_back(std::move(row));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace npusim::sweep
