#include "nas/fit/space_predictor.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <sstream>

#include "nas/fit/graph_predictor.h"
#include "sim/base/error.h"
#include "workloads/passes/passes.h"

namespace npusim::fit {
namespace {

/// More channels than any model that is fast has; others use the heap.
constexpr std::size_t kFewChannels = 8;

ir::Graph graph_of(const space::Block& block) {
  zoo::Builder builder(block.name, block.input);
  return passes::run_pipeline(builder.finish(block.append(builder, "block", builder.input())));
}

}  // namespace

BlockSums::BlockSums(const Model& model, const space::Space& space, const Config& chip)
    : model_(model), space_(space), extractor_(chip, dtype_of(model, chip)) {
  ensure(extractor_.names() == model.features, "a model of equal hardware has equal features");
}

const BlockSums::Known& BlockSums::known(const space::Block& block) const {
  const auto [at, added] = known_.try_emplace(block.name);
  if (!added) return at->second;
  Known& sums = at->second;
  sums.channels.assign(model_.core->channels(), 0);
  sums.features.assign(model_.features.size(), 0);
  const ir::Graph graph = graph_of(block);
  for (const ir::Op& op : graph.ops) {
    const std::vector<double>& features = extractor_.features(graph, op);
    model_.core->add(kind_of(graph, op), features, sums.channels);
    for (std::size_t i = 0; i < features.size(); ++i) sums.features[i] += features[i];
  }
  return sums;
}

void BlockSums::add_channels(const space::Genome& genome, std::span<double> sums) const {
  const std::vector<space::Block> blocks = space_.blocks(space_.canonical(genome));
  const std::lock_guard lock(mutex_);
  for (const space::Block& block : blocks) {
    const std::vector<double>& channels = known(block).channels;
    for (std::size_t c = 0; c < channels.size(); ++c) sums[c] += channels[c];
  }
}

std::vector<double> BlockSums::features(const space::Genome& genome) const {
  const std::vector<space::Block> blocks = space_.blocks(space_.canonical(genome));
  std::vector<double> sums(model_.features.size(), 0);
  const std::lock_guard lock(mutex_);
  for (const space::Block& block : blocks) {
    const std::vector<double>& features = known(block).features;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += features[i];
  }
  return sums;
}

SpacePredictor::SpacePredictor(Model model, std::shared_ptr<const space::Space> space, const Config& chip,
                               const std::string& file)
    : model_((check_chip(model, chip, file), std::move(model))),
      space_(std::move(space)),
      blocks_(model_, *space_, chip),
      tables_(GenomeTables::build(*space_, model_.core->channels(),
                                  [this](const space::Genome& genome, std::span<double> sums) {
                                    blocks_.add_channels(genome, sums);
                                  })) {}

double SpacePredictor::predict_ns(const space::Genome& genome) const {
  ensure(genome.size() == space_->genes().size(), "a genome of the predictor's space");
  const std::size_t channels = model_.core->channels();
  std::array<double, kFewChannels> few{};
  std::vector<double> many(channels > kFewChannels ? channels : 0, 0);
  const std::span<double> sums =
      channels > kFewChannels ? std::span<double>(many) : std::span<double>(few.data(), channels);
  if (tables_) {
    tables_->add(genome, sums);
  } else {
    blocks_.add_channels(genome, sums);
  }
  return model_.predict_ns(sums);
}

Interval SpacePredictor::interval_ns(const space::Genome& genome) const {
  const double middle = predict_ns(genome);
  return {middle * (1 - model_.relative_interval), middle * (1 + model_.relative_interval)};
}

std::string SpacePredictor::outside(const space::Genome& genome) const {
  return model_.domain.outside(blocks_.features(genome));
}

bool SpacePredictor::outside_domain(const space::Genome& genome) const { return !outside(genome).empty(); }

std::unique_ptr<SpacePredictor> load_predictor(const std::string& file,
                                               std::shared_ptr<const space::Space> space,
                                               const Config& chip) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) throw UserError(fmt::format("{}: cannot be read", file));
  return std::make_unique<SpacePredictor>(parse_model(text.str(), file), std::move(space), chip, file);
}

}  // namespace npusim::fit
