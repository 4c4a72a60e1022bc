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
  std::size_t simulated = 0;  ///< 0: all
  std::vector<std::string> weights_from;
  bool operators = false;
  std::string output;
};

/// Networks with their counts, under the name that a table gives them.
struct Group {
  std::string title;
  std::vector<std::string> names;
  std::vector<fit::Counts> counts;
  void add(const fit::Dataset& data) {
    for (const fit::Network& network : data.networks) {
      const std::vector<double> sums = data.sums(network);
      names.push_back(network.name);
      counts.push_back({sums[0], sums[1], sums[2]});
    }
  }
};

/// Simulates the networks, or the first of them, and counts all.
fit::Dataset simulate_and_count(const MemCommand& options, Group& group) {
  SampleOptions some = options.samples;
  if (options.simulated > 0) some.count = std::min(some.count, options.simulated);
  fit::Dataset data = simulate(some);
  if (some.count == options.samples.count) {
    group.add(data);
    return data;
  }
  for (const ir::Graph& graph : graphs_of(options.samples)) {
    group.names.push_back(graph.name);
    group.counts.push_back(fit::counts_of(passes::run_pipeline(graph)));
  }
  return data;
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

/// The mean of a group, and how far its networks are apart.
std::string mean_row(const Group& group, const fit::MemWeights& weights) {
  double sum = 0, least = 1, most = 0;
  for (const fit::Counts& counts : group.counts) {
    const double mem = fit::mem(counts, weights);
    sum += mem;
    least = std::min(least, mem);
    most = std::max(most, mem);
  }
  return fmt::format("mMEM of {}: {:.3f} (from {:.3f} to {:.3f})\n", group.title,
                     sum / static_cast<double>(group.counts.size()), least, most);
}

std::string weights_text(const fit::Dataset& data, const fit::MemFit& fit) {
  const std::string clipped =
      fit.clipped ? fmt::format("; non-negative, since least squares gave {:.4g} m, {:.4g} v, {:.4g} d",
                                fit.unbounded.m, fit.unbounded.v, fit.unbounded.d)
                  : "";
  return fmt::format(
      "latency = {:.4g} + {:.4g} m + {:.4g} v + {:.4g} d cycles on {}, fitted to {} simulated networks; "
      "R2 {:.3f}, MAPE {:.2f} %{}\n\n",
      fit.constant, fit.weights.m, fit.weights.v, fit.weights.d, data.hw, data.networks.size(), fit.r2,
      fit.mape * 100, clipped);
}

void measure(const MemCommand& options) {
  if (options.samples.empty()) throw UserError("expected networks, or --space NAME for random ones");
  if (options.simulated > 0 && options.samples.space.empty()) {
    throw UserError("--simulate is for the random networks of --space; networks by name are all simulated");
  }
  check_writable(options.output);
  std::vector<Group> groups{{options.samples.describe(), {}, {}}};
  std::vector<fit::Dataset> parts{simulate_and_count(options, groups.front())};
  std::vector<std::string> names{"the networks"};
  for (const std::string& file : options.weights_from) {
    parts.push_back(fit::parse_dataset(read_file(file), file));
    names.push_back(file);
    groups.push_back({fmt::format("{} networks of {}", parts.back().networks.size(), file), {}, {}});
    groups.back().add(parts.back());
  }
  const fit::Dataset data = fit::merge(std::move(parts), names);
  if (data.networks.size() < 5) {
    throw UserError(
        "fewer than 5 networks cannot tell the weights of m, v and d: name more, or --weights FILE, samples "
        "that npusim fit --save-data wrote");
  }
  const fit::MemFit fit = fit::fit_mem(data);
  std::string text = weights_text(data, fit);
  if (options.samples.space.empty() || options.operators) {
    text += fmt::format("{:<44} {:>10} {:>10} {:>10} {:>6}\n", "network", "m", "v", "d", "MEM");
  }
  if (options.samples.space.empty()) {
    for (std::size_t i = 0; i < groups[0].names.size(); ++i) {
      text += row(groups[0].names[i], groups[0].counts[i], fit::mem(groups[0].counts[i], fit.weights));
    }
  }
  if (options.operators) text += operator_rows(graphs_of(options.samples), fit.weights);
  for (const Group& group : groups) text += mean_row(group, fit.weights);
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
                   "networks to fit the weights of m, v, d to besides these: files of fit --save-data, "
                   "separated by commas; their mMEM is told, too")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("FILES");
  command
      ->add_option("--simulate", options->simulated,
                   "simulate only so many of the random networks, to fit the weights; all are counted; "
                   "default: all")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
  command->add_flag("--operators", options->operators, "every operator's, too");
  command->add_option("-o,--output", options->output, "write here instead of standard output")
      ->type_name("FILE");
  command->callback([options] { measure(*options); });
}

}  // namespace npusim::cli
