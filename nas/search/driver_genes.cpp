#include "nas/search/driver_genes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "hw_models/api/npu.h"
#include "nas/space/random.h"
#include "nas/sweep/area.h"
#include "sim/base/error.h"

namespace npusim::search {

using space::Genome;

HardwareSpace::HardwareSpace(std::shared_ptr<const space::Space> networks, std::vector<sweep::Axis> axes)
    : Space(networks->name(), networks->genes()), networks_(std::move(networks)), axes_(std::move(axes)) {
  std::set<std::string> keys;
  for (const sweep::Axis& axis : axes_) {
    for (const std::string& key : axis.keys) {
      if (!keys.insert(key).second) throw UserError(fmt::format("--gene: {} is there twice", key));
    }
    space::Gene gene{fmt::format("{}", fmt::join(axis.keys, ",")), {}};
    for (const std::vector<std::string>& point : axis.points) {
      gene.choices.push_back(fmt::format("{}", fmt::join(point, ",")));
    }
    genes_.push_back(std::move(gene));
  }
}

Genome HardwareSpace::network(const Genome& genome) const {
  return {genome.begin(), genome.end() - static_cast<std::ptrdiff_t>(axes_.size())};
}

std::vector<std::string> HardwareSpace::overrides(const Genome& genome) const {
  std::vector<std::string> list;
  const std::size_t first = genome.size() - axes_.size();
  for (std::size_t a = 0; a < axes_.size(); ++a) {
    const std::vector<std::string>& point = axes_[a].points.at(genome.at(first + a));
    for (std::size_t k = 0; k < point.size(); ++k) list.push_back(axes_[a].keys[k] + "=" + point[k]);
  }
  return list;
}

std::vector<bool> HardwareSpace::active(const Genome& genome) const {
  std::vector<bool> on = networks_->active(network(genome));
  on.resize(genome.size(), true);
  return on;
}

Genome HardwareSpace::canonical(Genome genome) const {
  Genome whole = networks_->canonical(network(genome));
  whole.insert(whole.end(), genome.end() - static_cast<std::ptrdiff_t>(axes_.size()), genome.end());
  return whole;
}

double HardwareSpace::settings() const {
  double product = 1;
  for (const sweep::Axis& axis : axes_) product *= static_cast<double>(axis.points.size());
  return product;
}

double HardwareSpace::count() const { return networks_->count() * settings(); }

std::optional<Genome> HardwareSpace::at(std::uint64_t index) const {
  const auto settings_count = static_cast<std::uint64_t>(settings());
  std::optional<Genome> genome = networks_->at(index / settings_count);
  if (!genome) return genome;
  std::uint64_t setting = index % settings_count;
  for (const sweep::Axis& axis : axes_) {
    genome->push_back(static_cast<std::uint16_t>(setting % axis.points.size()));
    setting /= axis.points.size();
  }
  return genome;
}

Genome HardwareSpace::sample(Rng& rng) const {
  Genome genome = networks_->sample(rng);
  for (const sweep::Axis& axis : axes_) {
    genome.push_back(static_cast<std::uint16_t>(space::pick(rng, axis.points.size())));
  }
  return genome;
}

Genome HardwareSpace::largest() const {
  Genome genome = networks_->largest();
  genome.resize(genome.size() + axes_.size(), 0);
  return genome;
}

std::string HardwareSpace::encode(const Genome& genome) const {
  const std::vector<std::uint16_t> settings(genome.end() - static_cast<std::ptrdiff_t>(axes_.size()),
                                            genome.end());
  return fmt::format("{}+{}", networks_->encode(network(genome)), fmt::join(settings, "."));
}

Genome HardwareSpace::decode(const std::string& text) const {
  const auto plus = text.rfind('+');
  const auto wrong = [&] {
    return UserError(
        fmt::format("'{}': expected a network of {} and, behind '+', {} indices separated by dots", text,
                    name_, axes_.size()));
  };
  if (plus == std::string::npos) throw wrong();
  Genome genome = networks_->decode(text.substr(0, plus));
  std::istringstream in(text.substr(plus + 1));
  for (std::string word; std::getline(in, word, '.');) {
    std::uint16_t index = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), index);
    if (error != std::errc() || end != word.data() + word.size()) throw wrong();
    genome.push_back(index);
  }
  if (genome.size() != genes_.size()) throw wrong();
  check(genome);
  return genome;
}

std::vector<space::Block> HardwareSpace::blocks(const Genome& genome) const {
  return networks_->blocks(network(genome));
}

std::vector<space::Block> HardwareSpace::all_blocks() const { return networks_->all_blocks(); }

ir::Graph HardwareSpace::build(const Genome& genome, std::int64_t batch) const {
  return networks_->build(network(genome), batch);
}

const Variant& Variants::of(const std::vector<std::string>& overrides) {
  const auto found = known_.find(overrides);
  if (found != known_.end()) return found->second;
  Variant variant;
  const Config description = description_of(chip_, overrides);
  try {
    const std::unique_ptr<hw::Npu> npu = hw::make_npu(description);
    variant.hash = hw::hardware_hash(description);
    variant.area_proxy = sweep::area_proxy(*npu);
  } catch (const UserError& error) {
    variant.refusal = error.what();
  }
  return known_.emplace(overrides, std::move(variant)).first->second;
}

Config description_of(const SearchChip& chip, const std::vector<std::string>& overrides) {
  Config config = *chip.description;
  for (const std::string& text : overrides) config.set(text);
  return config;
}

}  // namespace npusim::search
