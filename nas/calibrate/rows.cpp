#include "nas/calibrate/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "sim/base/csv.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"

namespace npusim::calibrate {
namespace {

struct UnitColumn {
  const char* name;
  Unit unit;
};
constexpr UnitColumn kUnits[] = {
    {"latency_ms", Unit::ms}, {"latency_us", Unit::us}, {"cycles", Unit::cycles}};

const std::vector<std::string>& known_columns() {
  static const std::vector<std::string> names{"network", "latency_ms", "latency_us", "cycles", "batch",
                                              "dtype",   "weight",     "sigma",      "split"};
  return names;
}

class Reader {
 public:
  Reader(const std::string& file, const std::map<std::string, std::string>& renamed,
         const std::vector<std::string>& header, Measured& out)
      : file_(file), header_(header), out_(out) {
    for (const auto& [name, in_file] : renamed) {
      if (std::find(known_columns().begin(), known_columns().end(), name) == known_columns().end()) {
        throw UserError(fmt::format("--column {}={}: npusim knows no column '{}'{}", name, in_file, name,
                                    suggestion(name, known_columns())));
      }
    }
    for (const std::string& name : known_columns()) find(name, renamed);
    refuse_misspelt();
    choose_unit();
  }

  void add(const CsvRow& cells) {
    line_ = cells.line;
    cells_ = &cells.cells;
    if (cells.cells.size() != header_.size()) {
      fail(fmt::format("{} cells, but the header names {} columns", cells.cells.size(), header_.size()));
    }
    Row row;
    row.line = cells.line;
    row.network = cell("network");
    if (row.network.empty()) fail("column 'network' is empty");
    row.measured = number(measured_, 0);
    if (row.measured <= 0) fail(fmt::format("column '{}' must be above 0", measured_));
    row.batch = whole("batch");
    row.dtype = cell("dtype");
    row.weight = number("weight", 1);
    row.sigma = number("sigma", 0);
    for (const char* name : {"weight", "sigma"}) {
      if (number(name, 0) < 0) fail(fmt::format("column '{}' must not be negative", name));
    }
    const std::string split = cell("split");
    if (!split.empty() && split != "train" && split != "test") {
      fail(fmt::format("column 'split' is '{}', expected train or test{}", split,
                       suggestion(split, {"train", "test"})));
    }
    row.test = split == "test";
    out_.rows.push_back(std::move(row));
  }

 private:
  void find(const std::string& name, const std::map<std::string, std::string>& renamed) {
    const auto other = renamed.find(name);
    const std::string& in_file = other == renamed.end() ? name : other->second;
    // A renamed column leaves the file's own column of that name without meaning.
    const auto at = std::find(header_.begin(), header_.end(), in_file);
    if (at != header_.end()) {
      if (std::find(std::next(at), header_.end(), in_file) != header_.end()) {
        throw UserError(fmt::format("{}:1: column '{}' is there twice", file_, in_file));
      }
      place_[name] = static_cast<std::size_t>(at - header_.begin());
    } else if (name == "network" || other != renamed.end()) {
      throw UserError(fmt::format("{}:1: there is no column '{}'{}; columns: {}", file_, in_file,
                                  suggestion(in_file, header_), fmt::join(header_, ", ")));
    }
  }

  void refuse_misspelt() {
    std::vector<std::string> absent;
    for (const std::string& name : known_columns()) {
      if (place_.count(name) == 0) absent.push_back(name);
    }
    for (std::size_t i = 0; i < header_.size(); ++i) {
      const bool used =
          std::any_of(place_.begin(), place_.end(), [&](const auto& one) { return one.second == i; });
      if (used) continue;
      const std::string& name = header_[i];
      const bool known =
          std::find(known_columns().begin(), known_columns().end(), name) != known_columns().end();
      const std::string meant = known ? "" : suggestion(name, absent);
      if (!meant.empty()) throw UserError(fmt::format("{}:1: unknown column '{}'{}", file_, name, meant));
      out_.ignored.push_back(name);
    }
  }

  void choose_unit() {
    for (const UnitColumn& one : kUnits) {
      if (place_.count(one.name) == 0) continue;
      if (!measured_.empty()) {
        throw UserError(fmt::format("{}:1: both '{}' and '{}': keep one", file_, measured_, one.name));
      }
      measured_ = one.name;
      out_.unit = one.unit;
    }
    if (measured_.empty()) {
      throw UserError(fmt::format("{}:1: no column latency_ms, latency_us or cycles; columns: {}", file_,
                                  fmt::join(header_, ", ")));
    }
  }

  [[nodiscard]] std::string cell(const std::string& name) const {
    const auto at = place_.find(name);
    if (at == place_.end()) return "";
    const std::string& text = (*cells_)[at->second];
    const auto first = text.find_first_not_of(" \t");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
  }

  /// `absent` for an empty cell; the measurement must not be empty.
  [[nodiscard]] double number(const std::string& name, double absent) const {
    const std::string text = cell(name);
    if (text.empty() && name != measured_) return absent;
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, status] = std::from_chars(text.data(), end, value);
    if (status != std::errc() || stop != end || !std::isfinite(value)) {
      fail(fmt::format("column '{}' is '{}', expected a number", name, text));
    }
    return value;
  }

  [[nodiscard]] std::int64_t whole(const std::string& name) const {
    const std::string text = cell(name);
    if (text.empty()) return 0;
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, status] = std::from_chars(text.data(), end, value);
    if (status != std::errc() || stop != end || value < 1 || value > 65536) {
      fail(fmt::format("column '{}' is '{}', expected a whole number from 1 to 65536", name, text));
    }
    return value;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(fmt::format("{}:{}: {}", file_, line_, what));
  }

  const std::string& file_;
  const std::vector<std::string>& header_;
  Measured& out_;
  std::map<std::string, std::size_t> place_;  ///< by our name
  std::string measured_;                      ///< our name of the measurements' column
  std::size_t line_ = 0;
  const std::vector<std::string>* cells_ = nullptr;
};

}  // namespace

std::string_view to_string(Unit unit) {
  switch (unit) {
    case Unit::ms:
      return "ms";
    case Unit::us:
      return "us";
    case Unit::cycles:
      return "cycles";
  }
  return "?";
}

double latency_in(Unit unit, const jobs::Summary& summary) {
  if (unit == Unit::cycles) return static_cast<double>(summary.cycles);
  return unit == Unit::ms ? summary.latency_ms : summary.latency_ms * 1e3;
}

Measured read_rows(const std::string& text, const std::string& file,
                   const std::map<std::string, std::string>& renamed) {
  const std::vector<CsvRow> rows = parse_csv(text);
  if (rows.empty()) throw UserError(fmt::format("{}: the file is empty", file));
  Measured out;
  out.file = file;
  out.hash = hex_hash(text);
  Reader reader(file, renamed, rows[0].cells, out);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].cells != std::vector<std::string>{""}) reader.add(rows[i]);
  }
  const auto fitted = std::count_if(out.rows.begin(), out.rows.end(),
                                    [](const Row& row) { return !row.test && row.weight > 0; });
  if (fitted == 0) {
    throw UserError(
        fmt::format("{}: no row to fit to (of {}, all have split test or weight 0)", file, out.rows.size()));
  }
  return out;
}

}  // namespace npusim::calibrate
