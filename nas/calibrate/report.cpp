#include "nas/calibrate/report.h"

#include <fmt/format.h>

#include <filesystem>

#include "sim/base/error.h"
#include "sim/trace/format.h"

namespace npusim::calibrate {
namespace {

using Align = trace::Table::Align;

constexpr std::size_t kWidth = 120;

/// A table in either form.
class Grid {
 public:
  struct Column {
    std::string title;
    bool text = false;  ///< aligned to the left
  };
  explicit Grid(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] std::string plain() const {
    std::vector<trace::Table::Column> columns;
    for (const Column& one : columns_) {
      columns.push_back({one.title, one.text ? Align::left : Align::right, 0});
    }
    trace::Table table(std::move(columns));
    for (const auto& cells : rows_) table.row(cells);
    return table.text(kWidth);
  }
  [[nodiscard]] std::string markdown() const {
    std::string text = "|";
    for (const Column& one : columns_) text += fmt::format(" {} |", one.title);
    text += "\n|";
    for (const Column& one : columns_) text += one.text ? "---|" : "---:|";
    for (const auto& cells : rows_) text += fmt::format("\n| {} |", fmt::join(cells, " | "));
    return text + "\n";
  }

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }
std::string change(double predicted, double measured) {
  return fmt::format("{:+.1f} %", 100 * (predicted / measured - 1));
}

Grid keys_grid(const Problem& problem, const Calibration& done) {
  Grid grid({{"key", true}, {"was"}, {"fitted"}, {"95 % range", true}, {"elasticity"}, {"bounds", true}});
  for (std::size_t j = 0; j < problem.free.size(); ++j) {
    const Parameter& one = problem.free[j];
    const KeyKnowledge& known = done.knowledge.keys[j];
    std::string range = fmt::format("{} to {}", known.low, known.high);
    if (known.known == Known::open) range = "not determined";
    if (known.known == Known::no_influence) range = "no influence";
    grid.row({one.key(), one.start(), done.fitted[j], range,
              known.elasticity ? fmt::format("{:+.3f}", *known.elasticity) : "-", one.describe()});
  }
  return grid;
}

Grid errors_grid(const Calibration& done) {
  Grid grid({{"", true},
             {"rows"},
             {"MAPE"},
             {"median"},
             {"worst"},
             {"within 10 %"},
             {"Spearman"},
             {"Kendall"},
             {"R2"}});
  const auto add = [&](const std::string& name, const Accuracy& one) {
    grid.row({name, fmt::format("{}", one.errors.count), percent(one.errors.mape), percent(one.median),
              percent(one.errors.worst), trace::percent(one.errors.within10),
              fmt::format("{:.4f}", one.errors.spearman), fmt::format("{:.4f}", one.errors.kendall),
              fmt::format("{:.4f}", one.errors.r2)});
  };
  add("before", done.train_before);
  add("fitted", done.train_after);
  if (done.cross) {
    add(fmt::format("cross-validation, {} folds of {}", done.folds,
                    done.whole_networks ? "whole networks" : "rows"),
        *done.cross);
  }
  if (done.test_before) {
    add("test rows, before", *done.test_before);
    add("test rows, fitted", *done.test_after);
  }
  return grid;
}

Grid rows_grid(const Problem& problem, const Calibration& done) {
  const std::string unit{to_string(problem.measured.unit)};
  Grid grid({{"network", true},
             {"batch"},
             {"type", true},
             {"used", true},
             {"measured " + unit},
             {"before"},
             {"error"},
             {"fitted"},
             {"error"},
             {"fitted / measured"}});
  for (std::size_t i = 0; i < problem.measured.rows.size(); ++i) {
    const Row& row = problem.measured.rows[i];
    grid.row({row.network, row.batch == 0 ? "-" : fmt::format("{}", row.batch),
              std::string(ir::to_string(problem.targets[i].dtype)),
              row.test         ? "test"
              : row.weight > 0 ? "fit"
                               : "no",
              fmt::format("{:.5g}", row.measured), fmt::format("{:.5g}", done.before[i]),
              change(done.before[i], row.measured), fmt::format("{:.5g}", done.after[i]),
              change(done.after[i], row.measured), fmt::format("{:.3f}", done.after[i] / row.measured)});
  }
  return grid;
}

std::string file_name(const Problem& problem) {
  return std::filesystem::path(problem.measured.file).filename().string();
}

/// "rows.csv (hash, 24 rows)".
std::string rows_source(const Problem& problem, const Calibration& done) {
  return fmt::format("{} ({}, {} rows)", file_name(problem), problem.measured.hash, done.train.size());
}

std::string condition_text(const Calibration& done) {
  return done.knowledge.condition == 0 ? "no key changes a row"
                                       : fmt::format("{:.3g}", done.knowledge.condition);
}

std::string single_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::string source_text(const Provenance& source) {
  std::string range;
  if (source.ranged) range = fmt::format(" [{}, {}]", source.low, source.high);
  if (!source.values.empty()) range = fmt::format(" {{{}}}", fmt::join(source.values, ", "));
  return single_quoted(fmt::format("{}{} | {}", to_string(source.grade), range, source.source));
}

/// A leaf's text as YAML reads it back.
std::string leaf_text(const std::string& value) {
  const bool number = value.find_first_not_of("0123456789.-+e") == std::string::npos;
  return (number && !value.empty()) || value.starts_with('[') ? value : single_quoted(value);
}

}  // namespace

std::string to_text(const std::string& hw, const Problem& problem, const Calibration& done) {
  std::string text = fmt::format("{} fitted to {}, {} in all\n\n", hw, rows_source(problem, done),
                                 problem.measured.rows.size());
  text += keys_grid(problem, done).plain();
  text += fmt::format(
      "elasticity: per cent of latency for one per cent of the key, mean of the rows; condition of the rows' "
      "slopes: {}\n(near 1: each key is told by itself; from about 30 on, keys stand in for one another)\n\n",
      condition_text(done));
  text += errors_grid(done).plain() + "\n" + rows_grid(problem, done).plain();
  text += fmt::format("\n{} settings, {} simulations\n", done.spent.settings, done.spent.simulations);
  for (const std::string& warning : done.warnings) text += trace::labelled("warning", warning, 9, kWidth);
  return text;
}

std::string to_ledger(const std::string& hw, const Problem& problem, const Calibration& done) {
  std::string keys;
  for (const Parameter& one : problem.free)
    keys += fmt::format("{}`{}`", keys.empty() ? "" : ", ", one.key());
  std::string text = fmt::format("## {}: {} fitted to {}\n\n", hw, keys, file_name(problem));
  text += fmt::format(
      "`npusim calibrate`, rows {}. Objective: Huber's function of ln(simulated / measured), weighted. "
      "{} settings, {} simulations.\n\n",
      rows_source(problem, done), done.spent.settings, done.spent.simulations);
  text += keys_grid(problem, done).markdown();
  text += fmt::format(
      "\nElasticity: per cent of latency for one per cent of the key, mean of the rows. Condition "
      "of the rows' slopes: {}.\n\n",
      condition_text(done));
  text += errors_grid(done).markdown() + "\n" + rows_grid(problem, done).markdown();
  if (!done.warnings.empty()) text += "\n";
  for (const std::string& warning : done.warnings) text += fmt::format("- Warning: {}.\n", warning);
  return text;
}

std::string to_yaml(const Problem& problem, const Calibration& done, const Config& built_in,
                    const Config& fitted) {
  const std::string chip = built_in.raw("chip");
  std::string leaves;
  std::string sources;
  const auto add = [&](const std::string& key, const std::string& source) {
    leaves += fmt::format("{}: {}\n", key, leaf_text(fitted.raw(key)));
    if (!source.empty()) sources += fmt::format("  {}: {}\n", key, source);
  };
  for (const std::string& key : fitted.keys()) {
    std::size_t j = 0;
    while (j < problem.free.size() && problem.free[j].key() != key) ++j;
    const bool free = j < problem.free.size() && done.knowledge.keys[j].known != Known::no_influence;
    if (free) {
      std::string source = "fitted | " + rows_source(problem, done);
      if (done.knowledge.keys[j].known == Known::open) source += ", which do not determine it";
      add(key, single_quoted(source));
    } else if (key != "chip" && (!built_in.has(key) || built_in.raw(key) != fitted.raw(key))) {
      const Provenance* source = fitted.provenance(key);
      add(key, source == nullptr ? "" : source_text(*source));
    }
  }
  return fmt::format("# {} fitted to {} by npusim calibrate.\nextends: {}\n{}\nsources:\n{}", chip,
                     file_name(problem), chip, leaves, sources);
}

}  // namespace npusim::calibrate
