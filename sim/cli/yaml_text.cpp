#include "sim/cli/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace npusim::cli {
namespace {

std::vector<std::string> split(const std::string& key) {
  std::vector<std::string> parts(1);
  for (const char c : key) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// The value as a YAML scalar or flow list: quoted where plain text would read as something else.
std::string scalar(const std::string& value) {
  if (!value.empty() && value.front() == '[' && value.back() == ']') return value;
  const bool plain = !value.empty() && value.find_first_of(":#'\"{}[]&*!|>%@`\n") == std::string::npos &&
                     value.front() != ' ' && value.back() != ' ' && value.front() != '-' &&
                     value.front() != '?';
  if (plain || value.find_first_not_of("0123456789.-+e") == std::string::npos) {
    return value.empty() ? "''" : value;
  }
  std::string quoted = "'";
  for (const char c : value) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string comment(const Provenance* provenance) {
  if (provenance == nullptr) return "";
  std::string range;
  if (provenance->ranged) range = fmt::format(" [{}, {}]", provenance->low, provenance->high);
  if (!provenance->values.empty()) range = fmt::format(" {{{}}}", fmt::join(provenance->values, ", "));
  return fmt::format("# {}{} | {}", to_string(provenance->grade), range, provenance->source);
}

}  // namespace

std::string yaml_text(const Config& config) {
  struct Line {
    std::string text;
    std::string comment;
  };
  std::vector<Line> lines;
  std::vector<std::string> open;  // mappings that enclose the previous leaf
  for (const auto& key : config.keys()) {
    const std::vector<std::string> parts = split(key);
    std::size_t depth = 0;
    while (depth < open.size() && depth + 1 < parts.size() && open[depth] == parts[depth]) ++depth;
    open.resize(depth);
    for (; depth + 1 < parts.size(); ++depth) {
      lines.push_back({std::string(2 * depth, ' ') + parts[depth] + ":", ""});
      open.push_back(parts[depth]);
    }
    lines.push_back(
        {fmt::format("{}{}: {}", std::string(2 * depth, ' '), parts.back(), scalar(config.raw(key))),
         comment(config.provenance(key))});
  }
  constexpr std::size_t kLongestAligned = 48;
  std::size_t width = 0;
  for (const auto& line : lines) {
    if (line.text.size() <= kLongestAligned) width = std::max(width, line.text.size());
  }
  std::string text;
  for (const auto& line : lines) {
    text +=
        line.comment.empty() ? line.text + "\n" : fmt::format("{:<{}}  {}\n", line.text, width, line.comment);
  }
  return text;
}

}  // namespace npusim::cli
