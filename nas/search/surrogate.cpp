#include "nas/search/surrogate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nas/space/random.h"
#include "sim/base/error.h"

namespace npusim::search {

namespace {
constexpr int kSweeps = 20;               ///< over all genes, to fit what choices add
constexpr double kChoiceShrinkage = 0.3;  ///< rows of value 0 that are added to each choice
constexpr double kExplained = 1e-4;       ///< of the variance left over: no more trees

double mean_square(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum / static_cast<double>(values.size());
}
}  // namespace

Rows::Rows(const std::vector<space::Genome>& genomes, const std::vector<std::size_t>& sizes)
    : sizes_(sizes), count_(genomes.size()) {
  for (const space::Genome& genome : genomes) codes_.insert(codes_.end(), genome.begin(), genome.end());
}

struct ChoiceTree::Data {
  const Rows& genomes;
  const std::vector<double>& targets;
  const Limits& limits;
};

struct ChoiceTree::Split {
  double gain = 0;
  std::size_t gene = 0;
  std::vector<char> left;  ///< by choice
};

ChoiceTree ChoiceTree::grow(const Rows& genomes, const std::vector<double>& targets,
                            const std::vector<std::size_t>& rows, const Limits& limits) {
  ChoiceTree tree;
  tree.grow_node({genomes, targets, limits}, rows, 0);
  return tree;
}

std::size_t ChoiceTree::grow_node(const Data& data, const std::vector<std::size_t>& rows, std::size_t depth) {
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
  nodes_[index].gene = static_cast<std::uint32_t>(split.gene);
  nodes_[index].table = static_cast<std::uint32_t>(lefts_.size());
  lefts_.insert(lefts_.end(), split.left.begin(), split.left.end());
  const std::size_t left_index = grow_node(data, left, depth + 1);
  const std::size_t right_index = grow_node(data, right, depth + 1);
  nodes_[index].left = static_cast<std::uint32_t>(left_index);
  nodes_[index].right = static_cast<std::uint32_t>(right_index);
  return index;
}

namespace {

/// Of the rows with one choice: how many, the sum of their targets.
struct Bin {
  double count = 0, sum = 0;
  std::size_t choice = 0;
};

}  // namespace

ChoiceTree::Split ChoiceTree::best_split(const Data& data, const std::vector<std::size_t>& rows) {
  const double shrinkage = data.limits.shrinkage;
  const auto score = [shrinkage](double sum, double count) { return sum * sum / (count + shrinkage); };
  const auto least = static_cast<double>(data.limits.rows);
  const std::vector<std::size_t>& sizes = data.genomes.sizes();
  Split best;
  std::vector<Bin> bins, best_bins;
  for (std::size_t g = 0; g < sizes.size(); ++g) {
    bins.assign(sizes[g], {});
    for (std::size_t c = 0; c < sizes[g]; ++c) bins[c].choice = c;
    double all = 0;
    for (const std::size_t row : rows) {
      Bin& bin = bins[data.genomes[row][g]];
      bin.sum += data.targets[row];
      ++bin.count;
      all += data.targets[row];
    }
    std::erase_if(bins, [](const Bin& bin) { return bin.count == 0; });
    std::sort(bins.begin(), bins.end(), [](const Bin& a, const Bin& b) {
      const double left = a.sum * b.count, right = b.sum * a.count;
      return left != right ? left < right : a.choice < b.choice;
    });
    const auto total = static_cast<double>(rows.size());
    Bin left;
    for (std::size_t i = 0; i + 1 < bins.size(); ++i) {
      left.sum += bins[i].sum;
      left.count += bins[i].count;
      if (left.count < least || total - left.count < least) continue;
      const double gain =
          score(left.sum, left.count) + score(all - left.sum, total - left.count) - score(all, total);
      if (gain <= best.gain * (1 + 1e-12)) continue;
      best.gain = gain;
      best.gene = g;
      best_bins.assign(bins.begin(), bins.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
  }
  if (best.gain > 0) best.left.assign(sizes[best.gene], 0);
  for (const Bin& bin : best_bins) best.left[bin.choice] = 1;
  return best;
}

double ChoiceTree::operator()(const std::uint16_t* codes) const {
  const Node* node = nodes_.data();
  while (node->left != 0) {
    node = nodes_.data() + (lefts_[node->table + codes[node->gene]] != 0 ? node->left : node->right);
  }
  return node->value;
}

Surrogate::Surrogate(const space::Space& space) : Surrogate(space, Options{}) {}

Surrogate::Surrogate(const space::Space& space, const Options& options) : options_(options) {
  for (const space::Gene& gene : space.genes()) sizes_.push_back(gene.choices.size());
}

void Surrogate::fit_choices(const Rows& rows, std::vector<double>& residuals) {
  effects_.clear();
  for (const std::size_t size : sizes_) effects_.emplace_back(size, 0.0);
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (std::size_t g = 0; g < sizes_.size(); ++g) {
      std::vector<double> sums(sizes_[g], 0), counts(sizes_[g], kChoiceShrinkage);
      for (std::size_t row = 0; row < rows.count(); ++row) {
        const std::size_t choice = rows[row][g];
        sums[choice] += residuals[row] + effects_[g][choice];
        ++counts[choice];
      }
      std::vector<double> change(sizes_[g]);
      for (std::size_t c = 0; c < sizes_[g]; ++c) {
        change[c] = sums[c] / counts[c] - effects_[g][c];
        effects_[g][c] += change[c];
      }
      for (std::size_t row = 0; row < rows.count(); ++row) residuals[row] -= change[rows[row][g]];
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
  const Rows rows(genomes, sizes_);
  fit_choices(rows, start);
  Rng rng(seed);
  trees_.assign(options_.members, {});
  double errors = 0, unseen = 0;
  for (std::vector<ChoiceTree>& trees : trees_) {
    std::vector<std::size_t> bag;
    std::vector<char> inside(rows.count(), 0);
    for (std::size_t row = 0; row < rows.count(); ++row) {
      if (space::uniform_unit(rng) >= options_.bag) continue;
      bag.push_back(row);
      inside[row] = 1;
    }
    const std::vector<double> residuals = boost(rows, start, bag, rng, trees);
    for (std::size_t row = 0; row < rows.count(); ++row) {
      if (inside[row] != 0) continue;
      errors += residuals[row] * residuals[row];
      ++unseen;
    }
  }
  noise_ = unseen > 0 ? scale_ * std::sqrt(errors / unseen) : 0;
}

std::vector<double> Surrogate::boost(const Rows& rows, std::vector<double> residuals,
                                     const std::vector<std::size_t>& bag, Rng& rng,
                                     std::vector<ChoiceTree>& trees) const {
  for (std::size_t t = 0; t < options_.trees && mean_square(residuals) > kExplained; ++t) {
    std::vector<std::size_t> seen;
    for (const std::size_t row : bag) {
      if (space::uniform_unit(rng) < options_.rows) seen.push_back(row);
    }
    trees.push_back(ChoiceTree::grow(rows, residuals, seen, options_.tree));
    for (std::size_t row = 0; row < rows.count(); ++row) {
      residuals[row] -= options_.step * trees.back()(rows[row]);
    }
  }
  return residuals;
}

std::vector<std::vector<double>> Surrogate::predict(const std::vector<space::Genome>& genomes) const {
  const Rows rows(genomes, sizes_);
  std::vector<std::vector<double>> predictions(rows.count(), std::vector<double>(trees_.size()));
  std::vector<double> choices(rows.count(), 0), boosted(rows.count());
  for (std::size_t row = 0; row < rows.count(); ++row) {
    for (std::size_t g = 0; g < sizes_.size(); ++g) choices[row] += effects_[g][rows[row][g]];
  }
  for (std::size_t m = 0; m < trees_.size(); ++m) {
    // Tree by tree: it stays in the cache, and walks of different rows overlap.
    std::fill(boosted.begin(), boosted.end(), 0.0);
    for (const ChoiceTree& tree : trees_[m]) {
      for (std::size_t row = 0; row < rows.count(); ++row) boosted[row] += tree(rows[row]);
    }
    for (std::size_t row = 0; row < rows.count(); ++row) {
      predictions[row][m] = base_ + scale_ * (choices[row] + options_.step * boosted[row]);
    }
  }
  return predictions;
}

double Surrogate::mean(const space::Genome& genome) const {
  const std::vector<double> all = predict({genome}).front();
  return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
}

}  // namespace npusim::search
