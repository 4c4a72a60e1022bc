#include "workloads/zoo/zoo.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iterator>

#include "sim/base/error.h"
#include "workloads/zoo/families.h"

namespace npusim::zoo {

bool Figure::matches(std::int64_t actual) const {
  return value == 0 || 2 * std::abs(actual - value * unit) <= unit - unit % 2;
}

namespace {

std::vector<Recipe> recipes() {
  std::vector<Recipe> all;
  for (auto* family :
       {residual_networks, plain_networks, inception_networks, mobile_networks, efficient_networks,
        isynet_networks, dense_networks, shuffle_networks, transformer_networks}) {
    auto rows = family();
    std::move(rows.begin(), rows.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace

std::vector<NetInfo> networks() {
  std::vector<NetInfo> infos;
  for (Recipe& recipe : recipes()) infos.push_back(std::move(recipe.info));
  return infos;
}

ir::Graph build(const std::string& name, std::int64_t batch) {
  if (batch < 1) throw UserError(fmt::format("network '{}': batch {} must be at least 1", name, batch));
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes()) {
    if (recipe.info.name == name) {
      Builder builder(name, {batch, 3, recipe.info.resolution, recipe.info.resolution});
      const TensorId logits = recipe.body(builder);
      return builder.finish(logits);
    }
    names.push_back(recipe.info.name);
  }
  throw UserError(fmt::format("no built-in network is called '{}'{}", name, suggestion(name, names)));
}

}  // namespace npusim::zoo
