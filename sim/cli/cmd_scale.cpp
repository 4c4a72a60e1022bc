// npusim scale: a network made larger or smaller to a latency, and finished.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "hw_models/api/npu.h"
#include "nas/scale/compound.h"
#include "nas/scale/output.h"
#include "nas/space/space.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"

namespace npusim::cli {
namespace fs = std::filesystem;
namespace {

struct ScaleCommand {
  HardwareOptions hardware;
  NetworkOptions network;
  std::string dtype;
  std::string how = "compound";
  std::optional<double> latency_ms;
  std::vector<double> coefficients;
  std::optional<std::int64_t> divisor;
  search::EvaluatorOptions evaluator;
  std::string output;
  bool weights = false;
  std::int64_t workers = 0;
  std::string store;
  bool no_store = false;
};

void make_folder(const std::string& folder) {
  if (folder.empty()) throw UserError("-o is missing: the folder for the networks and their reports");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw UserError(fmt::format("{}: cannot be created: {}", folder, error.message()));
  check_writable((fs::path(folder) / "scale.json").string());
}

search::SearchChip chip_of(const ScaleCommand& command) {
  const Config description = resolve(command.hardware);
  search::SearchChip chip;
  chip.name = description.raw("chip");
  chip.dtype = choose_dtype(command.dtype, hw::make_npu(description)->dtypes(), chip.name);
  chip.hash = hw::hardware_hash(description);
  chip.description = std::make_shared<const Config>(description);
  return chip;
}

scale::CompoundRule rule_of(const ScaleCommand& command, const scale::Scalable& network) {
  scale::CompoundRule rule =
      command.how == "s3nas" ? scale::s3nas_rule(network.fixed()) : scale::efficientnet_rule(network.fixed());
  if (!command.coefficients.empty()) {
    const std::vector<double>& c = command.coefficients;
    if (c[0] <= 1 && c[1] <= 1 && c[2] <= 1) {
      throw UserError("--coefficients: expected one of depth, width and image above 1");
    }
    rule.families = {{c[0], c[1], c[2]}};
  }
  return rule;
}

void run(ScaleCommand command) {
  const std::vector<std::string> methods{"compound", "s3nas"};
  static_cast<void>(choose("--how", command.how, methods));
  const search::SearchChip chip = chip_of(command);
  const std::unique_ptr<scale::Scalable> network = scale::scalable_of_space(command.network.network);
  if (network == nullptr) throw UserError(fmt::format("{}: no stages", command.network.network));
  make_folder(command.output);
  scale::BenchOptions how;
  how.chip = chip;
  how.workers = command.workers > 0 ? static_cast<std::size_t>(command.workers)
                                    : std::max(1U, std::thread::hardware_concurrency());
  how.version = jobs::version_text(NPUSIM_VERSION);
  how.divisor = command.divisor.value_or(command.how == "s3nas" ? 16 : 8);
  command.evaluator.workers = how.workers;
  command.evaluator.command.folder = (fs::path(command.output) / "candidates").string();
  const std::unique_ptr<search::Evaluator> evaluator = search::make_evaluator(command.evaluator, nullptr);
  std::optional<jobs::Store> store;
  if (!command.no_store) {
    store.emplace(command.store.empty() ? jobs::default_store_path() : command.store);
    how.store = &*store;
  }
  scale::Bench bench(*network, *evaluator, how);
  const scale::Scaled scaled =
      scale::scale_compound(bench, rule_of(command, *network), command.latency_ms.value());
  const scale::Identity identity{command.network.network, command.how,          *command.latency_ms,
                                 evaluator->name(),       evaluator->measure(), command.evaluator.seed,
                                 NPUSIM_VERSION};
  scale::write_scaled(command.output, identity, bench, scaled, command.weights);
  write_output("", scale::scaled_text(identity, bench, scaled) +
                       fmt::format("\n{} simulations ({} run now)\n", bench.simulations(), bench.run()));
}

}  // namespace

void add_scale(CLI::App& app) {
  auto command = std::make_shared<ScaleCommand>();
  CLI::App* sub = app.add_subcommand("scale", "make a network larger or smaller to a latency, and finish it");
  add_hardware_options(*sub, command->hardware);
  sub->add_option("network", command->network.network,
                  "<space>:<encoding> (npusim spaces), an ONNX or TFLite file, or a built-in network")
      ->required()
      ->type_name("NETWORK");
  sub->add_option("--dtype", command->dtype, "fp16, int8, ...; default: the chip's first")->type_name("TYPE");
  sub->add_option("--how", command->how, "compound (EfficientNet), s3nas; default: compound")
      ->type_name("HOW");
  sub->add_option("--latency-ms", command->latency_ms, "the target: longest latency")
      ->type_name("MS")
      ->check(CLI::PositiveNumber);
  sub->add_option("--coefficients", command->coefficients,
                  "of depth, width and image, such as 1.2,1.1,1.15, instead of a grid")
      ->type_name("D,W,I")
      ->delimiter(',')
      ->expected(3)
      ->check(CLI::Range(0.5, 4.0));
  sub->add_option("--divisor", command->divisor,
                  "channels are multiples of this; default: 8, with --how s3nas 16")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1024}));
  sub->add_option("--evaluator", command->evaluator.kind,
                  "who judges variants: proxy:synflow, proxy:naswot, proxy:params, proxy:macs (data-free), "
                  "command:PROGRAM (docs/search.md); default: proxy:synflow")
      ->type_name("KIND");
  sub->add_option("--seed", command->evaluator.seed, "of proxies; default: 1")->type_name("S");
  sub->add_option("-o,--output", command->output, "folder for scale.json, scale.csv, ONNX, reports")
      ->type_name("DIR");
  sub->add_flag("--weights", command->weights, "embed random weights in the ONNX files");
  sub->add_option("-j,--jobs", command->workers, "worker processes; default: one a core")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{4096}));
  auto* store =
      sub->add_option(
             "--store", command->store,
             "file that keeps simulations and scores; default: npusim/results.db in the cache folder")
          ->type_name("FILE");
  sub->add_flag("--no-store", command->no_store, "neither reuse nor keep results")->excludes(store);
  sub->callback([command] { run(*command); });
}

}  // namespace npusim::cli
