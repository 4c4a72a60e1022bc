#include "sim/cli/fit_options.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include "hw_models/api/npu.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"

namespace npusim::cli {

std::string SampleOptions::describe() const {
  if (space.empty()) return fmt::format("{} networks by name", networks.size());
  return fmt::format("{} random networks of {} (seed {})", count, space, seed);
}

void add_sample_options(CLI::App& command, SampleOptions& options) {
  command.add_option("--hw", options.hardware.hw, "chip: a built-in name or a YAML file")->type_name("CHIP");
  command
      .add_option("--set", options.hardware.overrides,
                  "override a key of the description: dram.channels=2; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  auto* networks = command.add_option("networks", options.networks, "ONNX files or built-in networks")
                       ->type_name("NETWORK");
  command.add_option("--space", options.space, "random networks of this search space")
      ->type_name("SPACE")
      ->excludes(networks);
  command.add_option("-n,--count", options.count, "of random networks; default: 1000")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
  command.add_option("--seed", options.seed, "of the random networks and of fits; default: 1")
      ->type_name("N");
  command.add_option("--dtype", options.dtype, "fp16, int8, ...; default: the chip's first")
      ->type_name("TYPE");
  command.add_option("--batch", options.batch, "images at once; default: 1")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}));
  add_batch_options(command, options.run);
}

std::vector<space::Genome> sample_genomes(const space::Space& space, std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::set<space::Genome> seen;
  std::vector<space::Genome> genomes;
  for (std::size_t tries = 0; genomes.size() < count && tries < 20 * count; ++tries) {
    space::Genome genome = space.sample(rng);
    if (seen.insert(genome).second) genomes.push_back(std::move(genome));
  }
  return genomes;
}

std::vector<ir::Graph> graphs_of(const SampleOptions& options) {
  std::vector<ir::Graph> graphs;
  if (options.space.empty()) {
    for (const std::string& name : options.networks) graphs.push_back(load({name, options.batch, {}}));
    return graphs;
  }
  const auto space = space::make_space(options.space);
  for (const space::Genome& genome : sample_genomes(*space, options.count, options.seed)) {
    graphs.push_back(space->build(genome, options.batch));
  }
  return graphs;
}

fit::Dataset simulate(const SampleOptions& options) {
  if (options.hardware.hw.empty()) throw UserError("--hw is required: which chip is to be simulated");
  const Config description = resolve(options.hardware);
  const std::string chip = description.raw("chip");
  const ir::DType dtype = choose_dtype(options.dtype, hw::make_npu(description)->dtypes(), chip);
  jobs::Batch batch;
  batch.graphs = graphs_of(options);
  batch.chips.push_back({std::make_shared<const Config>(description), {}, hw::hardware_hash(description)});
  for (std::size_t i = 0; i < batch.graphs.size(); ++i) batch.jobs.push_back({0, i, dtype, true});
  const jobs::BatchResult results = run_batch_from(options.run, batch);
  complain_about(options.run, results);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < results.results.size(); ++i) {
    const jobs::Result& result = results.results[i];
    if (result.status == jobs::Status::ok) continue;
    if (refused++ == 0) {
      std::fprintf(stderr, "npusim: left out: %s: %s\n", batch.graphs[i].name.c_str(),
                   result.message.c_str());
    }
  }
  if (refused > 1) std::fprintf(stderr, "npusim: %zu networks left out in all\n", refused);
  if (refused == batch.graphs.size()) throw UserError(fmt::format("{} runs none of these networks", chip));
  return fit::make_dataset(description, dtype, batch.graphs, results.results);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) throw UserError(fmt::format("{}: cannot be read", path));
  return text.str();
}

}  // namespace npusim::cli
