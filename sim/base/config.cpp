#include "sim/base/config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

#include "sim/base/error.h"
#include "sim/base/hash.h"

namespace npusim {

std::string_view to_string(Grade grade) {
  switch (grade) {
    case Grade::published:
      return "published";
    case Grade::fitted:
      return "fitted";
    case Grade::guessed:
      return "guessed";
  }
  return "?";
}

namespace {

std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::string sequence_text(const YAML::Node& node, const std::string& file) {
  std::string text = "[";
  for (const auto& item : node) {
    if (!item.IsScalar()) {
      throw UserError(fmt::format("{}:{}: a list may hold only plain values", file, item.Mark().line + 1));
    }
    text += (text.size() > 1 ? ", " : "") + item.Scalar();
  }
  return text + "]";
}

/// Parses "guessed [1, 5] | why".
Provenance parse_provenance(const std::string& text, const std::string& where) {
  const auto bar = text.find('|');
  const auto complain = [&] {
    throw UserError(
        fmt::format("{}: expected 'published | source', 'fitted | source', 'guessed [low, high] | why' or "
                    "'guessed {{a, b}} | why', got '{}'",
                    where, text));
  };
  if (bar == std::string::npos) complain();
  Provenance provenance;
  provenance.source = trim(std::string_view(text).substr(bar + 1));
  std::string head = trim(std::string_view(text).substr(0, bar));
  const auto bracket = head.find('[');
  if (bracket != std::string::npos) {
    char comma = 0;
    char close = 0;
    std::istringstream range(head.substr(bracket + 1));
    if (!(range >> provenance.low >> comma >> provenance.high >> close) || comma != ',' || close != ']' ||
        provenance.low > provenance.high) {
      complain();
    }
    provenance.ranged = true;
    head = trim(std::string_view(head).substr(0, bracket));
  }
  const auto brace = head.find('{');
  if (brace != std::string::npos) {
    if (head.back() != '}') complain();
    std::istringstream list(head.substr(brace + 1, head.size() - brace - 2));
    for (std::string value; std::getline(list, value, ',');) provenance.values.push_back(trim(value));
    if (provenance.values.empty()) complain();
    head = trim(std::string_view(head).substr(0, brace));
  }
  if (head == "published") {
    provenance.grade = Grade::published;
  } else if (head == "fitted") {
    provenance.grade = Grade::fitted;
  } else if (head == "guessed") {
    provenance.grade = Grade::guessed;
  } else {
    complain();
  }
  if (provenance.source.empty()) complain();
  return provenance;
}

}  // namespace

Config Config::parse(std::string_view text, const std::string& file) {
  Config config;
  config.file_ = file;
  YAML::Node root;
  try {
    root = YAML::Load(std::string(text));
  } catch (const YAML::Exception& error) {
    throw UserError(fmt::format("{}:{}: not valid YAML: {}", file, error.mark.line + 1, error.msg));
  }
  if (!root.IsMap()) throw UserError(fmt::format("{}: expected a YAML mapping of parameters", file));
  struct Pending {
    std::string prefix;
    YAML::Node node;
  };
  std::vector<Pending> stack{{"", root}};
  while (!stack.empty()) {
    const Pending pending = stack.back();
    stack.pop_back();
    for (const auto& item : pending.node) {
      const std::string name = item.first.Scalar();
      const std::string key = pending.prefix.empty() ? name : pending.prefix + "." + name;
      const int line = item.first.Mark().line + 1;
      const std::string where = fmt::format("{}:{}", file, line);
      if (key == "sources") {
        for (const auto& entry : item.second) {
          const std::string at = fmt::format("{}:{}", file, entry.first.Mark().line + 1);
          if (!entry.second.IsScalar()) throw UserError(fmt::format("{}: expected 'grade | source'", at));
          const std::string& source = entry.first.Scalar();
          if (!config.sources_.emplace(source, parse_provenance(entry.second.Scalar(), at)).second) {
            throw UserError(fmt::format("{}: the source of '{}' is given twice", at, source));
          }
        }
      } else if (item.second.IsMap()) {
        stack.push_back({key, item.second});
      } else {
        const std::string value = item.second.IsSequence()
                                      ? sequence_text(item.second, file)
                                      : (item.second.IsScalar() ? item.second.Scalar() : std::string());
        if (!config.leaves_.emplace(key, Leaf{value, file, line}).second) {
          throw UserError(fmt::format("{}: key '{}' is given twice", where, key));
        }
      }
    }
  }
  return config;
}

Config Config::load(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw UserError(fmt::format("{}: cannot be read", path));
  std::ostringstream text;
  text << in.rdbuf();
  return parse(text.str(), path);
}

void Config::merge(const Config& other) {
  for (const auto& [key, value] : other.leaves_) {
    const auto old = leaves_.find(key);
    if (old != leaves_.end() && old->second.value != value.value) {
      const Provenance* own = other.provenance(key);
      sources_[key] =
          own != nullptr ? *own : Provenance{Grade::guessed, "set in " + value.file, 0, 0, false, {}};
    }
    leaves_[key] = value;
  }
  for (const auto& [key, value] : other.sources_) sources_[key] = value;
}

void Config::set(std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw UserError(fmt::format("--set {}: expected key=value, such as dram.channels=2", assignment));
  }
  const std::string key = trim(assignment.substr(0, equals));
  const auto found = leaves_.find(key);
  if (found == leaves_.end()) {
    throw UserError(
        fmt::format("--set {}: {} has no key '{}'{}", assignment, file_, key, suggestion(key, keys())));
  }
  found->second = Leaf{trim(assignment.substr(equals + 1)), fmt::format("--set {}", assignment), 0};
  sources_[key] = Provenance{Grade::guessed, "set by the user", 0, 0, false, {}};
}

bool Config::has(const std::string& key) const { return leaves_.count(key) != 0; }

const Config::Leaf& Config::leaf(const std::string& key) const {
  used_.insert(key);
  const auto found = leaves_.find(key);
  if (found == leaves_.end()) {
    throw UserError(fmt::format("{}: key '{}' is missing{}", file_, key, suggestion(key, keys())));
  }
  return found->second;
}

std::string Config::where(const std::string& key) const {
  const auto found = leaves_.find(key);
  if (found == leaves_.end()) return file_;
  return found->second.line == 0 ? found->second.file
                                 : fmt::format("{}:{}", found->second.file, found->second.line);
}

void Config::fail(const std::string& key, const std::string& expected) const {
  throw UserError(fmt::format("{}: '{}' is '{}', expected {}", where(key), key, raw(key), expected));
}

std::int64_t Config::integer(const std::string& key, std::int64_t low, std::int64_t high) const {
  const std::string& value = leaf(key).value;
  std::int64_t parsed = 0;
  const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (status != std::errc() || end != value.data() + value.size() || parsed < low || parsed > high) {
    fail(key, fmt::format("an integer from {} to {}", low, high));
  }
  return parsed;
}

double Config::number(const std::string& key, double low, double high) const {
  const std::string& value = leaf(key).value;
  double parsed = 0;
  std::istringstream in(value);
  if (!(in >> parsed) || !in.eof() || !std::isfinite(parsed) || parsed < low || parsed > high) {
    fail(key, fmt::format("a number from {} to {}", low, high));
  }
  return parsed;
}

bool Config::boolean(const std::string& key) const {
  const std::string& value = leaf(key).value;
  if (value != "true" && value != "false") fail(key, "true or false");
  return value == "true";
}

std::string Config::text(const std::string& key) const { return leaf(key).value; }

std::string Config::choice(const std::string& key, const std::vector<std::string>& choices) const {
  const std::string& value = leaf(key).value;
  for (const auto& choice : choices) {
    if (choice == value) return value;
  }
  fail(key, fmt::format("one of {}{}", fmt::join(choices, ", "), suggestion(value, choices)));
}

std::vector<std::int64_t> Config::integers(const std::string& key, std::int64_t low,
                                           std::int64_t high) const {
  const std::string& value = leaf(key).value;
  std::vector<std::int64_t> parsed;
  std::string body = value;
  if (body.size() >= 2 && body.front() == '[' && body.back() == ']') body = body.substr(1, body.size() - 2);
  std::istringstream in(body);
  std::string item;
  while (std::getline(in, item, ',')) {
    std::istringstream number(item);
    std::int64_t one = 0;
    if (!(number >> one) || !(number >> std::ws).eof() || one < low || one > high) {
      fail(key, fmt::format("a list of integers from {} to {}", low, high));
    }
    parsed.push_back(one);
  }
  return parsed;
}

void Config::finish() const {
  const std::vector<std::string> known(used_.begin(), used_.end());
  for (const auto& [key, value] : leaves_) {
    if (used_.count(key) == 0) {
      throw UserError(fmt::format("{}: unknown key '{}'{}", where(key), key, suggestion(key, known)));
    }
  }
}

std::vector<std::string> Config::keys() const {
  std::vector<std::string> names;
  names.reserve(leaves_.size());
  for (const auto& [key, value] : leaves_) names.push_back(key);
  return names;
}

std::string Config::raw(const std::string& key) const {
  const auto found = leaves_.find(key);
  return found == leaves_.end() ? "" : found->second.value;
}

const Provenance* Config::provenance(const std::string& key) const {
  std::string prefix = key;
  while (true) {
    const auto found = sources_.find(prefix);
    if (found != sources_.end()) return &found->second;
    const auto dot = prefix.rfind('.');
    if (dot == std::string::npos) return nullptr;
    prefix.resize(dot);
  }
}

std::vector<std::string> Config::source_keys() const {
  std::vector<std::string> names;
  names.reserve(sources_.size());
  for (const auto& [key, value] : sources_) names.push_back(key);
  return names;
}

std::string Config::canonical() const {
  std::string text;
  for (const auto& [key, value] : leaves_) text += fmt::format("{}: {}\n", key, value.value);
  return text;
}

}  // namespace npusim
