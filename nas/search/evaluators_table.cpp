#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <unordered_map>

#include "nas/search/evaluators.h"
#include "sim/base/error.h"

namespace npusim::search {
namespace {

class TableEvaluator : public Evaluator {
 public:
  TableEvaluator(std::string file, std::unordered_map<std::string, double> rows)
      : file_(std::move(file)), rows_(std::move(rows)) {}
  [[nodiscard]] std::string name() const override { return "table:" + file_; }
  [[nodiscard]] std::string measure() const override { return "accuracy"; }
  [[nodiscard]] std::string identity() const override { return ""; }
  void evaluate(const std::vector<Candidate>& candidates, const Arrived& arrived) override {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto found = rows_.find(candidates[i].encoding);
      if (found == rows_.end()) {
        arrived(i, {0, fmt::format("{} has no row '{}'", file_, candidates[i].encoding)});
      } else {
        arrived(i, {found->second, ""});
      }
    }
  }

 private:
  std::string file_;
  std::unordered_map<std::string, double> rows_;  ///< by canonical encoding
};

}  // namespace

std::unique_ptr<Evaluator> make_table_evaluator(const std::string& file, const space::Space& space) {
  std::ifstream in(file);
  if (!in) throw UserError(fmt::format("{}: cannot be read", file));
  std::unordered_map<std::string, double> rows;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (number == 1) {
      if (line.rfind("encoding,accuracy", 0) == 0) continue;
      throw UserError(fmt::format("{}:1: expected the header 'encoding,accuracy', got '{}'", file, line));
    }
    if (line.empty()) continue;
    const auto comma = line.find(',');
    double value = 0;
    const char* const end = line.data() + std::min(line.find(',', comma + 1), line.size());
    const auto [stop, status] =
        std::from_chars(line.data() + (comma == std::string::npos ? line.size() : comma + 1), end, value);
    if (comma == std::string::npos || status != std::errc() || stop != end || !std::isfinite(value)) {
      throw UserError(fmt::format("{}:{}: expected an encoding and a number, got '{}'", file, number, line));
    }
    std::string encoding;
    try {
      encoding = space.encode(space.decode(line.substr(0, comma)));
    } catch (const UserError& error) {
      throw UserError(fmt::format("{}:{}: {}", file, number, error.what()));
    }
    const auto [at, added] = rows.emplace(encoding, value);
    if (!added && at->second != value) {
      throw UserError(fmt::format("{}:{}: '{}' is there before with another accuracy ({} and {})", file,
                                  number, encoding, at->second, value));
    }
  }
  if (rows.empty()) throw UserError(fmt::format("{}: has no row behind its header", file));
  return std::make_unique<TableEvaluator>(file, std::move(rows));
}

}  // namespace npusim::search
