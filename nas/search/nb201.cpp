// NAS-Bench-201 as a benchmark of search.
#include "workloads/zoo/nb201.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "nas/search/benchmark.h"
#include "sim/base/error.h"

namespace npusim::embedded {
extern const std::string_view nb201_table;
}

namespace npusim::search {

namespace {

/// Cuts the text before the next `end` off the front of `text`.
std::string_view cut(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<double>> values;  ///< by column and cell

  Table() {
    std::string_view text = embedded::nb201_table;
    std::string_view head = cut(text, '\n');
    while (head.starts_with('#')) head = cut(text, '\n');
    while (!head.empty()) columns.emplace_back(cut(head, ','));
    values.resize(columns.size());
    while (!text.empty()) {
      std::string_view row = cut(text, '\n');
      for (std::vector<double>& column : values) {
        const std::string_view cell = cut(row, ',');
        double value = 0;
        const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
        ensure(error == std::errc() && end == cell.data() + cell.size(), "the table of cells is of numbers");
        column.push_back(value);
      }
    }
  }

  [[nodiscard]] const std::vector<double>& column(const std::string& name, std::size_t first,
                                                  std::size_t last) const {
    const std::vector<std::string> known(columns.begin() + static_cast<std::ptrdiff_t>(first),
                                         columns.begin() + static_cast<std::ptrdiff_t>(last));
    for (std::size_t i = first; i < last; ++i) {
      if (columns[i] == name) return values[i];
    }
    throw UserError(fmt::format("NAS-Bench-201's table has no '{}'{} (there are {})", name,
                                suggestion(name, known), fmt::join(known, ", ")));
  }
};

constexpr std::size_t kDataSets = 3;  ///< columns before those of latencies

/// Of the cells' convolutions: 15 cells of as many pixels times channels squared; 1 for a 1x1 convolution.
double macs_of(const space::Genome& genome) {
  constexpr double kUnit = 15.0 * 16 * 16 * 32 * 32;
  double units = 0;
  for (const std::uint16_t op : genome) {
    if (op == static_cast<std::uint16_t>(zoo::CellOp::conv3)) units += 9;
    if (op == static_cast<std::uint16_t>(zoo::CellOp::conv1)) units += 1;
  }
  return units * kUnit;
}

}  // namespace

Benchmark nb201_benchmark(const std::string& data_set, const std::string& device) {
  static const Table table;
  Benchmark benchmark{fmt::format("nb201 {} {}", data_set, device),
                      space::make_space("nb201"),
                      table.column(data_set, 0, kDataSets),
                      table.column(device, kDataSets, table.columns.size()),
                      {}};
  for (std::size_t i = 0; i < benchmark.accuracy.size(); ++i) {
    const std::optional<space::Genome> genome = benchmark.space->at(i);
    ensure(genome.has_value(), "as many cells as rows");
    benchmark.macs.push_back(macs_of(*genome));
  }
  return benchmark;
}

}  // namespace npusim::search
