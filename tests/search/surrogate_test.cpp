#include "nas/search/surrogate.h"

#include <cmath>

#include "nas/space/random.h"
#include "sim/base/error.h"
#include "tests/catch.h"

namespace npusim::search {
namespace {

/// A sum over genes, and a product of two of them.
double target(const space::Genome& genome, double interaction) {
  double sum = 0;
  for (std::size_t g = 0; g < genome.size(); ++g)
    sum += static_cast<double>((g + 1) * ((genome[g] * 7U) % 5U));
  return sum + interaction * (genome[0] == 2 ? 1 : -1) * (genome[1] >= 3 ? 1 : -1);
}

struct Errors {
  double mean = 0, deviation = 0;  ///< absolute; standard deviation of the targets
};

Errors held_out(const space::Space& space, std::size_t rows, double interaction, std::size_t trees) {
  Rng rng(1);
  std::vector<space::Genome> genomes;
  std::vector<double> targets;
  for (std::size_t i = 0; i < rows; ++i) {
    genomes.push_back(space.sample(rng));
    targets.push_back(target(genomes.back(), interaction));
  }
  Surrogate::Options options;
  options.trees = trees;
  Surrogate model(space, options);
  model.fit(genomes, targets, 3);
  Errors errors;
  double sum = 0, square = 0;
  for (int i = 0; i < 500; ++i) {
    const space::Genome genome = space.sample(rng);
    const double truth = target(genome, interaction);
    errors.mean += std::abs(model.mean(genome) - truth) / 500;
    sum += truth / 500;
    square += truth * truth / 500;
  }
  errors.deviation = std::sqrt(square - sum * sum);
  return errors;
}

TEST_CASE("300 networks teach a sum over choices within 1 % of its deviation") {
  const auto space = space::make_space("nb201");
  const Errors errors = held_out(*space, 300, 0, 50);
  CHECK(errors.mean < 0.01 * errors.deviation);
}

TEST_CASE("trees learn what pairs of choices add, which choices alone cannot") {
  const auto space = space::make_space("nb201");
  const Errors with = held_out(*space, 300, 10, 50), without = held_out(*space, 300, 10, 0);
  CHECK(with.mean < 0.5 * without.mean);
}

TEST_CASE("the same rows and seed give the same predictions, another seed others") {
  const auto space = space::make_space("nb201");
  Rng rng(9);
  std::vector<space::Genome> genomes;
  std::vector<double> targets;
  for (int i = 0; i < 80; ++i) {
    genomes.push_back(space->sample(rng));
    targets.push_back(target(genomes.back(), 10));
  }
  Surrogate a(*space), b(*space), c(*space);
  a.fit(genomes, targets, 1);
  b.fit(genomes, targets, 1);
  c.fit(genomes, targets, 2);
  const space::Genome asked = space->sample(rng);
  CHECK(a.predict({asked}) == b.predict({asked}));
  CHECK(a.predict({asked}) != c.predict({asked}));
}

TEST_CASE("the noise of a model is small for a sum over choices and the deviation for random numbers") {
  const auto space = space::make_space("nb201");
  Rng rng(10);
  std::vector<space::Genome> genomes;
  std::vector<double> sums, random;
  for (int i = 0; i < 200; ++i) {
    genomes.push_back(space->sample(rng));
    sums.push_back(target(genomes.back(), 0));
    random.push_back(space::uniform_unit(rng));
  }
  Surrogate model(*space);
  model.fit(genomes, sums, 1);
  CHECK(model.noise() < 0.5);  // of 0 to 84
  model.fit(genomes, random, 1);
  CHECK(model.noise() > 0.25);  // a deviation of 0.29
  CHECK(model.noise() < 0.5);
}

TEST_CASE("a single row is predicted everywhere") {
  const auto space = space::make_space("nb201");
  Surrogate model(*space);
  model.fit({{0, 0, 0, 0, 0, 0}}, {5.0}, 1);
  CHECK(model.mean({1, 2, 3, 4, 0, 1}) == Approx(5.0));
}

TEST_CASE("an unknown surrogate is refused with the nearest name") {
  const auto space = space::make_space("nb201");
  CHECK_THROWS_AS(make_surrogate("tree", *space), UserError);
  CHECK(make_surrogate("trees", *space) != nullptr);
}

#ifdef NPUSIM_LSTM
TEST_CASE("the recurrent surrogate learns a sum over choices, and the same seed gives the same one") {
  const auto space = space::make_space("nb201");
  Rng rng(11);
  std::vector<space::Genome> genomes, held;
  std::vector<double> targets;
  for (int i = 0; i < 100; ++i) {
    genomes.push_back(space->sample(rng));
    targets.push_back(target(genomes.back(), 0));
    held.push_back(space->sample(rng));
  }
  const auto a = make_surrogate("lstm", *space), b = make_surrogate("lstm", *space),
             c = make_surrogate("lstm", *space);
  a->fit(genomes, targets, 1);
  c->fit(genomes, targets, 2);
  b->fit(genomes, targets, 1);
  const std::vector<std::vector<double>> predicted = a->predict(held);
  CHECK(predicted == b->predict(held));
  CHECK(predicted != c->predict(held));
  double error = 0, spread = 0, mean = 0;
  for (const space::Genome& genome : held) mean += target(genome, 0) / 100;
  for (std::size_t i = 0; i < held.size(); ++i) {
    REQUIRE(predicted[i].size() > 1);
    double guess = 0;
    for (const double member : predicted[i]) guess += member / static_cast<double>(predicted[i].size());
    error += std::abs(guess - target(held[i], 0)) / 100;
    spread += std::abs(mean - target(held[i], 0)) / 100;
  }
  CHECK(error < 0.5 * spread);
  CHECK(a->noise() > 0);
  CHECK(a->noise() < spread);
  // A second fit goes on from the first: the same calls give the same again.
  a->fit(genomes, targets, 3);
  b->fit(genomes, targets, 3);
  CHECK(a->predict(held) == b->predict(held));
}
#else
TEST_CASE("without libtorch the recurrent surrogate says why there is none") {
  const auto space = space::make_space("nb201");
  CHECK_THROWS_AS(make_surrogate("lstm", *space), UserError);
}
#endif

}  // namespace
}  // namespace npusim::search
