// YAML of ProxylessNAS and Once-for-All: keys as search/utils/latency_estimator.py (mit-han-lab/proxylessnas)
// and ofa/nas/efficiency_predictor/latency_lookup_table.py (mit-han-lab/once-for-all) build them.
#include <fmt/format.h>

#include <map>
#include <optional>

#include "nas/table/export_formats.h"
#include "nas/table/export_rows.h"
#include "sim/base/error.h"

namespace npusim::table {
namespace {

std::string map_text(const ir::Shape& shape) {
  const bool map = shape.size() == 4;
  return fmt::format("{}x{}x{}", map ? shape[2] : 1, map ? shape[3] : 1, shape[1]);
}

std::string block_key(const Entry& entry, const std::string& expand) {
  const Form& form = entry.row->form;
  return fmt::format("expanded_conv-input:{}-output:{}-expand:{}-kernel:{}-stride:{}-idskip:{}",
                     map_text(entry.row->input), map_text(entry.row->output), expand, form.kernel,
                     form.stride, form.skip ? 1 : 0);
}

std::string conv_key(const Entry& entry) {
  return fmt::format("{}-input:{}-output:{}", entry.takes_image() ? "Conv" : "Conv_1",
                     map_text(entry.row->input), map_text(entry.row->output));
}

/// Fixed notation: PyYAML takes 1e-05 for a text.
std::string table_text(const Table& table, const std::map<std::string, double>& rows, std::size_t left_out,
                       const std::string& deviation) {
  if (rows.empty()) throw UserError("the table has no row that this format can name");
  std::string text = comment(table, "#", left_out);
  for (const auto& [key, ms] : rows) {
    text += fmt::format("{}:\n  count: 1\n  mean: {:.9f}\n  {}: 0.0\n", key, ms, deviation);
  }
  return text;
}

}  // namespace

/// Keys of MobileNet v3: inner channels as a number, squeeze and activation, the pool on its own.
std::vector<File> to_ofa(const Table& table) {
  std::map<std::string, double> rows;
  std::size_t left_out = 0;
  for (const Entry& entry : entries(table)) {
    const Form& form = entry.row->form;
    const std::string input = map_text(entry.row->input);
    std::string key;
    if (entry.is(Kind::mbconv)) {
      key = fmt::format("{}-se:{}-hs:{}", block_key(entry, std::to_string(form.expanded)),
                        form.squeeze > 0 ? 1 : 0, form.act == "hard_swish" ? 1 : 0);
    } else if (entry.is(Kind::conv)) {
      key = conv_key(entry);
    } else if (entry.is(Kind::pool)) {
      key = fmt::format("AvgPool2D-input:{}-output:1x1x{}", input, entry.out());
    } else if (entry.is(Kind::dense) && form.act.empty()) {
      key = fmt::format("Logits-input:{}-output:{}", input, entry.out());
    } else if (entry.is(Kind::dense)) {
      key = fmt::format("Conv_2-input:{}-output:1x1x{}", input, entry.out());
    }
    if (key.empty() || !rows.emplace(key, entry.ms).second) ++left_out;
  }
  return {{"", table_text(table, rows, left_out, "std")}};
}

/// Keys of MobileNet v2: expansion as a ratio; the classifier includes the pool before it.
std::vector<File> to_proxyless(const Table& table) {
  std::map<std::string, double> rows;
  std::size_t left_out = 0;
  std::map<std::int64_t, Entry> pools;  // by channels
  for (const Entry& entry : entries(table)) {
    if (entry.is(Kind::pool)) pools.emplace(entry.out(), entry);
  }
  for (const Entry& entry : entries(table)) {
    const bool squeezed = entry.row->form.squeeze > 0;
    std::string key;
    double ms = entry.ms;
    if (entry.is(Kind::mbconv) && !squeezed) {
      key = block_key(entry, entry.ratio());
    } else if (entry.is(Kind::conv)) {
      key = conv_key(entry);
    } else if (entry.is(Kind::dense) && pools.count(entry.in()) > 0) {
      const Entry& pool = pools.at(entry.in());
      key = fmt::format("Logits-input:{}-output:{}", map_text(pool.row->input), entry.out());
      ms += pool.ms;
    } else if (entry.is(Kind::pool)) {
      continue;  // with the classifier
    }
    if (key.empty() || !rows.emplace(key, ms).second) ++left_out;
  }
  return {{"", table_text(table, rows, left_out, "var")}};
}

}  // namespace npusim::table
