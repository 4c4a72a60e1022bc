// npusim mem: ISyNet's matrix efficiency measure of networks and spaces on a chip.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "nas/fit/features.h"
#include "nas/fit/mem.h"
#include "nas/space/space.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/fit_options.h"
#include "sim/cli/output.h"
#include "workloads/passes/passes.h"

namespace npusim::cli {
namespace {

struct MemCommand {
  SampleOptions samples;
  std::string weights_from;
  bool operators = false;
  std::string output;
};

fit::MemFit fit_weights(const MemCommand& options, const fit::Dataset& data) {
  if (options.weights_from.empty()) {
    if (data.networks.size() < 5) {
      throw UserError(
          "fewer than 5 networks cannot tell the weights of m, v and d: name more, or --weights FILE, "
          "samples "
          "that npusim fit --save-data wrote");
    }
    return fit::fit_mem(data);
  }
  const fit::Dataset other = fit::parse_dataset(read_file(options.weights_from), options.weights_from);
  return fit::fit_mem(fit::merge({data, other}, {"the networks", options.weights_from}));
}

std::string row(const std::string& name, const fit::Counts& counts, double mem) {
  return fmt::format("{:<44} {:>10.3e} {:>10.3e} {:>10.3e} {:>6.3f}\n", name, counts.m, counts.v, counts.d,
                     mem);
}

std::string operator_rows(const std::vector<ir::Graph>& graphs, const fit::MemWeights& weights) {
  std::string text;
  for (const ir::Graph& graph : graphs) {
    const ir::Graph optimised = passes::run_pipeline(graph);
    for (const ir::Op& op : optimised.ops) {
      const fit::Counts counts = fit::counts_of(optimised, op);
      text += row("  " + op.name, counts, fit::mem(counts, weights));
    }
  }
  return text;
}

void measure(const MemCommand& options) {
  if (options.samples.empty()) throw UserError("expected networks, or --space NAME for random ones");
  check_writable(options.output);
  const fit::Dataset data = simulate(options.samples);
  const fit::MemFit weights = fit_weights(options, data);
  std::string text = fmt::format(
      "latency = {:.4g} + {:.4g} m + {:.4g} v + {:.4g} d cycles on {}; R2 {:.3f}, MAPE {:.2f} %{}\n\n",
      weights.constant, weights.weights.m, weights.weights.v, weights.weights.d, data.hw, weights.r2,
      weights.mape * 100, weights.clipped ? "; non-negative, least squares having a negative weight" : "");
  text += fmt::format("{:<44} {:>10} {:>10} {:>10} {:>6}\n", "network", "m", "v", "d", "MEM");
  double sum = 0;
  for (const fit::Network& network : data.networks) {
    const std::vector<double> sums = data.sums(network);
    const fit::Counts counts{sums[0], sums[1], sums[2]};
    const double mem = fit::mem(counts, weights.weights);
    sum += mem;
    if (options.samples.space.empty()) text += row(network.name, counts, mem);
  }
  if (options.operators) text += operator_rows(graphs_of(options.samples), weights.weights);
  text += fmt::format("mMEM of {} networks: {:.3f}\n", data.networks.size(),
                      sum / static_cast<double>(data.networks.size()));
  write_output(options.output, text);
}

}  // namespace

void add_mem(CLI::App& app) {
  auto options = std::make_shared<MemCommand>();
  CLI::App* command =
      app.add_subcommand("mem", "matrix efficiency measure (ISyNet) of networks, operators and spaces");
  add_sample_options(*command, options->samples);
  command
      ->add_option("--weights", options->weights_from,
                   "networks to fit the weights of m, v, d to besides these: a file of fit --save-data")
      ->type_name("FILE");
  command->add_flag("--operators", options->operators, "every operator's, too");
  command->add_option("-o,--output", options->output, "write here instead of standard output")
      ->type_name("FILE");
  command->callback([options] { measure(*options); });
}

}  // namespace npusim::cli
