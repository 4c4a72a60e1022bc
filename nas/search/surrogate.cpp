#include "nas/search/surrogate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nas/space/random.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {
constexpr int kSweeps = 20;             ///< over all genes, to fit what choices add
constexpr double kChoiceShrinkage = 1;  ///< rows of value 0 that are added to each choice
}  // namespace

struct ChoiceTree::Data {
  const std::vector<space::Genome>& genomes;
  const std::vector<double>& targets;
  const std::vector<std::size_t>& sizes;
  const Limits& limits;
};

struct ChoiceTree::Split {
  double gain = 0;
  std::size_t gene = 0;
  std::vector<char> left;  ///< by choice
};

ChoiceTree ChoiceTree::grow(const std::vector<space::Genome>& genomes, const std::vector<double>& targets,
                            std::vector<std::size_t> rows, const std::vector<std::size_t>& sizes,
                            const Limits& limits) {
  ChoiceTree tree;
  tree.grow_node({genomes, targets, sizes, limits}, std::move(rows), 0);
  return tree;
}

std::size_t ChoiceTree::grow_node(const Data& data, std::vector<std::size_t> rows, std::size_t depth) {
  const std::size_t index = nodes_.size();
  nodes_.emplace_back();
  double sum = 0;
  for (const std::size_t row : rows) sum += data.targets[row];
  nodes_[index].value = sum / (static_cast<double>(rows.size()) + data.limits.shrinkage);
  if (depth == data.limits.depth) return index;
  const Split split = best_split(data, rows);
  if (split.gain <= 0) return index;
  std::vector<std::size_t> left, right;
  for (const std::size_t row : rows) {
    (split.left[data.genomes[row][split.gene]] != 0 ? left : right).push_back(row);
  }
  nodes_[index].gene = split.gene;
  nodes_[index].table = lefts_.size();
  lefts_.insert(lefts_.end(), split.left.begin(), split.left.end());
  const std::size_t left_index = grow_node(data, std::move(left), depth + 1);
  const std::size_t right_index = grow_node(data, std::move(right), depth + 1);
  nodes_[index].left = left_index;
  nodes_[index].right = right_index;
  return index;
}

ChoiceTree::Split ChoiceTree::best_split(const Data& data, const std::vector<std::size_t>& rows) {
  const double shrinkage = data.limits.shrinkage;
  const auto score = [shrinkage](double sum, double count) { return sum * sum / (count + shrinkage); };
  Split best;
  std::vector<double> sums, counts;
  std::vector<std::size_t> order;
  for (std::size_t g = 0; g < data.sizes.size(); ++g) {
    sums.assign(data.sizes[g], 0);
    counts.assign(data.sizes[g], 0);
    for (const std::size_t row : rows) {
      sums[data.genomes[row][g]] += data.targets[row];
      ++counts[data.genomes[row][g]];
    }
    order.clear();
    for (std::size_t c = 0; c < counts.size(); ++c) {
      if (counts[c] > 0) order.push_back(c);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return sums[a] / counts[a] < sums[b] / counts[b]; });
    const double all = std::accumulate(sums.begin(), sums.end(), 0.0);
    const auto total = static_cast<double>(rows.size());
    double sum = 0, count = 0;
    for (std::size_t i = 0; i + 1 < order.size(); ++i) {
      sum += sums[order[i]];
      count += counts[order[i]];
      const auto least = static_cast<double>(data.limits.rows);
      if (count < least || total - count < least) continue;
      const double gain = score(sum, count) + score(all - sum, total - count) - score(all, total);
      if (gain <= best.gain * (1 + 1e-12)) continue;
      best = {gain, g, std::vector<char>(data.sizes[g], 0)};
      for (std::size_t k = 0; k <= i; ++k) best.left[order[k]] = 1;
    }
  }
  return best;
}

double ChoiceTree::operator()(const space::Genome& genome) const {
  std::size_t at = 0;
  while (nodes_[at].left != 0) {
    const Node& node = nodes_[at];
    at = lefts_[node.table + genome[node.gene]] != 0 ? node.left : node.right;
  }
  return nodes_[at].value;
}

Surrogate::Surrogate(const space::Space& space) : Surrogate(space, Options{}) {}

Surrogate::Surrogate(const space::Space& space, const Options& options) : options_(options) {
  for (const space::Gene& gene : space.genes()) sizes_.push_back(gene.choices.size());
}

void Surrogate::fit_choices(const std::vector<space::Genome>& genomes, std::vector<double>& residuals) {
  effects_.clear();
  for (const std::size_t size : sizes_) effects_.emplace_back(size, 0.0);
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (std::size_t g = 0; g < sizes_.size(); ++g) {
      std::vector<double> sums(sizes_[g], 0), counts(sizes_[g], kChoiceShrinkage);
      for (std::size_t row = 0; row < genomes.size(); ++row) {
        const std::size_t choice = genomes[row][g];
        sums[choice] += residuals[row] + effects_[g][choice];
        ++counts[choice];
      }
      std::vector<double> change(sizes_[g]);
      for (std::size_t c = 0; c < sizes_[g]; ++c) {
        change[c] = sums[c] / counts[c] - effects_[g][c];
        effects_[g][c] += change[c];
      }
      for (std::size_t row = 0; row < genomes.size(); ++row) residuals[row] -= change[genomes[row][g]];
    }
  }
}

void Surrogate::fit(const std::vector<space::Genome>& genomes, const std::vector<double>& targets,
                    std::uint64_t seed) {
  ensure(!genomes.empty() && genomes.size() == targets.size(), "a target for each of the rows");
  const auto count = static_cast<double>(targets.size());
  base_ = std::accumulate(targets.begin(), targets.end(), 0.0) / count;
  double square = 0;
  for (const double target : targets) square += (target - base_) * (target - base_) / count;
  scale_ = square > 0 ? std::sqrt(square) : 1;
  std::vector<double> start;
  for (const double target : targets) start.push_back((target - base_) / scale_);
  fit_choices(genomes, start);
  Rng rng(seed);
  trees_.assign(options_.members, {});
  for (std::vector<ChoiceTree>& trees : trees_) {
    std::vector<double> residuals = start;
    for (std::size_t t = 0; t < options_.trees; ++t) {
      std::vector<std::size_t> rows;
      for (std::size_t row = 0; row < genomes.size(); ++row) {
        if (space::uniform_unit(rng) < options_.rows) rows.push_back(row);
      }
      trees.push_back(ChoiceTree::grow(genomes, residuals, std::move(rows), sizes_, options_.tree));
      for (std::size_t row = 0; row < genomes.size(); ++row) {
        residuals[row] -= options_.step * trees.back()(genomes[row]);
      }
    }
  }
}

std::vector<double> Surrogate::members(const space::Genome& genome) const {
  double choices = 0;
  for (std::size_t g = 0; g < genome.size(); ++g) choices += effects_[g][genome[g]];
  std::vector<double> predictions;
  for (const std::vector<ChoiceTree>& trees : trees_) {
    double boosted = 0;
    for (const ChoiceTree& tree : trees) boosted += tree(genome);
    predictions.push_back(base_ + scale_ * (choices + options_.step * boosted));
  }
  return predictions;
}

double Surrogate::mean(const space::Genome& genome) const {
  const std::vector<double> all = members(genome);
  return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
}

}  // namespace npusim::search
