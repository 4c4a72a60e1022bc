#include "tests/layers/include_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>

namespace npusim::test {
namespace {

namespace fs = std::filesystem;

/// What the files of a folder may include, by path prefix. The first rule whose folder is a prefix of the
/// file holds.
struct Rule {
  std::string folder;
  std::vector<std::string> may;
};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> list{
      {"sim/base/", {"sim/base/"}},
      {"sim/program/", {"sim/base/", "sim/program/"}},
      {"sim/mem/", {"sim/base/", "sim/program/", "sim/mem/"}},
      {"sim/trace/", {"sim/base/", "sim/program/", "sim/trace/"}},
      {"sim/look/", {"sim/base/", "sim/trace/", "sim/look/"}},
      {"sim/kernel/", {"sim/base/", "sim/program/", "sim/mem/", "sim/trace/", "sim/kernel/"}},
      {"sim/cli/", {"sim/", "workloads/", "hw_models/", "nas/"}},
      {"workloads/ir/", {"sim/base/", "workloads/ir/"}},
      {"workloads/tiling/", {"sim/base/", "workloads/tiling/"}},
      {"workloads/", {"sim/base/", "workloads/"}},
      {"hw_models/api/", {"sim/", "workloads/", "hw_models/"}},  // its catalog lists the chips
      {"hw_models/mapping/", {"sim/", "workloads/", "hw_models/api/", "hw_models/mapping/"}},
      // A chip: itself, see rule_of().
      {"nas/", {"sim/base/", "sim/trace/", "workloads/", "hw_models/api/", "nas/"}},
  };
  return list;
}

bool starts_with(const std::string& text, const std::string& prefix) { return text.rfind(prefix, 0) == 0; }

std::optional<Rule> rule_of(const std::string& file) {
  for (const Rule& rule : rules()) {
    if (starts_with(file, rule.folder)) return rule;
  }
  if (!starts_with(file, "hw_models/")) return std::nullopt;
  const std::size_t slash = file.find('/', std::string("hw_models/").size());
  if (slash == std::string::npos) return std::nullopt;
  const std::string own = file.substr(0, slash + 1);
  return Rule{own, {"sim/", "workloads/", "hw_models/api/", "hw_models/mapping/", own}};
}

bool is_systemc(const std::string& target) {
  return target == "systemc" || starts_with(target, "systemc.h") || starts_with(target, "sysc/") ||
         starts_with(target, "tlm");
}

bool is_onnx(const std::string& target) {
  return starts_with(target, "onnx/") || starts_with(target, "google/protobuf/") ||
         target.find(".pb.h") != std::string::npos;
}

bool is_flatbuffers(const std::string& target) {
  return starts_with(target, "flatbuffers/") || target == "schema_generated.h";
}

/// The folder of a chip's clocked twins: hw_models/<chip>/clocked/.
bool is_clocked(const std::string& file) {
  const std::string room = "hw_models/";
  const std::size_t slash = starts_with(file, room) ? file.find('/', room.size()) : std::string::npos;
  return slash != std::string::npos && file.compare(slash, 9, "/clocked/") == 0;
}

/// A chip's cycle formulas, from which its twins must be independent.
bool is_timing(const std::string& target) {
  return starts_with(target, "hw_models/") && target.size() > 9 &&
         target.compare(target.size() - 9, 9, "/timing.h") == 0;
}

/// What only some folders, and nothing that includes them, may see.
struct Secret {
  bool (*is)(const std::string& target);
  bool (*may)(const std::string& file);
  const char* name;
  const char* folder;
};
constexpr Secret kSecrets[] = {
    {is_systemc, [](const std::string& file) { return starts_with(file, "sim/kernel/") || is_clocked(file); },
     "SystemC", "sim/kernel/ and hw_models/<chip>/clocked/"},
    {is_onnx, [](const std::string& file) { return starts_with(file, "workloads/onnx/"); }, "ONNX",
     "workloads/onnx/"},
    {is_flatbuffers, [](const std::string& file) { return starts_with(file, "workloads/tflite/"); },
     "FlatBuffers", "workloads/tflite/"},
    {is_timing, [](const std::string& file) { return !is_clocked(file); }, "the fast engines' timing",
     "what lies outside hw_models/<chip>/clocked/"}};

/// The #include on a line, if any; a line such as `#  include <x> // why`.
std::optional<std::pair<std::string, bool>> include_on(const std::string& line) {
  std::size_t at = line.find_first_not_of(" \t");
  if (at == std::string::npos || line[at] != '#') return std::nullopt;
  at = line.find_first_not_of(" \t", at + 1);
  if (at == std::string::npos || line.compare(at, 7, "include") != 0) return std::nullopt;
  const std::size_t open = line.find_first_of("<\"", at);
  if (open == std::string::npos) return std::nullopt;
  const bool system = line[open] == '<';
  const std::size_t close = line.find(system ? '>' : '"', open + 1);
  if (close == std::string::npos) return std::nullopt;
  return std::pair{line.substr(open + 1, close - open - 1), system};
}

class Graph {
 public:
  explicit Graph(const fs::path& root) : root_(root) {
    for (Include& include : read_includes(root)) by_file_[include.file].push_back(std::move(include));
  }

  std::vector<std::string> forbidden() {
    std::vector<std::string> faults;
    for (const auto& [file, includes] : by_file_) {
      const auto rule = rule_of(file);
      if (!rule) {
        faults.push_back(fmt::format("{}:1: no rule says what this folder may include", file));
        continue;
      }
      for (const Include& include : includes) {
        const std::string why = fault(*rule, include);
        if (!why.empty()) {
          faults.push_back(fmt::format("{}:{}: includes {}: {}", file, include.line, include.target, why));
        }
      }
    }
    return faults;
  }

 private:
  std::string fault(const Rule& rule, const Include& include) {
    for (const Secret& secret : kSecrets) {
      if (secret.may(include.file)) continue;
      if (secret.is(include.target)) return fmt::format("only {} may see {}", secret.folder, secret.name);
      if (include.system) continue;
      const std::string through = reaches(include.target, secret);
      if (!through.empty()) {
        return fmt::format("that shows {} through {}; only {} may see it", secret.name, through,
                           secret.folder);
      }
    }
    if (include.system) return "";
    const bool allowed = std::any_of(rule.may.begin(), rule.may.end(), [&](const std::string& prefix) {
      return starts_with(include.target, prefix);
    });
    if (!allowed) return fmt::format("{} may include only {}", rule.folder, fmt::join(rule.may, ", "));
    if (!fs::exists(root_ / include.target)) return "there is no such file below the root";
    return "";
  }

  /// The file among those that `file` includes, itself included, that names the secret library; "" when none
  /// does.
  std::string reaches(const std::string& file, const Secret& secret) {
    std::set<std::string> seen{file};
    std::vector<std::string> open{file};
    while (!open.empty()) {
      std::string next = open.back();
      open.pop_back();
      const auto found = by_file_.find(next);
      if (found == by_file_.end()) continue;
      for (const Include& include : found->second) {
        if (secret.is(include.target)) return next;
        if (!include.system && seen.insert(include.target).second) open.push_back(include.target);
      }
    }
    return "";
  }

  fs::path root_;
  std::map<std::string, std::vector<Include>> by_file_;
};

}  // namespace

std::vector<Include> read_includes(const fs::path& root) {
  std::vector<fs::path> files;
  for (const char* room : {"sim", "workloads", "hw_models", "nas"}) {
    if (!fs::exists(root / room)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
      const fs::path extension = entry.path().extension();
      if (entry.is_regular_file() && (extension == ".h" || extension == ".cpp"))
        files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Include> includes;
  for (const fs::path& path : files) {
    const std::string file = path.lexically_relative(root).generic_string();
    std::ifstream in(path);
    std::string text;
    for (int line = 1; std::getline(in, text); ++line) {
      if (const auto found = include_on(text)) includes.push_back({file, line, found->first, found->second});
    }
  }
  return includes;
}

std::vector<std::string> forbidden_edges(const fs::path& root) { return Graph(root).forbidden(); }

}  // namespace npusim::test
