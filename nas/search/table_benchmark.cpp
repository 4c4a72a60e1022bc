// Benchmarks of search from files.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <sstream>

#include "nas/search/compare.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',') {
      cells.emplace_back();
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  return cells;
}

/// A CSV file with a header, line by line.
class Csv {
 public:
  explicit Csv(const std::string& file) : file_(file), in_(file) {
    if (!in_) throw UserError(fmt::format("{}: cannot be read", file));
    if (!next()) throw UserError(fmt::format("{}: is empty; expected a header", file));
    header_ = row_;
  }
  /// False at the end.
  bool next() {
    std::string line;
    do {
      if (!std::getline(in_, line)) return false;
      ++line_;
    } while (line.empty() || line[0] == '#');
    row_ = cells_of(line);
    if (!header_.empty() && row_.size() != header_.size()) fail("expected as many cells as the header has");
    return true;
  }
  /// The place of a column; `optional`: npos where there is none.
  [[nodiscard]] std::size_t column(const std::string& name, bool optional = false) const {
    const auto at = std::find(header_.begin(), header_.end(), name);
    if (at != header_.end()) return static_cast<std::size_t>(at - header_.begin());
    if (optional) return std::string::npos;
    throw UserError(fmt::format("{}: expected a column '{}'", file_, name));
  }
  [[nodiscard]] const std::string& cell(std::size_t column) const { return row_[column]; }
  [[nodiscard]] double number(std::size_t column) const {
    const std::string& text = row_[column];
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      fail(fmt::format("'{}' is not a number", text));
    }
    return value;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(fmt::format("{}, line {}: {}", file_, line_, what));
  }

 private:
  std::string file_;
  std::ifstream in_;
  std::size_t line_ = 0;
  std::vector<std::string> header_, row_;
};

Benchmark benchmark_of(std::string name, const std::string& space) {
  constexpr std::string_view kShuffled = ":shuffled", kNb201 = "nb201:";
  const bool shuffle = name.size() > kShuffled.size() && name.ends_with(kShuffled);
  if (shuffle) name.resize(name.size() - kShuffled.size());
  Benchmark benchmark;
  if (name.starts_with(kNb201)) {
    const std::size_t colon = name.find(':', kNb201.size());
    if (colon == std::string::npos) {
      throw UserError(fmt::format("benchmark '{}': expected nb201:<data set>:<device>", name));
    }
    benchmark = nb201_benchmark(name.substr(kNb201.size(), colon - kNb201.size()), name.substr(colon + 1));
  } else {
    if (space.empty()) throw UserError(fmt::format("benchmark {}: --space is missing", name));
    benchmark = table_benchmark(space::make_space(space), name);
  }
  return shuffle ? shuffled(std::move(benchmark), 1) : benchmark;
}

}  // namespace

Benchmark table_benchmark(std::shared_ptr<const space::Space> space, const std::string& file) {
  constexpr double kMost = 5e6;
  if (space->count() > kMost) {
    throw UserError(fmt::format("{}: space {} has {:.3g} networks; expected at most {:.0g} to list them all",
                                file, space->name(), space->count(), kMost));
  }
  Csv csv(file);
  const std::size_t encoding = csv.column("encoding"), accuracy = csv.column("accuracy"),
                    latency = csv.column("latency_ms"), macs = csv.column("macs", true);
  struct Row {
    double accuracy = 0, latency = 0, macs = 0;
  };
  std::map<space::Genome, Row> rows;
  while (csv.next()) {
    Row row{csv.number(accuracy), std::numeric_limits<double>::quiet_NaN(),
            macs == std::string::npos ? 0 : csv.number(macs)};
    if (!csv.cell(latency).empty()) row.latency = csv.number(latency);
    if (!rows.emplace(space->decode(csv.cell(encoding)), row).second) {
      csv.fail(fmt::format("network {} is there twice", csv.cell(encoding)));
    }
  }
  Benchmark benchmark{file, std::move(space), {}, {}, {}};
  for (std::uint64_t i = 0;; ++i) {
    const std::optional<space::Genome> genome = benchmark.space->at(i);
    if (!genome) return benchmark;
    const auto row = rows.find(*genome);
    if (row == rows.end()) {
      throw UserError(fmt::format("{}: network {} is missing ({} of {:.0f} are there)", file,
                                  benchmark.space->encode(*genome), rows.size(), benchmark.space->count()));
    }
    benchmark.accuracy.push_back(row->second.accuracy);
    benchmark.latency.push_back(row->second.latency);
    benchmark.macs.push_back(row->second.macs);
  }
}

CompareOutput run_compare(const std::vector<std::string>& benchmarks, const std::string& space,
                          const CompareOptions& options) {
  std::vector<Comparison> comparisons;
  CompareOutput output;
  for (const std::string& name : benchmarks) {
    const Benchmark benchmark = benchmark_of(name, space);
    comparisons.push_back(compare(benchmark, options));
    output.text += text_of(comparisons.back());
    if (options.afterwards) output.text += options.afterwards(benchmark, comparisons.back());
    output.text += "\n";
  }
  std::ostringstream csv;
  write_csv(comparisons, csv);
  output.csv = csv.str();
  output.picture = picture_of(comparisons);
  return output;
}

}  // namespace npusim::search
