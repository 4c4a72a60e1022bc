#include "hw_models/vpu/workload_setting.h"

#include <charconv>
#include <string>

#include "sim/base/error.h"

namespace npusim::vpu {

namespace {

constexpr const char* kName = "workload";

/// Visits every number of a setting (const or not) with its name.
template <class S, class F>
void for_each_number(S& s, F&& visit) {
  visit("in_w", s.in_w), visit("in_h", s.in_h), visit("in_c", s.in_c);
  visit("kernel_w", s.kernel_w), visit("kernel_h", s.kernel_h);
  visit("stride_w", s.stride_w), visit("stride_h", s.stride_h);
  visit("dilation_w", s.dilation_w), visit("dilation_h", s.dilation_h);
  visit("left", s.left), visit("top", s.top);
  visit("maximum", s.maximum), visit("shift", s.shift), visit("relu", s.relu);
}

}  // namespace

program::Setting to_setting(const WorkloadSetting& setting) {
  program::Setting out;
  out.name = kName;
  for_each_number(setting, [&](const char* name, std::int64_t value) {
    out.values.emplace_back(name, std::to_string(value));
  });
  return out;
}

WorkloadSetting from_setting(const program::Setting& setting) {
  ensure(setting.name == kName, "a DPU's commands have its setting");
  WorkloadSetting out;
  for (const auto& [name, text] : setting.values) {
    bool known = false;
    const std::string& wanted = name;
    const std::string& digits = text;
    for_each_number(out, [&](const char* field, std::int64_t& value) {
      if (wanted != field) return;
      const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      known = result.ec == std::errc{} && result.ptr == digits.data() + digits.size();
    });
    ensure(known, "a workload's setting holds numbers of known names");
  }
  return out;
}

}  // namespace npusim::vpu
