#include <charconv>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "hw_models/edgetpu/opcodes.h"
#include "sim/base/error.h"

namespace npusim::edgetpu {

namespace {

constexpr std::string_view kName = "phase";
constexpr std::string_view kWorks[] = {"count",    "input",        "conv", "depthwise", "product",
                                       "max_pool", "average_pool", "add",  "subtract",  "multiply",
                                       "minimum",  "maximum",      "move"};

/// Visits every number of a setting (const or not) with its name.
template <class S, class F>
void for_each_number(S& s, F&& visit) {
  visit("in_h", s.in_h), visit("in_w", s.in_w), visit("in_c", s.in_c);
  visit("in_address", s.in_address), visit("in_width", s.in_width);
  visit("other_address", s.other_address), visit("other_width", s.other_width);
  visit("out_h", s.out_h), visit("out_w", s.out_w), visit("out_c", s.out_c);
  visit("out_address", s.out_address), visit("out_width", s.out_width);
  visit("kh", s.kh), visit("kw", s.kw), visit("stride_h", s.stride_h), visit("stride_w", s.stride_w);
  visit("dilation_h", s.dilation_h), visit("dilation_w", s.dilation_w);
  visit("top", s.top), visit("left", s.left);
  visit("border_address", s.border_address), visit("above", s.above), visit("below", s.below);
  visit("before", s.before), visit("behind", s.behind), visit("border_rows", s.border_rows);
  visit("gathered", s.gathered), visit("kernels", s.kernels), visit("fill_rows", s.fill_rows);
  visit("fills", s.fills), visit("buffers", s.buffers), visit("outputs", s.outputs);
  visit("sums_address", s.sums_address), visit("word_steps", s.word_steps), visit("divisor", s.divisor);
  visit("in_exponent", s.in_exponent), visit("other_exponent", s.other_exponent);
  visit("out_exponent", s.out_exponent), visit("shift", s.shift), visit("low", s.low), visit("high", s.high);
}

std::int64_t number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  ensure(result.ec == std::errc{} && result.ptr == text.data() + text.size(),
         "a phase setting holds numbers");
  return value;
}

}  // namespace

program::Setting to_setting(const PhaseSetting& setting) {
  program::Setting out;
  out.name = kName;
  out.values.emplace_back("work", kWorks[static_cast<std::size_t>(setting.work)]);
  const PhaseSetting usual;
  std::vector<std::int64_t> defaults;
  for_each_number(usual, [&](const char*, std::int64_t value) { defaults.push_back(value); });
  std::size_t i = 0;
  for_each_number(setting, [&](const char* name, std::int64_t value) {
    if (value != defaults[i++]) out.values.emplace_back(name, std::to_string(value));
  });
  return out;
}

PhaseSetting from_setting(const program::Setting& setting) {
  ensure(setting.name == kName, "the tiles' commands have their phase's setting");
  PhaseSetting out;
  for (const auto& [name, text] : setting.values) {
    bool known = false;
    const std::string_view wanted = name;
    if (wanted == "work") {
      std::size_t work = 0;
      while (work < std::size(kWorks) && kWorks[work] != text) ++work;
      ensure(work < std::size(kWorks), "a phase setting names its work");
      out.work = static_cast<Work>(work);
      continue;
    }
    const std::string_view number = text;
    for_each_number(out, [&](const char* field, std::int64_t& value) {
      if (wanted != field) return;
      value = number_of(number);
      known = true;
    });
    ensure(known, "a phase setting has known names");
  }
  return out;
}

}  // namespace npusim::edgetpu
