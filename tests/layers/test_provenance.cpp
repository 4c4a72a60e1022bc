// Every number of a description says where it comes from.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "sim/base/config.h"
#include "tests/catch.h"

using npusim::Config;

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> descriptions() {
  const fs::path root = NPUSIM_SOURCE_DIR;
  std::vector<fs::path> files;
  const auto add = [&](const fs::path& folder) {
    if (!fs::is_directory(folder)) return;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    }
  };
  for (const auto& entry : fs::directory_iterator(root / "hw_models")) add(entry.path());
  add(root / "sim/mem/dram");
  std::sort(files.begin(), files.end());
  return files;
}

/// Whether a leaf's text is a number or a list of numbers.
bool numeric(std::string_view text) {
  if (!text.empty() && text.front() == '[') text.remove_prefix(1);
  if (!text.empty() && text.back() == ']') text.remove_suffix(1);
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    double value = 0;
    const auto [stop, status] = std::from_chars(item.data(), item.data() + item.size(), value);
    if (status != std::errc() || stop != item.data() + item.size()) return false;
  }
  return true;
}

/// What is wrong with a description's provenance, one line a fault. A file that extends another may give
/// sources for its parent's keys, and its own numbers may be covered by the parent's sources.
std::vector<std::string> faults(const Config& own, const Config& whole) {
  std::vector<std::string> lines;
  for (const std::string& key : own.keys()) {
    if (numeric(own.raw(key)) && whole.provenance(key) == nullptr) {
      lines.push_back(fmt::format("{}: '{}' has no source", own.where(key), key));
    }
  }
  const auto keys = whole.keys();
  for (const std::string& source : own.source_keys()) {
    const bool matches = std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
      return key == source || key.rfind(source + ".", 0) == 0;
    });
    if (!matches) lines.push_back(fmt::format("source '{}' matches no key", source));
  }
  return lines;
}

/// The description in `file` with all that it extends: a built-in one extends its neighbours.
Config resolved(const fs::path& file) {
  const Config own = Config::load(file.string());
  if (!own.has("extends")) return own;
  Config whole = resolved(file.parent_path() / (own.raw("extends") + ".yaml"));
  whole.merge(own);
  whole.erase("extends");
  return whole;
}

}  // namespace

TEST_CASE("every number of every built-in description has a source, and every source a number") {
  const auto files = descriptions();
  CHECK(files.size() >= 3);
  for (const fs::path& file : files) {
    const auto lines = faults(Config::load(file.string()), resolved(file));
    INFO(file.string() << ":\n" << fmt::format("{}", fmt::join(lines, "\n")));
    CHECK(lines.empty());
  }
}

TEST_CASE("a number without a source and a source without a number are both found") {
  const std::string text =
      "name: x\nclock_mhz: 680\ncube: {m: 16, sizes: [1, 2]}\nfast: true\n"
      "sources:\n  cube.m: published | a paper\n  cube.k: published | a paper\n";
  const Config config = Config::parse(text, "t.yaml");
  CHECK(faults(config, config) == std::vector<std::string>{"t.yaml:2: 'clock_mhz' has no source",
                                                           "t.yaml:3: 'cube.sizes' has no source",
                                                           "source 'cube.k' matches no key"});
}

TEST_CASE("integers, fractions and lists of them are numbers; names and truths are not") {
  CHECK(numeric("16"));
  CHECK(numeric("-2.5e3"));
  CHECK(numeric("[1, 2, 3.5]"));
  CHECK(!numeric("lpddr4x-3200"));
  CHECK(!numeric("true"));
  CHECK(!numeric("[1, a]"));
  CHECK(!numeric("[]"));
}
