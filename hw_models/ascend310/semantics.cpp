#include "hw_models/ascend310/semantics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <string>

#include "sim/base/error.h"

namespace npusim::ascend310 {

namespace {

/// One named integer of a setting.
template <class T>
struct Field {
  const char* name;
  std::int64_t T::*member;
};

constexpr const char* kMadName = "mad";
constexpr Field<MadSetting> kMadFields[] = {{"accumulate", &MadSetting::accumulate}};

constexpr const char* kLoad2dName = "load2d";
constexpr Field<Load2dSetting> kLoad2dFields[] = {{"plane_lines", &Load2dSetting::plane_lines},
                                                  {"first_line", &Load2dSetting::first_line},
                                                  {"lines", &Load2dSetting::lines},
                                                  {"transpose", &Load2dSetting::transpose},
                                                  {"element_bytes", &Load2dSetting::element_bytes}};

constexpr const char* kLoad3dName = "load3d";
constexpr Field<Load3dSetting> kLoad3dFields[] = {{"height", &Load3dSetting::height},
                                                  {"width", &Load3dSetting::width},
                                                  {"first_row", &Load3dSetting::first_row},
                                                  {"rows", &Load3dSetting::rows},
                                                  {"row_step", &Load3dSetting::row_step},
                                                  {"first_column", &Load3dSetting::first_column},
                                                  {"columns", &Load3dSetting::columns},
                                                  {"kernel_h", &Load3dSetting::kernel_h},
                                                  {"kernel_w", &Load3dSetting::kernel_w},
                                                  {"stride_h", &Load3dSetting::stride_h},
                                                  {"stride_w", &Load3dSetting::stride_w},
                                                  {"dilation_h", &Load3dSetting::dilation_h},
                                                  {"dilation_w", &Load3dSetting::dilation_w},
                                                  {"input_dilation_h", &Load3dSetting::input_dilation_h},
                                                  {"input_dilation_w", &Load3dSetting::input_dilation_w},
                                                  {"pad_top", &Load3dSetting::pad_top},
                                                  {"pad_left", &Load3dSetting::pad_left},
                                                  {"out_width", &Load3dSetting::out_width},
                                                  {"first_pixel", &Load3dSetting::first_pixel},
                                                  {"pixels", &Load3dSetting::pixels},
                                                  {"first_tap", &Load3dSetting::first_tap},
                                                  {"pixel_bytes", &Load3dSetting::pixel_bytes},
                                                  {"stood_up", &Load3dSetting::stood_up}};

/// Values that differ from the default, in the fields' order.
template <class T, std::size_t N>
program::Setting encode(const char* name, const Field<T> (&fields)[N], const T& setting) {
  program::Setting out;
  out.name = name;
  const T standard;
  for (const auto& field : fields) {
    if (setting.*field.member != standard.*field.member) {
      out.values.emplace_back(field.name, std::to_string(setting.*field.member));
    }
  }
  return out;
}

std::int64_t integer(const std::string& name, const std::string& text) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) {
    throw InternalError(fmt::format("'{}={}' of a setting is no integer", name, text));
  }
  return value;
}

template <class T, std::size_t N>
T decode(const char* name, const Field<T> (&fields)[N], const program::Setting& setting) {
  if (setting.name != name) {
    throw InternalError(fmt::format("a setting '{}' where '{}' belongs", setting.name, name));
  }
  T out;
  for (const auto& [key, text] : setting.values) {
    const Field<T>* found = nullptr;
    for (const auto& field : fields) {
      if (key == field.name) found = &field;
    }
    if (found == nullptr) throw InternalError(fmt::format("setting '{}' has no value '{}'", name, key));
    out.*found->member = integer(key, text);
  }
  return out;
}

constexpr const char* kCopyOutName = "copy_out";
constexpr Field<CopyOutSetting> kCopyOutFields[] = {
    {"columns", &CopyOutSetting::columns},
    {"int8", &CopyOutSetting::int8},
    {"shift", &CopyOutSetting::shift},
    {"exponent", &CopyOutSetting::exponent},
    {"residual_exponent", &CopyOutSetting::residual_exponent}};
constexpr const char* kLaneName = "lanes";
constexpr std::array<const char*, 4> kLaneKinds = {"function", "convert", "transpose", "sum"};

double real(const std::string& text) {
  try {
    std::size_t end = 0;
    const double value = std::stod(text, &end);
    if (end == text.size()) return value;
  } catch (const std::exception&) {  // reported below
  }
  throw InternalError(fmt::format("'{}' of a setting is no number", text));
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

/// "function", "function:alpha:beta".
std::string function_text(const ir::ElementwiseAttrs& op) {
  if (op.alpha == 0 && op.beta == 0) return std::string(ir::to_string(op.function));
  return fmt::format("{}:{}:{}", ir::to_string(op.function), op.alpha, op.beta);
}

ir::ElementwiseAttrs function_of(const std::string& text) {
  const auto parts = split(text, ':');
  ir::ElementwiseAttrs op;
  for (int i = 0; i <= static_cast<int>(ir::Function::softplus); ++i) {
    op.function = static_cast<ir::Function>(i);
    if (parts.empty() || parts[0] != ir::to_string(op.function)) continue;
    if (parts.size() == 3) {
      op.alpha = real(parts[1]);
      op.beta = real(parts[2]);
    }
    return op;
  }
  throw InternalError(fmt::format("a setting's function '{}' is unknown", text));
}

void check_name(const program::Setting& setting, const char* name) {
  if (setting.name != name) {
    throw InternalError(fmt::format("a setting '{}' where '{}' belongs", setting.name, name));
  }
}

}  // namespace

program::Setting to_setting(const CopyOutSetting& setting) {
  program::Setting out;
  out.name = kCopyOutName;
  out.values.emplace_back("m", std::to_string(setting.m));
  out.values.emplace_back("pixels", fmt::format("{}", fmt::join(setting.pixels, "/")));
  if (setting.first_bias >= 0) out.values.emplace_back("first_bias", std::to_string(setting.first_bias));
  const CopyOutSetting standard;
  for (const auto& field : kCopyOutFields) {
    if (setting.*field.member != standard.*field.member) {
      out.values.emplace_back(field.name, std::to_string(setting.*field.member));
    }
  }
  for (const auto& step : setting.steps) {
    out.values.emplace_back(step.residual ? "with_residual" : "step", function_text(step.op));
    if (step.exponent != 0) out.values.emplace_back("step_exponent", std::to_string(step.exponent));
  }
  return out;
}

CopyOutSetting copy_out_setting(const program::Setting& setting) {
  check_name(setting, kCopyOutName);
  CopyOutSetting out;
  for (const auto& [key, text] : setting.values) {
    const Field<CopyOutSetting>* found = nullptr;
    for (const auto& field : kCopyOutFields) {
      if (key == field.name) found = &field;
    }
    if (found != nullptr) {
      out.*found->member = integer(key, text);
    } else if (key == "step_exponent" && !out.steps.empty()) {
      out.steps.back().exponent = integer(key, text);
    } else if (key == "m") {
      out.m = integer(key, text);
    } else if (key == "pixels") {
      for (const auto& part : split(text, '/')) out.pixels.push_back(integer(key, part));
    } else if (key == "first_bias") {
      out.first_bias = integer(key, text);
    } else if (key == "step" || key == "with_residual") {
      out.steps.push_back({function_of(text), key == "with_residual", 0});
    } else {
      throw InternalError(fmt::format("setting '{}' has no value '{}'", setting.name, key));
    }
  }
  return out;
}

program::Setting to_setting(const LaneSetting& setting) {
  program::Setting out;
  out.name = kLaneName;
  out.values.emplace_back("kind", kLaneKinds.at(static_cast<std::size_t>(setting.kind)));
  if (setting.kind == LaneSetting::Kind::function) {
    out.values.emplace_back("function", function_text(setting.op));
  }
  return out;
}

LaneSetting lane_setting(const program::Setting& setting) {
  check_name(setting, kLaneName);
  LaneSetting out;
  for (const auto& [key, text] : setting.values) {
    if (key == "function") {
      out.op = function_of(text);
      continue;
    }
    const auto* const kind = std::find(kLaneKinds.begin(), kLaneKinds.end(), text);
    if (key != "kind" || kind == kLaneKinds.end()) {
      throw InternalError(fmt::format("setting '{}' has no '{}={}'", setting.name, key, text));
    }
    out.kind = static_cast<LaneSetting::Kind>(kind - kLaneKinds.begin());
  }
  return out;
}

program::Setting to_setting(const MadSetting& setting) { return encode(kMadName, kMadFields, setting); }
program::Setting to_setting(const Load2dSetting& setting) {
  return encode(kLoad2dName, kLoad2dFields, setting);
}
program::Setting to_setting(const Load3dSetting& setting) {
  return encode(kLoad3dName, kLoad3dFields, setting);
}

MadSetting mad_setting(const program::Setting& setting) { return decode(kMadName, kMadFields, setting); }
Load2dSetting load2d_setting(const program::Setting& setting) {
  return decode(kLoad2dName, kLoad2dFields, setting);
}
Load3dSetting load3d_setting(const program::Setting& setting) {
  return decode(kLoad3dName, kLoad3dFields, setting);
}

void add_arguments(Load2dSetting& setting, const program::Command& command) {
  setting.plane_lines += command.args[2];
  setting.first_line += command.args[3];
  setting.lines += command.args[4];
}

void add_arguments(Load3dSetting& setting, const program::Command& command) {
  setting.first_row += command.args[4];
  setting.rows += command.args[5];
  setting.first_pixel += command.args[6];
  setting.pixels += command.args[7];
  setting.first_tap += command.args[8];
}

Load2dSetting load2d_geometry(const program::Setting& setting, const program::Command& command) {
  Load2dSetting out = load2d_setting(setting);
  add_arguments(out, command);
  return out;
}

Load3dSetting load3d_geometry(const program::Setting& setting, const program::Command& command) {
  Load3dSetting out = load3d_setting(setting);
  add_arguments(out, command);
  return out;
}

const program::Setting* setting_of(const program::Program& program, const program::Command& command) {
  return command.setting == program::kNoSetting ? nullptr : &program.settings.at(command.setting);
}

}  // namespace npusim::ascend310
