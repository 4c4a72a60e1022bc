// The subcommands, one cmd_*.cpp each, and the options that several of them share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/config.h"
#include "workloads/ir/graph.h"

namespace npusim::cli {

void add_run(CLI::App& app);
void add_compile(CLI::App& app);
void add_op(CLI::App& app);
void add_verify(CLI::App& app);
void add_hw(CLI::App& app);
void add_nets(CLI::App& app);
void add_dram(CLI::App& app);
void add_sweep(CLI::App& app);
void add_store(CLI::App& app);
void add_spaces(CLI::App& app);
void add_table(CLI::App& app);
void add_calibrate(CLI::App& app);
void add_diff(CLI::App& app);
void add_report(CLI::App& app);
void add_search(CLI::App& app);
void add_scale(CLI::App& app);
void add_fit(CLI::App& app);
void add_predict(CLI::App& app);
void add_mem(CLI::App& app);

/// --hw and --set.
struct HardwareOptions {
  std::string hw;
  std::vector<std::string> overrides;
};
void add_hardware_options(CLI::App& command, HardwareOptions& options);
/// The resolved description. Throws UserError for unknown chips, files and keys.
Config resolve(const HardwareOptions& options);

/// The network argument, --batch and --dim.
struct NetworkOptions {
  std::string network;
  std::int64_t batch = 0;  ///< 0: the network's own
  std::vector<std::string> dims;
};
void add_network_options(CLI::App& command, NetworkOptions& options);
/// --batch and --dim alone, of commands that take several networks.
void add_shape_options(CLI::App& command, std::int64_t& batch, std::vector<std::string>& dims);
/// True when npusim generates the network: one of the zoo, or "<space>:<encoding>".
bool is_generated(const NetworkOptions& options);
/// Generates the built-in network of that name, or imports the ONNX or TFLite file. Throws UserError naming
/// the nearest built-in network when there is neither.
ir::Graph load(const NetworkOptions& options);

/// `value` as one of `choices`' index. Throws UserError "option: 'value' is none of a, b, c" with the
/// nearest.
std::size_t choose(const std::string& option, const std::string& value,
                   const std::vector<std::string>& choices);

/// The chip's type of that name; for "" its default one, or int8 where the chip has it and the network is
/// quantised (ir::is_quantized). Throws UserError listing the chip's types.
ir::DType choose_dtype(const std::string& name, const std::vector<ir::DType>& supported,
                       const std::string& chip, bool quantized = false);
/// Throws UserError, offering --assume-int8, when a file's network computes in floating point and the chip's
/// description has `mapping.assume_int8: false`: its figures would be those of another network.
void require_quantized(const Config& description, const NetworkOptions& options, const ir::Graph& graph);

}  // namespace npusim::cli
