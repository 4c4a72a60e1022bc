// The explicit list of chips. Adding one is a folder and a line here.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "hw_models/api/npu.h"
#include "hw_models/ascend310/npu.h"
#include "hw_models/edgetpu/npu.h"
#include "hw_models/midap/npu.h"
#include "hw_models/vpu/npu.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"
#include "sim/mem/memory.h"

namespace npusim::hw {

namespace {

struct Entry {
  const char* name;                                    ///< as the command line has it
  std::string_view (*description)();                   ///< its YAML
  std::unique_ptr<Npu> (*make)(const Config& config);  ///< by the description's `chip` key
};

const std::vector<Entry>& catalog() {
  static const std::vector<Entry> entries = {
      {"ascend310", ascend310::description, ascend310::make},
      {"midap", midap::description, midap::make},
      {"midap-lpddr4", midap::lpddr4_description, midap::make},
      {"edgetpu-coral-usb", edgetpu::coral_usb, edgetpu::make},
      {"edgetpu-coral-usb-250mhz", edgetpu::coral_usb_250mhz, edgetpu::make},
      {"edgetpu-coral-pcie", edgetpu::coral_pcie, edgetpu::make},
      {"edgetpu-pixel4", edgetpu::pixel4, edgetpu::make},
      {"edgetpu-v1", edgetpu::v1, edgetpu::make},
      {"edgetpu-v2", edgetpu::v2, edgetpu::make},
      {"edgetpu-v3", edgetpu::v3, edgetpu::make},
      {"vpu-keembay", vpu::keembay_description, vpu::make},
      {"vpu-meteorlake", vpu::meteorlake_description, vpu::make},
      {"vpu-lunarlake", vpu::lunarlake_description, vpu::make}};
  return entries;
}

Config built_in(const std::string& name);

/// `own` on top of the built-in description that it extends, if it does.
Config extended(const Config& own) {
  if (!own.has("extends")) return own;
  Config base = built_in(own.text("extends"));
  base.merge(own);
  base.erase("extends");
  return base;
}

Config built_in(const std::string& name) {
  for (const auto& entry : catalog()) {
    if (name == entry.name) return extended(Config::parse(entry.description(), name + ".yaml"));
  }
  throw UserError(fmt::format("unknown chip '{}'{}; built-in chips: {}", name, suggestion(name, chip_names()),
                              fmt::join(chip_names(), ", ")));
}

}  // namespace

std::vector<std::string> chip_names() {
  std::vector<std::string> names;
  for (const auto& entry : catalog()) names.emplace_back(entry.name);
  return names;
}

Config describe(const std::string& name_or_file, const std::vector<std::string>& overrides) {
  const bool file = name_or_file.find('/') != std::string::npos || name_or_file.ends_with(".yaml") ||
                    name_or_file.ends_with(".yml");
  Config config = file ? extended(Config::load(name_or_file)) : built_in(name_or_file);
  for (const auto& override_text : overrides) config.set(override_text);
  return config;
}

std::string hardware_hash(const Config& description) {
  std::string text = description.canonical();
  const std::string key = "dram.model";
  if (description.has(key)) {
    // A chip may also name a formula of its own, all of whose numbers are in the description.
    const std::string model = description.text(key);
    const auto tables = mem::dram_tables();
    if (model.ends_with(".yaml") || std::find(tables.begin(), tables.end(), model) != tables.end()) {
      text += mem::dram_table(model, description.where(key)).canonical();
    }
  }
  return hex_hash(text);
}

std::unique_ptr<Npu> make_npu(const Config& description) {
  const std::string chip = description.choice("chip", chip_names());
  const auto& entries = catalog();
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return chip == entry.name; });
  return found->make(description);
}

}  // namespace npusim::hw
