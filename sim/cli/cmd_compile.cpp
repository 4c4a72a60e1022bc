// npusim compile: what the chip would execute, as text.
#include <fmt/format.h>

#include <memory>

#include "hw_models/api/npu.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/program/program.h"
#include "workloads/passes/passes.h"

namespace npusim::cli {
namespace {

struct CompileCommand {
  HardwareOptions hardware;
  NetworkOptions network;
  std::string dtype;
  std::string dump = "program";
  std::string output;
  bool check = false;
};

void compile(const CompileCommand& options) {
  const std::size_t dump = choose("--dump", options.dump, {"graph", "program"});
  check_writable(options.output);
  const std::unique_ptr<hw::Npu> npu = hw::make_npu(resolve(options.hardware));
  const ir::Graph graph = passes::run_pipeline(load(options.network));
  if (dump == 0) {
    write_output(options.output, ir::print(graph));
    return;
  }
  hw::CompileOptions how;
  how.dtype = choose_dtype(options.dtype, npu->dtypes(), options.hardware.hw, ir::is_quantized(graph));
  const Progress progress(fmt::format("compiling {} for {}", graph.name, options.hardware.hw));
  const hw::Compiled compiled = npu->compile(graph, how);
  if (options.check) program::verify(compiled.program);
  write_output(options.output, program::print(compiled.program));
}

}  // namespace

void add_compile(CLI::App& app) {
  auto options = std::make_shared<CompileCommand>();
  CLI::App* command = app.add_subcommand("compile", "compile a network for a chip and print the result");
  add_hardware_options(*command, options->hardware);
  add_network_options(*command, options->network);
  command->add_option("--dtype", options->dtype, "fp16, int8, ...; default: the chip's first")
      ->type_name("TYPE");
  command->add_option("--dump", options->dump, "graph (after the passes) or program; default: program")
      ->type_name("WHAT");
  command->add_option("-o,--output", options->output, "write here instead of standard output")
      ->type_name("FILE");
  command->add_flag("--check", options->check, "verify the program");
  command->callback([options] { compile(*options); });
}

}  // namespace npusim::cli
