// npusim run: a network on a chip, as a report.
#include <fmt/format.h>

#include <memory>

#include "hw_models/api/npu.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/trace/report.h"

namespace npusim::cli {
namespace {

struct RunOptions {
  HardwareOptions hardware;
  NetworkOptions network;
  std::string dtype;
  std::string format = "text";
  std::string output;
  std::string trace;
  std::string kernel = "run-ahead";
  bool check = false;
};

void run(const RunOptions& options) {
  const std::size_t format = choose("--format", options.format, {"text", "json", "csv"});
  const std::size_t kernel = choose("--kernel", options.kernel, {"run-ahead", "systemc"});
  check_writable(options.output);
  check_writable(options.trace);
  const Config description = resolve(options.hardware);
  const ir::Graph graph = load(options.network);

  hw::EvaluateOptions evaluate;
  evaluate.kernel = kernel == 0 ? kernel::KernelKind::run_ahead : kernel::KernelKind::systemc;
  hw::Evaluator evaluator(description, evaluate.kernel);
  evaluate.dtype = choose_dtype(options.dtype, evaluator.npu().dtypes(), options.hardware.hw);
  evaluate.verify_program = options.check;
  evaluate.spans = !options.trace.empty();
  trace::Report report;
  {
    const Progress progress(fmt::format("simulating {} on {}", graph.name, options.hardware.hw));
    report = evaluator.evaluate(graph, evaluate);
  }
  if (!options.trace.empty()) write_output(options.trace, trace::to_chrome_trace(report));
  write_output(options.output, format == 0   ? trace::to_text(report)
                               : format == 1 ? trace::to_json(report)
                                             : trace::to_csv(report));
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "simulate a network on a chip");
  add_hardware_options(*command, options->hardware);
  add_network_options(*command, options->network);
  command->add_option("--dtype", options->dtype, "fp16, int8, ...; default: the chip's first")
      ->type_name("TYPE");
  command->add_option("--format", options->format, "text, json or csv; default: text")->type_name("FORMAT");
  command->add_option("-o,--output", options->output, "write the report here instead of standard output")
      ->type_name("FILE");
  command->add_option("--trace", options->trace, "write a Chrome trace, which Perfetto opens")
      ->type_name("FILE");
  command
      ->add_option("--kernel", options->kernel,
                   "run-ahead, or systemc: every block its own process, slower, same cycles")
      ->type_name("KIND");
  command->add_flag("--check", options->check, "verify the compiled program before it runs");
  command->callback([options] { run(*options); });
}

}  // namespace npusim::cli
