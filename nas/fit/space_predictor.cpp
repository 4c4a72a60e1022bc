#include "nas/fit/space_predictor.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "nas/fit/graph_predictor.h"
#include "sim/base/error.h"
#include "workloads/passes/passes.h"

namespace npusim::fit {
namespace {

ir::Graph graph_of(const space::Block& block) {
  zoo::Builder builder(block.name, block.input);
  return passes::run_pipeline(builder.finish(block.append(builder, "block", builder.input())));
}

}  // namespace

BlockFacts::BlockFacts(const Model& model, const Config& chip)
    : model_(model), extractor_(chip, dtype_of(model, chip)) {
  ensure(extractor_.names() == model.features, "a model of equal hardware has equal features");
}

const BlockFacts::Facts& BlockFacts::of(const space::Block& block) const {
  const std::lock_guard lock(mutex_);
  const auto [at, added] = known_.try_emplace(block.name);
  if (!added) return at->second;
  const ir::Graph graph = graph_of(block);
  Operators operators;
  Facts facts;
  facts.features.assign(model_.features.size(), 0);
  for (const ir::Op& op : graph.ops) {
    operators.push_back(&extractor_.describe(graph, op));
    for (std::size_t i = 0; i < facts.features.size(); ++i)
      facts.features[i] += operators.back()->features[i];
  }
  const Core& core = *model_.core;
  facts.channels = core.in_order() ? channel_items(core, operators) : channel_sums(core, operators);
  at->second = std::move(facts);
  return at->second;
}

SpacePredictor::SpacePredictor(Model model, std::shared_ptr<const space::Space> space, const Config& chip,
                               const std::string& file)
    : model_((check_chip(model, chip, file), std::move(model))),
      space_(std::move(space)),
      facts_(model_, chip),
      tables_(BlockTables::build(*space_)) {
  if (!tables_) return;
  for (const space::Block& block : tables_->blocks()) tabulated_.push_back(&facts_.of(block));
}

template <class Visit>
void SpacePredictor::visit_blocks(const space::Genome& genome, const Visit& visit) const {
  ensure(genome.size() == space_->genes().size(), "a genome of the predictor's space");
  if (tables_) {
    tables_->list(genome, [&](std::uint32_t block) { visit(*tabulated_[block]); });
    return;
  }
  for (const space::Block& block : space_->blocks(genome)) visit(facts_.of(block));
}

double SpacePredictor::predict_ns(const space::Genome& genome) const {
  return predict_canonical_ns(space_->canonical(genome));
}

double SpacePredictor::predict_canonical_ns(const space::Genome& genome) const {
  std::vector<double> sums(model_.core->channels(), 0);
  if (!model_.core->in_order()) {
    visit_blocks(genome, [&](const BlockFacts::Facts& facts) { model_.core->fold(facts.channels, sums); });
    return model_.predict_ns(sums);
  }
  constexpr std::size_t kManyChannels = 1024;  // of all operators
  std::vector<double> operators;
  operators.reserve(kManyChannels);
  visit_blocks(genome, [&](const BlockFacts::Facts& facts) {
    operators.insert(operators.end(), facts.channels.begin(), facts.channels.end());
  });
  model_.core->fold(operators, sums);
  return model_.predict_ns(sums);
}

Interval SpacePredictor::interval_ns(const space::Genome& genome) const {
  return model_.interval_ns(predict_ns(genome));
}

std::string SpacePredictor::outside(const space::Genome& genome) const {
  std::vector<double> features(model_.features.size(), 0);
  visit_blocks(space_->canonical(genome), [&](const BlockFacts::Facts& facts) {
    for (std::size_t i = 0; i < features.size(); ++i) features[i] += facts.features[i];
  });
  return model_.domain.outside(features);
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
