#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "hw_models/api/npu.h"
#include "nas/space/space.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "workloads/formats/formats.h"
#include "workloads/zoo/zoo.h"

namespace npusim::cli {
namespace fs = std::filesystem;

void add_hardware_options(CLI::App& command, HardwareOptions& options) {
  command.add_option("--hw", options.hw, "chip: a built-in name (npusim hw list) or a YAML file")
      ->type_name("CHIP");
  command
      .add_option("--set", options.overrides, "override one key of the chip's description; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_flag_callback(
      "--allow-return", [&options] { options.overrides.emplace_back("mapping.allow_return=true"); },
      "come back to the chip behind operators that it lacks (Edge TPU)");
  command.add_flag_callback(
      "--assume-int8", [&options] { options.overrides.emplace_back("mapping.assume_int8=true"); },
      "take a floating-point network as if quantised (Edge TPU)");
}

Config resolve(const HardwareOptions& options) {
  if (options.hw.empty()) {
    throw UserError(
        fmt::format("--hw is missing: a YAML file or one of {}", fmt::join(hw::chip_names(), ", ")));
  }
  return hw::describe(options.hw, options.overrides);
}

void add_shape_options(CLI::App& command, std::int64_t& batch, std::vector<std::string>& dims) {
  command.add_option("--batch", batch, "batch size; default: each network's own")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}));
  command.add_option("--dim", dims, "value of a symbolic dimension; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

void add_network_options(CLI::App& command, NetworkOptions& options) {
  command
      .add_option("network", options.network,
                  "an ONNX or TFLite file, or a built-in network (npusim nets list)")
      ->required()
      ->type_name("NETWORK");
  add_shape_options(command, options.batch, options.dims);
}

namespace {

/// "sequence=128" as {"sequence", 128}.
std::pair<std::string, std::int64_t> parse_dim(const std::string& text) {
  const auto equals = text.find('=');
  std::int64_t value = 0;
  if (equals != std::string::npos && equals > 0) {
    const char* const end = text.data() + text.size();
    const auto [stop, status] = std::from_chars(text.data() + equals + 1, end, value);
    if (status == std::errc() && stop == end && value >= 1) return {text.substr(0, equals), value};
  }
  throw UserError(
      fmt::format("--dim {}: expected NAME=VALUE with a value of at least 1, such as sequence=128", text));
}

/// What a name that is no file may have been meant to be: a network, or what stands before a colon.
std::string nearest_network(const std::string& name) {
  std::vector<std::string> names;
  const std::size_t colon = name.find(':');
  if (colon != std::string::npos) {
    for (const auto& entry : zoo::parametric_networks()) names.push_back(entry.prefix);
    for (const auto& entry : space::spaces()) names.push_back(entry.name);
    return suggestion(name.substr(0, std::min(colon, name.find('@'))), names);
  }
  for (const auto& entry : zoo::networks()) names.push_back(entry.name);
  return suggestion(fs::path(name).stem().string(), names);
}

}  // namespace

bool is_generated(const NetworkOptions& options) {
  return zoo::is_network(options.network) || space::is_network(options.network);
}

ir::Graph load(const NetworkOptions& options) {
  if (is_generated(options)) {
    if (!options.dims.empty()) {
      throw UserError(fmt::format("--dim {}: the built-in network '{}' has no symbolic dimension",
                                  options.dims.front(), options.network));
    }
    const std::int64_t batch = options.batch == 0 ? 1 : options.batch;
    return zoo::is_network(options.network) ? zoo::build(options.network, batch)
                                            : space::build(options.network, batch);
  }
  std::error_code ignored;
  if (!fs::exists(options.network, ignored)) {
    throw UserError(fmt::format("{}: neither a file nor a built-in network{}", options.network,
                                nearest_network(options.network)));
  }
  importing::ImportOptions import;
  if (options.batch != 0) import.batch = options.batch;
  for (const auto& dim : options.dims) import.dims.insert(parse_dim(dim));
  return formats::import_network(options.network, import);
}

std::size_t choose(const std::string& option, const std::string& value,
                   const std::vector<std::string>& choices) {
  const auto found = std::find(choices.begin(), choices.end(), value);
  if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  throw UserError(fmt::format("{}: '{}' is none of {}{}", option, value, fmt::join(choices, ", "),
                              suggestion(value, choices)));
}

ir::DType choose_dtype(const std::string& name, const std::vector<ir::DType>& supported,
                       const std::string& chip, bool quantized) {
  ensure(!supported.empty(), "a chip that computes in at least one type");
  const bool int8 = std::find(supported.begin(), supported.end(), ir::DType::i8) != supported.end();
  if (name.empty()) return quantized && int8 ? ir::DType::i8 : supported.front();
  std::vector<std::string> names;
  for (const ir::DType type : supported) names.emplace_back(ir::to_string(type));
  return supported[choose(fmt::format("--dtype on {}", chip), name, names)];
}

void require_quantized(const Config& description, const NetworkOptions& options, const ir::Graph& graph) {
  const std::string key = "mapping.assume_int8";
  if (!description.has(key) || description.boolean(key)) return;
  if (is_generated(options) || ir::is_quantized(graph)) return;
  throw UserError(fmt::format(
      "{}: the network computes in floating point, {} in int8 only: expected a quantised network, "
      "or --assume-int8, which takes it as if quantised by tensor",
      options.network, description.text("chip")));
}

}  // namespace npusim::cli
