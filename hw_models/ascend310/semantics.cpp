#include "hw_models/ascend310/semantics.h"

#include <fmt/format.h>

#include <charconv>
#include <span>

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
                                                  {"first_tap", &Load3dSetting::first_tap}};

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

}  // namespace

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

const program::Setting* setting_of(const program::Program& program, const program::Command& command) {
  return command.setting == program::kNoSetting ? nullptr : &program.settings.at(command.setting);
}

}  // namespace npusim::ascend310
