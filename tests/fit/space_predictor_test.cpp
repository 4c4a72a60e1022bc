#include "nas/fit/space_predictor.h"

#include <cmath>

#include "hw_models/api/npu.h"
#include "nas/fit/graph_predictor.h"
#include "sim/base/error.h"
#include "sim/base/rng.h"
#include "tests/catch.h"
#include "tests/evaluated.h"
#include "workloads/passes/passes.h"

using namespace npusim;
using namespace npusim::fit;
using space::Genome;

namespace {

constexpr const char* kChip = "edgetpu-coral-usb";

jobs::Result simulated(const ir::Graph& graph) {
  hw::EvaluateOptions options;
  options.dtype = ir::DType::i8;
  const trace::Report report = test::evaluator(kChip).evaluate(graph, options);
  jobs::Result result{jobs::Status::ok, "", {}};
  result.summary.cycles = report.total_cycles;
  for (const auto& layer : report.layers) {
    result.summary.layers.push_back(
        {layer.name, layer.cycles(), layer.dram_read_bytes, layer.dram_write_bytes});
  }
  return result;
}

struct Fixture {
  std::shared_ptr<const space::Space> space = space::make_space("mnasnet-edgetpu");
  Config chip = hw::describe(kChip);
  std::vector<Genome> genomes;
  Dataset data;

  explicit Fixture(std::size_t count) {
    Rng rng(5);
    std::vector<ir::Graph> graphs;
    std::vector<jobs::Result> results;
    for (std::size_t i = 0; i < count; ++i) {
      genomes.push_back(space->sample(rng));
      graphs.push_back(space->build(genomes.back()));
      results.push_back(simulated(graphs.back()));
    }
    data = make_dataset(chip, ir::DType::i8, graphs, results);
  }
};

const Fixture& fixture() {
  static const Fixture one(90);
  return one;
}

Model analytical(std::size_t hold_out) {
  FitOptions options;
  options.hold_out = hold_out;
  return fit::fit(fixture().data, options).model;
}

}  // namespace

TEST_CASE("60 networks teach the Edge TPU's ceilings: 30 others are missed by less than 0.5 % in the mean") {
  const Model model = analytical(30);
  REQUIRE(model.held_out);
  CHECK(model.held_out->mape < 0.005);
  CHECK(model.held_out->spearman > 0.99);
}

TEST_CASE("a genome's prediction is its graph's, by tables and by layers") {
  const Model model = analytical(0);
  const Fixture& all = fixture();
  const SpacePredictor predictor(model, all.space, all.chip, "m.yaml");
  CHECK(predictor.tabulated());
  GraphPredictor by_layer(model, all.chip, "m.yaml");
  for (std::size_t i = 0; i < 20; ++i) {
    const NetworkPrediction whole = by_layer.predict(passes::run_pipeline(all.space->build(all.genomes[i])));
    CHECK(predictor.predict_ns(all.genomes[i]) == Approx(whole.ns).epsilon(1e-9));
    double layers = whole.rest_ns;
    for (const LayerPrediction& layer : whole.layers) layers += layer.ns;
    CHECK(layers == Approx(whole.ns));
    CHECK(predictor.interval_ns(all.genomes[i]).low_ns < whole.ns);
    CHECK(predictor.interval_ns(all.genomes[i]).high_ns > whole.ns);
    CHECK_FALSE(predictor.outside_domain(all.genomes[i]));
  }
}

TEST_CASE("a batch of genomes is predicted as one by one") {
  const Fixture& all = fixture();
  const SpacePredictor predictor(analytical(0), all.space, all.chip, "m.yaml");
  std::vector<double> batch(all.genomes.size());
  predictor.predict_ns(all.genomes, batch);
  for (std::size_t i = 0; i < batch.size(); ++i) CHECK(batch[i] == predictor.predict_ns(all.genomes[i]));
}

TEST_CASE("a predictor for another chip than its model's is refused") {
  const Config other = hw::describe(kChip, {"clock_mhz=250"});
  CHECK_THROWS_AS(SpacePredictor(analytical(0), fixture().space, other, "m.yaml"), UserError);
}

TEST_CASE("a large network is reported as outside of a space's domain") {
  const Model model = analytical(0);
  GraphPredictor predictor(model, fixture().chip, "m.yaml");
  zoo::Builder b("large", {1, 3, 224, 224});
  auto x = b.conv("stem", b.input(), {.out = 256, .kernel = 7, .stride = 2});
  const ir::Graph graph = passes::run_pipeline(b.finish(b.conv("large", x, {.out = 512, .kernel = 3})));
  CHECK_FALSE(predictor.predict(graph).outside.empty());
}
