// NAS-Bench-201 as a benchmark of search.
#include "nas/search/nb201.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "nas/search/benchmark.h"
#include "sim/base/error.h"
#include "workloads/zoo/nb201.h"

namespace npusim::embedded {
extern const std::string_view nb201_table;
extern const std::string_view nb201_simulated_table;
}  // namespace npusim::embedded

namespace npusim::search {

namespace {

/// Cuts the text before the next `end` off the front of `text`.
std::string_view cut(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

template <class T>
T number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  ensure(error == std::errc() && end == text.data() + text.size(), "the tables of cells are of numbers");
  return value;
}

/// An embedded table: comments, a header, a row a cell.
template <class T>
struct Table {
  std::vector<std::string_view> comments;  ///< without "# "
  std::vector<std::string> columns;
  std::vector<std::vector<T>> values;  ///< by column and cell

  explicit Table(std::string_view text) {
    std::string_view head = cut(text, '\n');
    for (; head.starts_with("# "); head = cut(text, '\n')) comments.push_back(head.substr(2));
    while (!head.empty()) columns.emplace_back(cut(head, ','));
    values.resize(columns.size());
    while (!text.empty()) {
      std::string_view row = cut(text, '\n');
      for (std::vector<T>& column : values) column.push_back(number<T>(cut(row, ',')));
    }
  }
};

constexpr std::size_t kDataSets = 3;  ///< columns of the published table before those of latencies

const Table<double>& published() {
  static const Table<double> table(embedded::nb201_table);
  return table;
}

std::vector<SimulatedCells> read_simulated() {
  Table<std::int64_t> table(embedded::nb201_simulated_table);
  std::vector<SimulatedCells> all(table.columns.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].chip = table.columns[i];
    all[i].cycles = std::move(table.values[i]);
  }
  // "chip midap int8 1000 0123456789abcdef"
  for (std::string_view line : table.comments) {
    if (cut(line, ' ') != "chip") continue;
    const std::string_view chip = cut(line, ' ');
    const auto of = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.chip == chip; });
    ensure(of != all.end(), "a column for each chip");
    of->dtype = cut(line, ' ');
    of->clock_mhz = number<double>(cut(line, ' '));
    of->hardware = line;
  }
  return all;
}

/// In ms, by cell.
std::vector<double> latencies_of(const std::string& device) {
  std::vector<std::string> known;
  for (std::size_t i = kDataSets; i < published().columns.size(); ++i) {
    known.push_back(published().columns[i]);
    if (known.back() == device) return published().values[i];
  }
  for (const SimulatedCells& cells : nb201_simulated()) {
    known.push_back(cells.chip);
    if (cells.chip != device) continue;
    std::vector<double> latencies;
    for (const std::int64_t cycles : cells.cycles) {
      latencies.push_back(static_cast<double>(cycles) / (cells.clock_mhz * 1000));
    }
    return latencies;
  }
  throw UserError(fmt::format("NAS-Bench-201's table has no latencies of '{}'{} (there are {})", device,
                              suggestion(device, known), fmt::join(known, ", ")));
}

const std::vector<double>& accuracies_on(const std::string& data_set) {
  const auto first = published().columns.begin();
  const std::vector<std::string> known(first, first + kDataSets);
  const auto found = std::find(known.begin(), known.end(), data_set);
  if (found != known.end()) return published().values[static_cast<std::size_t>(found - known.begin())];
  throw UserError(fmt::format("NAS-Bench-201's table has no accuracies on '{}'{} (there are {})", data_set,
                              suggestion(data_set, known), fmt::join(known, ", ")));
}

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

const std::vector<SimulatedCells>& nb201_simulated() {
  static const std::vector<SimulatedCells> all = read_simulated();
  return all;
}

Benchmark nb201_benchmark(const std::string& data_set, const std::string& device) {
  Benchmark benchmark{fmt::format("nb201 {} {}", data_set, device),
                      space::make_space("nb201"),
                      accuracies_on(data_set),
                      latencies_of(device),
                      {}};
  for (std::size_t i = 0; i < benchmark.accuracy.size(); ++i) {
    const std::optional<space::Genome> genome = benchmark.space->at(i);
    ensure(genome.has_value(), "as many cells as rows");
    benchmark.macs.push_back(macs_of(*genome));
  }
  return benchmark;
}

}  // namespace npusim::search
