// npusim predict: a fitted model's answer for networks, layer by layer, or for a space's networks.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "hw_models/api/npu.h"
#include "nas/fit/additive_predictor.h"
#include "nas/fit/graph_predictor.h"
#include "nas/fit/model.h"
#include "nas/fit/space_predictor.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/fit_options.h"
#include "sim/cli/output.h"
#include "workloads/passes/passes.h"

namespace npusim::cli {
namespace {

struct PredictCommand {
  std::string model;
  HardwareOptions hardware;
  std::vector<std::string> networks;
  std::int64_t batch = 0;
  std::vector<std::string> dims;
  std::string space;
  std::size_t count = 1000;
  std::uint64_t seed = 1;
  bool all = false;  ///< every network of the space instead
  std::string format = "text";
  std::string output;
};

std::string text_of(const fit::NetworkPrediction& network, const fit::Model& model) {
  std::string text = fmt::format("{}: {:.4f} ms on {}, {:.0f} % interval {:.4f} .. {:.4f} ms\n", network.name,
                                 network.ns / 1e6, model.hw, model.coverage * 100,
                                 network.interval.low_ns / 1e6, network.interval.high_ns / 1e6);
  if (!network.outside.empty()) {
    text += fmt::format("warning: outside of what the model has seen: {}\n", network.outside);
  }
  if (network.layers.empty()) return text;
  text += fmt::format("{:<40} {:<14} {:>10}  binding\n", "layer", "kind", "us");
  for (const auto& layer : network.layers) {
    text += fmt::format("{:<40} {:<14} {:>10.2f}  {}\n", layer.name, layer.kind, layer.ns / 1e3,
                        layer.ns > 0 ? layer.binding : "-");
  }
  return text + fmt::format("{:<40} {:<14} {:>10.2f}\n", "(rest of the network)", "", network.rest_ns / 1e3);
}

nlohmann::json json_of(const fit::NetworkPrediction& network) {
  nlohmann::json layers = nlohmann::json::array();
  for (const auto& layer : network.layers) {
    layers.push_back(
        {{"name", layer.name}, {"kind", layer.kind}, {"ns", layer.ns}, {"binding", layer.binding}});
  }
  return {{"network", network.name},
          {"latency_ms", network.ns / 1e6},
          {"interval_ms", {network.interval.low_ns / 1e6, network.interval.high_ns / 1e6}},
          {"outside_domain", network.outside},
          {"rest_ns", network.rest_ns},
          {"layers", layers}};
}

void predict_networks(const PredictCommand& options, const fit::Model& model, const Config& chip) {
  const std::size_t format = choose("--format", options.format, {"text", "json"});
  fit::GraphPredictor predictor(model, chip, options.model);
  std::string text;
  nlohmann::json list = nlohmann::json::array();
  for (const std::string& name : options.networks) {
    const auto prediction =
        predictor.predict(passes::run_pipeline(load({name, options.batch, options.dims})));
    if (format == 0) {
      text += text_of(prediction, model);
    } else {
      list.push_back(json_of(prediction));
    }
  }
  if (format == 1) {
    text = nlohmann::json{{"schema", "npusim.prediction/1"},
                          {"hw", model.hw},
                          {"model", model.model},
                          {"coverage", model.coverage},
                          {"networks", list}}
               .dump(1) +
           "\n";
  }
  write_output(options.output, text);
}

std::vector<space::Genome> genomes_of(const PredictCommand& options, const space::Space& space) {
  constexpr double kMost = 5e6;
  if (!options.all) return sample_genomes(space, options.count, options.seed);
  if (space.count() > kMost) {
    throw UserError(fmt::format("--all: {} has {:.3g} networks; expected at most {:.0e}", space.name(),
                                space.count(), kMost));
  }
  std::vector<space::Genome> genomes;
  while (std::optional<space::Genome> genome = space.at(genomes.size())) genomes.push_back(*genome);
  return genomes;
}

void predict_space(const PredictCommand& options, const space::Space& space,
                   const fit::Predictor& predictor) {
  std::string text = "network,latency_ms,low_ms,high_ms,outside_domain\n";
  for (const space::Genome& genome : genomes_of(options, space)) {
    const fit::Interval interval = predictor.interval_ns(genome);
    fmt::format_to(std::back_inserter(text), "{}:{},{:.6f},{:.6f},{:.6f},{}\n", space.name(),
                   space.encode(genome), predictor.predict_ns(genome) / 1e6, interval.low_ns / 1e6,
                   interval.high_ns / 1e6, predictor.outside_domain(genome) ? 1 : 0);
  }
  write_output(options.output, text);
}

/// By the context of the table whose sums were nearest to whole networks.
void predict_by_table(const PredictCommand& options) {
  if (options.space.empty()) {
    throw UserError(
        fmt::format("{} is a table of blocks: it predicts networks of its space (--space)", options.model));
  }
  const table::Table table = table::read_table(options.model);
  if (!options.hardware.hw.empty()) {
    const Config chip = resolve(options.hardware);
    const std::string hash = hw::hardware_hash(chip);
    if (hash != table.hw_hash) {
      throw UserError(fmt::format("{} is a table of {} (hardware {}), not of {} (hardware {})", options.model,
                                  table.hw, table.hw_hash, chip.text("chip"), hash));
    }
  }
  const auto best =
      std::min_element(table.errors.begin(), table.errors.end(),
                       [](const auto& a, const auto& b) { return a.second.mape < b.second.mape; });
  if (best == table.errors.end()) {
    throw UserError(fmt::format("{}: it has no error bars: measure it with --error-bar N", options.model));
  }
  const std::shared_ptr<const space::Space> space = space::make_space(options.space);
  predict_space(options, *space, fit::AdditivePredictor(table, best->first, space));
}

void predict(const PredictCommand& options) {
  check_writable(options.output);
  if (options.networks.empty() == options.space.empty()) {
    throw UserError("expected networks, or --space NAME for random ones");
  }
  const std::string text = read_file(options.model);
  if (text.find("\"npusim.table/1\"") != std::string::npos) return predict_by_table(options);
  fit::Model model = fit::parse_model(text, options.model);
  HardwareOptions hardware = options.hardware;
  if (hardware.hw.empty()) hardware.hw = model.hw;
  const Config chip = resolve(hardware);
  fit::check_chip(model, chip, options.model);
  if (options.space.empty()) return predict_networks(options, model, chip);
  const std::shared_ptr<const space::Space> space = space::make_space(options.space);
  predict_space(options, *space, fit::SpacePredictor(std::move(model), space, chip, options.model));
}

}  // namespace

void add_predict(CLI::App& app) {
  auto options = std::make_shared<PredictCommand>();
  CLI::App* command = app.add_subcommand("predict", "latencies by a fitted model, without simulating");
  command->add_option("--model", options->model, "what npusim fit wrote")->required()->type_name("FILE");
  auto* networks = command->add_option("networks", options->networks, "ONNX files or built-in networks")
                       ->type_name("NETWORK");
  command->add_option("--hw", options->hardware.hw, "the model's chip, where it is a YAML file")
      ->type_name("CHIP");
  command->add_option("--set", options->hardware.overrides, "with the overrides it was fitted with")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  add_shape_options(*command, options->batch, options->dims);
  auto* space = command->add_option("--space", options->space, "random networks of this search space, as CSV")
                    ->type_name("SPACE")
                    ->excludes(networks);
  auto* count = command->add_option("-n,--count", options->count, "of them; default: 1000")->type_name("N");
  command->add_flag("--all", options->all, "every network of the space, in its order")
      ->needs(space)
      ->excludes(count);
  command->add_option("--seed", options->seed, "of the random networks; default: 1")->type_name("N");
  command->add_option("--format", options->format, "text or json, of networks; default: text")
      ->type_name("FORMAT");
  command->add_option("-o,--output", options->output, "write here instead of standard output")
      ->type_name("FILE");
  command->callback([options] { predict(*options); });
}

}  // namespace npusim::cli
