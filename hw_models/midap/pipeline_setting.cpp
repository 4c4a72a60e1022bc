#include <fmt/format.h>

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "hw_models/midap/opcodes.h"
#include "sim/base/error.h"

namespace npusim::midap {

namespace {

constexpr std::string_view kName = "pipeline";
constexpr std::string_view kWorks[] = {"conv",         "gemm", "depthwise", "max_pool",
                                       "average_pool", "sum",  "product"};

/// Visits every number of a setting (const or not) with its name.
template <class S, class F>
void for_each_number(S& s, F&& visit) {
  visit("in_w", s.in_w), visit("in_h", s.in_h), visit("in_c", s.in_c);
  visit("scale_w", s.scale_w), visit("scale_h", s.scale_h), visit("zeros", s.zeros), visit("crop", s.crop);
  visit("kw", s.kw), visit("kh", s.kh), visit("stride_w", s.stride_w), visit("stride_h", s.stride_h);
  visit("dilation_w", s.dilation_w), visit("dilation_h", s.dilation_h);
  visit("left", s.left), visit("top", s.top), visit("first", s.first), visit("last", s.last);
  visit("rows", s.rows), visit("filters", s.filters), visit("conv_groups", s.conv_groups);
  visit("group_depth", s.group_depth), visit("own_c", s.own_c), visit("filter_bytes", s.filter_bytes);
  visit("broadcast", s.broadcast), visit("map_h", s.map_h), visit("map_c", s.map_c);
  visit("z_begin", s.z_begin), visit("z_end", s.z_end), visit("x_begin", s.x_begin);
  visit("own_w", s.own_w), visit("reverse", s.reverse), visit("bias", s.bias), visit("reduce", s.reduce);
  visit("bias_shift", s.bias_shift), visit("shift", s.shift), visit("relu", s.relu);
}

std::string text_of(const std::vector<BankPiece>& pieces) {
  std::string text;
  for (const auto& piece : pieces) {
    text += fmt::format("{}{}:{}:{}", text.empty() ? "" : ";", piece.bank, piece.head, piece.tail);
  }
  return text.empty() ? "none" : text;
}

std::int64_t take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  ensure(result.ec == std::errc{}, "a pipeline setting holds numbers");
  text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
  if (!text.empty()) text.remove_prefix(1);
  return value;
}

std::vector<BankPiece> pieces_of(std::string_view text) {
  std::vector<BankPiece> pieces;
  while (!text.empty() && text != "none") {
    BankPiece piece;
    piece.bank = take_number(text);
    piece.head = take_number(text);
    piece.tail = take_number(text);
    pieces.push_back(piece);
  }
  return pieces;
}

}  // namespace

program::Setting to_setting(const PipelineSetting& setting) {
  program::Setting out;
  out.name = kName;
  out.values.emplace_back("work", kWorks[static_cast<std::size_t>(setting.work)]);
  const PipelineSetting usual;
  std::vector<std::int64_t> defaults;
  for_each_number(usual, [&](const char*, std::int64_t value) { defaults.push_back(value); });
  std::size_t i = 0;
  for_each_number(setting, [&](const char* name, std::int64_t value) {
    if (value != defaults[i++]) out.values.emplace_back(name, std::to_string(value));
  });
  out.values.emplace_back("pieces", text_of(setting.pieces));
  out.values.emplace_back("outputs", text_of(setting.outputs));
  return out;
}

PipelineSetting from_setting(const program::Setting& setting) {
  ensure(setting.name == kName, "the pipeline's commands have its setting");
  PipelineSetting out;
  for (const auto& [name, text] : setting.values) {
    bool known = true;
    if (name == "work") {
      std::size_t work = 0;
      while (work < std::size(kWorks) && kWorks[work] != text) ++work;
      ensure(work < std::size(kWorks), "a pipeline setting names what the CIMs do");
      out.work = static_cast<Work>(work);
    } else if (name == "pieces") {
      out.pieces = pieces_of(text);
    } else if (name == "outputs") {
      out.outputs = pieces_of(text);
    } else {
      known = false;
      const std::string_view wanted = name;
      std::string_view number = text;
      for_each_number(out, [&](const char* field, std::int64_t& value) {
        if (wanted != field) return;
        value = take_number(number);
        known = true;
      });
    }
    ensure(known, "a pipeline setting has known names");
  }
  return out;
}

}  // namespace npusim::midap
