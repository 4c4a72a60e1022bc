// npusim hw: the chips and their descriptions.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "hw_models/api/npu.h"
#include "sim/base/config.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/cli/yaml_text.h"
#include "sim/trace/format.h"

namespace npusim::cli {
namespace {

std::string dtype_list(const hw::Npu& npu) {
  std::vector<std::string> names;
  for (const ir::DType type : npu.dtypes()) names.emplace_back(ir::to_string(type));
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Peak tera-operations a second by type, a multiply-accumulate being two.
std::string peak_tops(const hw::Npu& npu) {
  std::vector<std::string> peaks;
  for (const ir::DType type : npu.dtypes()) {
    peaks.push_back(fmt::format(
        "{:.1f}", 2 * npu.peak_macs_per_cycle(type) * static_cast<double>(npu.machine().clock_hz) / 1e12));
  }
  return fmt::format("{}", fmt::join(peaks, ", "));
}

/// "lpddr4x-3200, 8 channels, 51.2 GB/s": the peak of the data buses; of a chip without DRAM its link.
std::string memory(const Config& description, const mem::MemorySpec& spec) {
  if (spec.make) return description.text("dram.model");
  if (!description.has("dram.model")) {
    return spec.links.empty() ? "none" : fmt::format("none; {} to the host", spec.links[0].name);
  }
  const auto& timing = spec.dram.timing;
  const double bytes_per_second =
      static_cast<double>(timing.burst_bytes * spec.dram.channels * timing.clock_hz) /
      static_cast<double>(timing.burst_clocks);
  return fmt::format("{}, {} channels, {}", timing.standard, spec.dram.channels,
                     trace::si(bytes_per_second, "B/s"));
}

void list() {
  using trace::Table;
  Table table({{"chip", Table::Align::left},
               {"clock MHz"},
               {"types", Table::Align::left},
               {"peak TOPS", Table::Align::left},
               {"DRAM", Table::Align::left}});
  for (const auto& name : hw::chip_names()) {
    const Config description = hw::describe(name);
    const std::unique_ptr<hw::Npu> npu = hw::make_npu(description);
    table.row({name, fmt::format("{:.0f}", static_cast<double>(npu->machine().clock_hz) / 1e6),
               dtype_list(*npu), peak_tops(*npu), memory(description, npu->machine().memory)});
  }
  write_output("", table.text(kAnyWidth));
}

void show(const HardwareOptions& options, const std::string& output) {
  check_writable(output);
  const Config description = resolve(options);
  hw::make_npu(description);  // refuses impossible values
  write_output(output, fmt::format("# {}, description {}\n{}", options.hw, hw::hardware_hash(description),
                                   yaml_text(description)));
}

void check(const std::string& file) {
  if (!std::filesystem::exists(file)) throw UserError(fmt::format("{}: no such file", file));
  // A name without a folder or an extension would be a built-in chip's.
  const bool bare = file.find('/') == std::string::npos && std::filesystem::path(file).extension().empty();
  const Config description = hw::describe(bare ? "./" + file : file);
  const std::unique_ptr<hw::Npu> npu = hw::make_npu(description);
  write_output("", fmt::format("{}: ok, a {} with description {}\n", file, npu->target().chip,
                               hw::hardware_hash(description)));
}

}  // namespace

void add_hw(CLI::App& app) {
  CLI::App* hw = app.add_subcommand("hw", "the chips and their descriptions");
  hw->require_subcommand(1);
  hw->add_subcommand("list", "the built-in chips")->callback(list);

  struct ShowCommand {
    HardwareOptions hardware;
    std::string output;
  };
  auto options = std::make_shared<ShowCommand>();
  CLI::App* shown = hw->add_subcommand("show", "a resolved description, each value with its source");
  shown->add_option("chip", options->hardware.hw, "a built-in name or a YAML file")
      ->required()
      ->type_name("CHIP");
  shown->add_option("--set", options->hardware.overrides, "override one key; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  shown->add_option("-o,--output", options->output, "write here instead of standard output")
      ->type_name("FILE");
  shown->callback([options] { show(options->hardware, options->output); });

  auto file = std::make_shared<std::string>();
  CLI::App* checked = hw->add_subcommand("check", "is this YAML a valid description?");
  checked->add_option("file", *file, "a YAML file; it may say 'extends: ascend310'")
      ->required()
      ->type_name("FILE");
  checked->callback([file] { check(*file); });
}

}  // namespace npusim::cli
