#include "nas/scale/activations.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sim/base/error.h"

namespace npusim::scale {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kHeader = "block,std";

[[noreturn]] void fail(const std::string& file, std::size_t line, const std::string& what) {
  throw UserError(fmt::format("{}:{}: {}", file, line, what));
}

void read_csv(std::istream& in, Activations& out) {
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (number == 1) {
      if (line != kHeader)
        fail(out.file, 1, fmt::format("expected the header '{}', got '{}'", kHeader, line));
      continue;
    }
    if (line.empty()) continue;
    const std::size_t comma = line.rfind(',');
    double value = 0;
    const char* const end = line.data() + line.size();
    const char* const begin = comma == std::string::npos ? end : line.data() + comma + 1;
    const auto [stop, status] = std::from_chars(begin, end, value);
    if (status != std::errc() || stop != end || comma == 0 || !std::isfinite(value) || value < 0) {
      fail(out.file, number, fmt::format("expected a block and a number of at least 0, got '{}'", line));
    }
    const std::string block = line.substr(0, comma);
    if (!out.lines.emplace(block, number).second) {
      fail(out.file, number, fmt::format("block '{}' is there twice", block));
    }
    out.deviations[block] = value;
  }
}

void read_json(std::istream& in, Activations& out) {
  Json json;
  try {
    json = Json::parse(in);
  } catch (const Json::parse_error& error) {  // its text names line and column
    throw UserError(fmt::format("{}: {}", out.file, error.what()));
  }
  if (!json.is_object())
    throw UserError(fmt::format("{}: expected an object {{\"block\": number}}", out.file));
  for (const auto& [block, value] : json.items()) {
    if (!value.is_number() || value.get<double>() < 0) {
      throw UserError(fmt::format("{}: block '{}': expected a number of at least 0, got {}", out.file, block,
                                  value.dump()));
    }
    out.deviations[block] = value.get<double>();
  }
}

}  // namespace

Activations read_activations(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw UserError(fmt::format("{}: cannot be read", file));
  Activations out;
  out.file = file;
  if (file.ends_with(".json")) {
    read_json(in, out);
  } else {
    read_csv(in, out);
  }
  if (out.deviations.empty()) throw UserError(fmt::format("{}: no block", file));
  return out;
}

std::vector<std::string> least_first(const Activations& activations, const std::vector<std::string>& blocks) {
  for (const auto& [block, value] : activations.deviations) {
    if (std::find(blocks.begin(), blocks.end(), block) != blocks.end()) continue;
    const auto line = activations.lines.find(block);
    throw UserError(fmt::format("{}{}: the network has no block '{}' with Squeeze-and-Excitation{}",
                                activations.file,
                                line == activations.lines.end() ? "" : fmt::format(":{}", line->second),
                                block, suggestion(block, blocks)));
  }
  for (const std::string& block : blocks) {
    if (activations.deviations.count(block) == 0) {
      throw UserError(fmt::format("{}: block '{}' is missing", activations.file, block));
    }
  }
  std::vector<std::string> order = blocks;
  std::stable_sort(order.begin(), order.end(), [&](const std::string& a, const std::string& b) {
    return activations.deviations.at(a) < activations.deviations.at(b);
  });
  return order;
}

}  // namespace npusim::scale
