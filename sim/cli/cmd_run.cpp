// npusim run: a network on a chip, as a report.
#include <fmt/format.h>

#include <memory>

#include "hw_models/api/insight.h"
#include "hw_models/api/npu.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/cli/run_uncertain.h"
#include "sim/cli/surroundings.h"
#include "sim/trace/report.h"
#include "sim/trace/summary.h"

namespace npusim::cli {
namespace {

/// Lines of program text a layer in a page; `npusim compile --dump program` has all.
constexpr std::size_t kProgramLines = 200;

struct RunOptions {
  HardwareOptions hardware;
  NetworkOptions network;
  std::string dtype;
  std::string format = "summary";
  std::string output;
  std::string trace;
  std::string html;
  std::string kernel;
  std::string engines = "fast";
  bool check = false;
  SurroundingOptions surroundings;
  UncertaintyOptions uncertainty;
};

enum Format : std::size_t { kText, kJson, kCsv, kSummary };

std::string formatted(const trace::Report& report, std::size_t format) {
  if (format == kText) return trace::to_text(report);
  if (format == kJson) return trace::to_json(report);
  return format == kCsv ? trace::to_csv(report) : trace::to_summary(report);
}

/// Pictures and traces can be written, and there is one run to make them of.
void check_files(const RunOptions& options, bool several) {
  for (const auto& [option, path] : {std::pair("--trace", options.trace), std::pair("--html", options.html),
                                     std::pair("--dram-trace", options.surroundings.dram_trace)}) {
    check_writable(path);
    if (!several || path.empty()) continue;
    throw UserError(fmt::format("{}: expected one run, not one for each --corunner-load", option));
  }
}

void run(const RunOptions& options) {
  const std::size_t format = choose("--format", options.format, {"text", "json", "csv", "summary"});
  // Several runs have one text.
  const std::size_t of_several = format == kSummary ? kText : format;
  const std::size_t engines = choose("--engines", options.engines, {"fast", "clocked"});
  // Clocked engines live in global time.
  const std::string by_default = engines == 0 ? "run-ahead" : "systemc";
  const std::size_t kernel =
      choose("--kernel", options.kernel.empty() ? by_default : options.kernel, {"run-ahead", "systemc"});
  if (engines == 1 && kernel == 0) throw UserError("--engines clocked needs --kernel systemc");
  if (!is_helper(options.uncertainty.run)) check_writable(options.output);
  if (options.uncertainty.samples > 0) {
    return run_uncertain(options.uncertainty, options.hardware, options.network, options.dtype, of_several,
                         options.output);
  }
  const Config description = resolve(options.hardware);
  const ir::Graph graph = load(options.network);
  require_quantized(description, options.network, graph);

  hw::EvaluateOptions evaluate;
  evaluate.kernel = kernel == 0 ? kernel::KernelKind::run_ahead : kernel::KernelKind::systemc;
  evaluate.verify_program = options.check;
  evaluate.spans = !options.trace.empty() || !options.html.empty();
  trace::ProgramView view;
  if (evaluate.spans) {
    evaluate.inspect = [&view](const hw::Compiled& compiled) {
      view = trace::view_of(compiled.program, kProgramLines);
    };
  }
  const std::int64_t clock_hz = hw::make_npu(description)->machine().clock_hz;
  std::shared_ptr<std::vector<mem::TracedAccess>> dram_log;
  const auto report_at = [&](std::int64_t load) {
    hw::Surroundings around = surroundings_of(options.surroundings, clock_hz, load);
    around.dram_log = dram_log;
    hw::Evaluator evaluator(description, evaluate.kernel,
                            engines == 0 ? kernel::EngineKind::fast : kernel::EngineKind::clocked,
                            std::move(around));
    evaluate.dtype =
        choose_dtype(options.dtype, evaluator.npu().dtypes(), options.hardware.hw, ir::is_quantized(graph));
    return evaluator.evaluate(graph, evaluate);
  };
  const std::vector<std::int64_t> loads = corunner_loads(options.surroundings);
  check_files(options, !loads.empty());
  trace::Report report;
  {
    const Progress progress(fmt::format("simulating {} on {}", graph.name, options.hardware.hw));
    if (!loads.empty()) return write_output(options.output, latency_curve(loads, of_several, report_at));
    if (!options.surroundings.dram_trace.empty()) {
      dram_log = std::make_shared<std::vector<mem::TracedAccess>>();
    }
    report = report_at(100);
    if (dram_log) write_output(options.surroundings.dram_trace, trace_csv(std::move(*dram_log)));
    dram_log.reset();
    if (!report.corunners.empty()) report.alone_cycles = report_at(0).total_cycles;
    if (!options.html.empty()) {
      write_output(options.html,
                   look::run_page({&report, &view, hw::ceilings(*hw::make_npu(description), description),
                                   hw::what_ifs(description, graph, evaluate.dtype), NPUSIM_VERSION}));
    }
  }
  if (!options.trace.empty()) write_output(options.trace, trace::to_chrome_trace(report, view));
  write_output(options.output, formatted(report, format));
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "simulate a network on a chip");
  add_hardware_options(*command, options->hardware);
  add_network_options(*command, options->network);
  command->add_option("--dtype", options->dtype, "fp16, int8, ...; default: the chip's first")
      ->type_name("TYPE");
  command
      ->add_option("--format", options->format,
                   "summary, text (every engine and layer), json or csv; default: summary")
      ->type_name("FORMAT");
  command->add_option("-o,--output", options->output, "write the report here instead of standard output")
      ->type_name("FILE");
  command
      ->add_option(
          "--trace", options->trace,
          "write a trace for Perfetto: commands and stalls by engine, what waits for what, bandwidths, "
          "how full memories are")
      ->type_name("FILE");
  command
      ->add_option("--html", options->html,
                   "write a page with timeline, layers, roofline and what would help; opens in any browser")
      ->type_name("FILE");
  command
      ->add_option("--kernel", options->kernel,
                   "run-ahead, or systemc: every block its own process, slower, same cycles; default: "
                   "run-ahead, with clocked engines systemc")
      ->type_name("KIND");
  command
      ->add_option("--engines", options->engines,
                   "fast, or clocked: register-level twins edge by edge, far slower, same cycles")
      ->type_name("KIND");
  add_surrounding_options(*command, options->surroundings);
  command->add_flag("--check", options->check, "verify the compiled program before it runs");
  add_uncertainty_options(*command, options->uncertainty);
  command->callback([options] { run(*options); });
}

}  // namespace npusim::cli
