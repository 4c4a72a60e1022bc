// npusim spaces: the search spaces, and networks drawn from them.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "nas/space/space.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/trace/format.h"
#include "workloads/onnx/export.h"

namespace npusim::cli {
namespace fs = std::filesystem;
namespace {

struct SpacesCommand {
  std::string space;
  std::int64_t samples = 0;
  std::uint64_t seed = 1;
  std::string folder;
  bool weights = false;
};

/// Exact below a million, else three digits.
std::string count_text(double count) {
  return count < 1e6 ? fmt::format("{:.0f}", count) : fmt::format("{:.3g}", count);
}

/// "-" for a space whose blocks are too many to list.
std::string blocks_text(const space::Space& space) {
  try {
    return std::to_string(space.all_blocks().size());
  } catch (const UserError&) {
    return "-";
  }
}

void list() {
  using trace::Table;
  Table table({{"space", Table::Align::left},
               {"networks"},
               {"genes"},
               {"blocks"},
               {"what", Table::Align::left},
               {"source", Table::Align::left}});
  for (const space::SpaceInfo& info : space::spaces()) {
    const auto made = space::make_space(info.name);
    table.row({info.name, count_text(made->count()), std::to_string(made->genes().size()), blocks_text(*made),
               info.description, info.source});
  }
  write_output("", table.text(kAnyWidth));
}

/// The space's genes, one line each, and its largest network.
void show(const space::Space& space) {
  using trace::Table;
  Table table({{"gene", Table::Align::left}, {"choices"}, {"", Table::Align::left}});
  for (const space::Gene& gene : space.genes()) {
    table.row(
        {gene.name, std::to_string(gene.choices.size()), fmt::format("{}", fmt::join(gene.choices, " "))});
  }
  write_output(
      "", fmt::format("{}: {} networks, {} genes, {} different blocks\nlargest: {}:{}\n\n{}", space.name(),
                      count_text(space.count()), space.genes().size(), blocks_text(space), space.name(),
                      space.encode(space.largest()), table.text(kAnyWidth)));
}

/// The network's name as a file's: a space's own file counts by its stem.
std::string file_name(const space::Space& space, const space::Genome& genome) {
  const fs::path name(space.name());
  const bool described = name.extension() == ".yaml" || name.extension() == ".yml";
  return fmt::format("{}_{}.onnx", described ? name.stem().string() : space.name(), space.encode(genome));
}

void draw(const space::Space& space, const SpacesCommand& options) {
  using trace::Table;
  Table table({{"network", Table::Align::left}, {"params M"}, {"MACs G"}});
  if (!options.folder.empty()) {
    std::error_code status;
    fs::create_directories(options.folder, status);
    if (status) throw UserError(fmt::format("{}: {}", options.folder, status.message()));
  }
  Rng rng(options.seed);
  for (std::int64_t i = 0; i < options.samples; ++i) {
    const space::Genome genome = space.sample(rng);
    const ir::Graph graph = space.build(genome);
    table.row({graph.name, fmt::format("{:.3f}", static_cast<double>(ir::parameters(graph)) / 1e6),
               fmt::format("{:.4f}", static_cast<double>(ir::macs(graph).count()) / 1e9)});
    if (options.folder.empty()) continue;
    onnx::ExportOptions how;
    how.with_weights = options.weights;
    onnx::export_onnx(graph, (fs::path(options.folder) / file_name(space, genome)).string(), how);
  }
  write_output("", table.text(kAnyWidth));
}

void run(const SpacesCommand& options) {
  if (options.space.empty()) {
    if (options.samples > 0) throw UserError("--sample needs a space (npusim spaces lists them)");
    return list();
  }
  const auto space = space::make_space(options.space);
  if (options.samples > 0) return draw(*space, options);
  if (!options.folder.empty()) throw UserError("-o needs --sample N: how many networks to draw");
  show(*space);
}

}  // namespace

void add_spaces(CLI::App& app) {
  auto options = std::make_shared<SpacesCommand>();
  CLI::App* spaces =
      app.add_subcommand("spaces", "search spaces: list them, show one, draw networks from it");
  spaces->add_option("space", options->space, "a space's name, with @SIZE for another image, or a YAML file")
      ->type_name("SPACE");
  spaces->add_option("--sample", options->samples, "draw this many networks, each with the same probability")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  spaces->add_option("--seed", options->seed, "of the draw")->type_name("S")->capture_default_str();
  spaces->add_option("-o,--output", options->folder, "folder for the networks as ONNX files")
      ->type_name("DIR");
  spaces->add_flag("--weights", options->weights,
                   "embed random weights, so that other tools can run the files");
  spaces->callback([options] { run(*options); });
}

}  // namespace npusim::cli
