#include "nas/space/product.h"

#include <fmt/format.h>

#include "nas/space/random.h"
#include "sim/base/error.h"

namespace npusim::space {

double ProductSpace::count() const {
  double product = 1;
  for (const Gene& gene : genes_) product *= static_cast<double>(gene.choices.size());
  return product;
}

std::optional<Genome> ProductSpace::at(std::uint64_t index) const {
  ensure(count() < 0x1p53, "a product space of few networks");
  Genome genome;
  for (const Gene& gene : genes_) {
    genome.push_back(static_cast<std::uint16_t>(index % gene.choices.size()));
    index /= gene.choices.size();
  }
  if (index > 0) return std::nullopt;
  return genome;
}

Genome ProductSpace::sample(Rng& rng) const {
  Genome genome;
  for (const Gene& gene : genes_)
    genome.push_back(static_cast<std::uint16_t>(pick(rng, gene.choices.size())));
  return genome;
}

}  // namespace npusim::space
