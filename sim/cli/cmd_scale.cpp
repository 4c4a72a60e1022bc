// npusim scale: a network made larger or smaller to a latency, and finished.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>

#include "hw_models/api/npu.h"
#include "nas/scale/compound.h"
#include "nas/scale/depth.h"
#include "nas/scale/finishing.h"
#include "nas/scale/output.h"
#include "nas/scale/resize.h"
#include "nas/space/space.h"
#include "sim/base/error.h"
#include "sim/cli/batch_options.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "workloads/passes/passes.h"

namespace npusim::cli {
namespace fs = std::filesystem;
namespace {

struct ScaleCommand {
  HardwareOptions hardware;
  NetworkOptions network;
  std::string dtype;
  std::string how;
  std::optional<double> latency_ms;
  std::vector<double> coefficients;
  std::optional<std::int64_t> divisor;
  std::string repeats;
  std::size_t budget = scale::DepthOptions{}.budget;
  scale::FinishOptions finish;
  std::string activations;
  scale::Keep keep;
  search::EvaluatorOptions evaluator;
  std::string output;
  bool weights = false;
  WorkerOptions run;
};

/// The network, as far as it can be scaled; `raw` is its graph.
std::unique_ptr<scale::Scalable> network_of(const ScaleCommand& command, const ir::Graph& raw) {
  const std::string& name = command.network.network;
  if (space::is_network(name)) {
    if (auto network = scale::scalable_of_space(name, raw.shape(raw.inputs.front()).at(0))) return network;
  }
  return scale::scalable_of_graph(name, raw, command.how == "none");
}

search::SearchChip chip_of(const ScaleCommand& command, const Config& description, const ir::Graph& graph) {
  search::SearchChip chip;
  chip.name = description.raw("chip");
  chip.dtype =
      choose_dtype(command.dtype, hw::make_npu(description)->dtypes(), chip.name, ir::is_quantized(graph));
  chip.hash = hw::hardware_hash(description);
  chip.description = std::make_shared<const Config>(description);
  return chip;
}

/// "1,1,4-6" as {1, 1}, {1, 1}, {4, 6}.
std::vector<std::pair<std::int64_t, std::int64_t>> ranges_of(const std::string& text) {
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) {
    const char* const end = word.data() + word.size();
    std::int64_t low = 0, high = 0;
    const auto [dash, first] = std::from_chars(word.data(), end, low);
    const bool range = first == std::errc() && dash != end && *dash == '-';
    const auto [stop, second] = std::from_chars(range ? dash + 1 : word.data(), end, high);
    constexpr std::int64_t kMost = 1000;
    if (first != std::errc() || second != std::errc() || stop != end || low < 1 || high < low ||
        high > kMost) {
      throw UserError(fmt::format(
          "--repeats: '{}': expected blocks of a stage from 1 to {}, such as 4 or 4-6", word, kMost));
    }
    ranges.emplace_back(low, high);
  }
  return ranges;
}

/// Settles --how, and refuses what contradicts it.
void settle_how(ScaleCommand& command) {
  if (command.how.empty()) {
    command.how = command.latency_ms && command.activations.empty() ? "compound" : "none";
  }
  static_cast<void>(choose("--how", command.how, {"compound", "s3nas", "depth", "none"}));
  const bool scales = command.how != "none";
  if (scales && !command.latency_ms) {
    throw UserError(fmt::format("--latency-ms is missing: the target of --how {}", command.how));
  }
  if (scales && !command.activations.empty()) {
    throw UserError(
        "--activations are of one network: scale first, train and measure what was found, then remove");
  }
  if (!scales && !command.finish.any() && command.activations.empty()) {
    throw UserError(
        "nothing to do: expected --latency-ms to scale to, --h-swish, --squeeze-excite or --activations");
  }
  const int rules = (command.keep.share ? 1 : 0) + (command.keep.threshold ? 1 : 0) +
                    (!scales && command.latency_ms ? 1 : 0);
  if (command.activations.empty() ? (command.keep.share || command.keep.threshold) : rules != 1) {
    throw UserError(
        "--activations, --keep-share and --threshold: expected the file and exactly one of --keep-share, "
        "--threshold and --latency-ms");
  }
  if (command.how != "depth" && !command.repeats.empty()) throw UserError("--repeats needs --how depth");
  const bool compound = command.how == "compound" || command.how == "s3nas";
  if (!compound && !command.coefficients.empty()) {
    throw UserError("--coefficients needs --how compound or s3nas");
  }
}

scale::CompoundRule rule_of(const ScaleCommand& command, const scale::Scalable& network) {
  scale::CompoundRule rule =
      command.how == "s3nas" ? scale::s3nas_rule(network.fixed()) : scale::efficientnet_rule(network.fixed());
  if (command.coefficients.empty()) return rule;
  const scale::Coefficients c{command.coefficients[0], command.coefficients[1], command.coefficients[2]};
  if (c.depth <= 1 && c.width <= 1 && c.image <= 1) {
    throw UserError("--coefficients: expected one of depth, width and image above 1");
  }
  const auto check = [&](double coefficient, const std::string& why, const char* what) {
    if (coefficient != 1 && !why.empty()) {
      throw UserError(fmt::format("--coefficients: the {} of {} must have 1: {}", what, network.name(), why));
    }
  };
  check(c.depth, network.fixed().depth, "depth");
  check(c.width, network.fixed().width, "width");
  check(c.image, network.fixed().image, "image");
  rule.families = {c};
  return rule;
}

/// The network as it is, finished.
scale::Scaled unscaled(scale::Bench& bench) {
  scale::Scaled scaled;
  scaled.variants.emplace_back();
  scale::Variant& one = scaled.variants.front();
  one.extent = bench.network().base();
  bench.simulate({&one});
  if (!one.runs()) throw UserError(fmt::format("{}: {}", bench.options().chip.name, one.on_chip().refusal));
  bench.score({&one});
  scaled.front = {0};
  if (!one.measured.score_failure.empty()) {
    scaled.notes.push_back("it could not be judged: " + one.measured.score_failure);
  }
  return scaled;
}

scale::Scaled scaled_by(const ScaleCommand& command, scale::Bench& bench) {
  if (command.how == "none") return unscaled(bench);
  if (command.how != "depth") {
    return scale::scale_compound(bench, rule_of(command, bench.network()), *command.latency_ms);
  }
  scale::DepthOptions options;
  options.latency_ms = *command.latency_ms;
  options.ranges = ranges_of(command.repeats);
  options.budget = command.budget;
  return scale::scale_depth(bench, options);
}

void add_notes(const scale::Scalable& network, const ScaleCommand& command, scale::Scaled& scaled) {
  const auto note = [&](const std::string& why, const char* what) {
    if (!why.empty()) scaled.notes.push_back(fmt::format("the {} stays: {}", what, why));
  };
  if (command.how == "compound" || command.how == "s3nas") {
    note(network.fixed().depth, "depth");
    note(network.fixed().width, "width");
    note(network.fixed().image, "image");
  }
}

scale::BenchOptions bench_options(const ScaleCommand& command, const search::SearchChip& chip) {
  scale::BenchOptions how;
  how.chip = chip;
  how.workers = worker_count(command.run);
  how.version = jobs::version_text(NPUSIM_VERSION);
  how.divisor = command.divisor.value_or(command.how == "s3nas" ? 16 : 8);
  return how;
}

void run(ScaleCommand command) {
  settle_how(command);
  const Config description = resolve(command.hardware);
  ir::Graph raw = load(command.network);
  require_quantized(description, command.network, raw);
  scale::forget_weights(raw);
  // Files write h-swish and SiLU as several operators; chips see the same network either way.
  passes::recognise_functions(raw);
  const std::unique_ptr<scale::Scalable> network = network_of(command, raw);
  scale::BenchOptions how = bench_options(command, chip_of(command, description, raw));
  std::optional<scale::Activations> activations;
  if (!command.activations.empty()) activations = scale::read_activations(command.activations);
  command.evaluator.workers = how.workers;
  command.evaluator.command.folder = (fs::path(command.output) / "candidates").string();
  const std::unique_ptr<search::Evaluator> evaluator = search::make_evaluator(command.evaluator, nullptr);
  make_folder(command.output, "the networks and their reports", "scale.json");
  std::optional<jobs::Store> store = open_store(command.run);
  if (store) how.store = &*store;
  how.finish = [&command](ir::Graph& graph) { scale::finish(graph, command.finish); };
  scale::Bench bench(*network, *evaluator, how);
  if (activations) {
    scale::Keep keep = command.keep;
    keep.latency_ms = command.latency_ms;
    command.finish.removed = scale::blocks_to_remove(bench, raw, command.finish, *activations, keep);
  }
  scale::Scaled scaled = scaled_by(command, bench);
  add_notes(*network, command, scaled);
  if (command.finish.any() || activations) {
    const ir::Graph chosen = network->build(scaled.variants[scaled.front.front()].extent, how.divisor);
    scaled.finished = scale::account(bench, chosen, command.finish, activations);
  }
  const scale::Identity identity{
      command.network.network, command.how,          command.latency_ms.value_or(0),
      evaluator->name(),       evaluator->measure(), command.evaluator.seed,
      NPUSIM_VERSION,          command.finish};
  scale::write_scaled(command.output, identity, bench, scaled, command.weights);
  write_output("", scale::scaled_text(identity, bench, scaled) +
                       fmt::format("\n{} simulations ({} run now)\n", bench.simulations(), bench.run()));
}

void add_scaling(CLI::App& app, ScaleCommand& command) {
  app.add_option("--how", command.how,
                 "compound (EfficientNet's), s3nas (one coefficient for depth and width), depth (blocks by "
                 "stage only), none (only what is asked for below); default: compound with --latency-ms, "
                 "else none")
      ->type_name("HOW");
  app.add_option("--latency-ms", command.latency_ms, "the target: longest latency")
      ->type_name("MS")
      ->check(CLI::PositiveNumber);
  app.add_option("--coefficients", command.coefficients,
                 "of depth, width and image, such as 1.2,1.1,1.15, instead of a grid")
      ->type_name("D,W,I")
      ->delimiter(',')
      ->expected(3)
      ->check(CLI::Range(0.5, 4.0));
  app.add_option("--divisor", command.divisor,
                 "channels are multiples of this; default: 8, with --how s3nas 16")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1024}));
  app.add_option(
         "--repeats", command.repeats,
         "of --how depth: blocks of each stage, such as 1,1,4-6,6-8,1-7; default: what there are to 6 "
         "more, or fewer where the network exceeds the target")
      ->type_name("LIST");
  app.add_option("--budget", command.budget,
                 "of --how depth: variants to simulate and score after the sums; default: 256")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
}

void add_finishing(CLI::App& app, ScaleCommand& command) {
  app.add_flag("--h-swish", command.finish.hard_swish, "h-swish for every ReLU and ReLU6 (S3NAS)");
  app.add_flag("--squeeze-excite", command.finish.squeeze_excite,
               "Squeeze-and-Excitation in every block with a depthwise convolution but the first (S3NAS)");
  app.add_option("--ratio", command.finish.ratio,
                 "of --squeeze-excite: to this share of a block's input channels; default: 0.25")
      ->type_name("X")
      ->check(CLI::Range(0.001, 4.0));
  app.add_option(
         "--activations", command.activations,
         "take out Squeeze-and-Excitations that do little: CSV file block,std (or JSON), the mean over "
         "channels of the standard deviation of a gate's values over inputs")
      ->type_name("FILE");
  app.add_option("--keep-share", command.keep.share, "of --activations: keep this share of them")
      ->type_name("X")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--threshold", command.keep.threshold, "of --activations: keep those of at least this")
      ->type_name("X")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace

void add_scale(CLI::App& app) {
  auto command = std::make_shared<ScaleCommand>();
  CLI::App* sub = app.add_subcommand("scale", "make a network larger or smaller to a latency, and finish it");
  add_hardware_options(*sub, command->hardware);
  add_network_options(*sub, command->network);
  sub->add_option("--dtype", command->dtype, "fp16, int8, ...; default: the chip's first")->type_name("TYPE");
  add_scaling(*sub, *command);
  add_finishing(*sub, *command);
  sub->add_option("--evaluator", command->evaluator.kind,
                  "who judges variants: proxy:synflow, proxy:naswot, proxy:params, proxy:macs (data-free), "
                  "command:PROGRAM (docs/search.md); default: proxy:synflow")
      ->type_name("KIND");
  sub->add_option("--seed", command->evaluator.seed, "of proxies; default: 1")->type_name("S");
  sub->add_option("-o,--output", command->output, "folder for scale.json, scale.csv, ONNX, reports")
      ->type_name("DIR");
  sub->add_flag("--weights", command->weights, "embed random weights in the ONNX files");
  add_worker_options(*sub, command->run);
  sub->callback([command] { run(*command); });
}

}  // namespace npusim::cli
