#include "nas/space/space.h"

#include <fmt/format.h>

#include <algorithm>

#include "nas/space/random.h"
#include "sim/base/error.h"

namespace npusim::space {

namespace {

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kBase = kDigits.size();

std::size_t width_of(const Gene& gene) { return gene.choices.size() > kBase ? 2 : 1; }

/// What genes of one stage share: "stage3" of "stage3.2".
std::string_view group_of(const Gene& gene) {
  return std::string_view(gene.name).substr(0, gene.name.find('.'));
}

std::uint16_t another(Rng& rng, std::uint16_t old, std::size_t choices) {
  const auto drawn = static_cast<std::uint16_t>(rng.uniform(0, static_cast<std::int64_t>(choices) - 2));
  return drawn >= old ? static_cast<std::uint16_t>(drawn + 1) : drawn;
}

std::uint16_t any(Rng& rng, const Gene& gene) {
  return static_cast<std::uint16_t>(rng.uniform(0, static_cast<std::int64_t>(gene.choices.size()) - 1));
}

}  // namespace

std::vector<bool> Space::active(const Genome& genome) const { return std::vector<bool>(genome.size(), true); }

void Space::check(const Genome& genome) const {
  if (genome.size() != genes_.size()) {
    throw UserError(
        fmt::format("space '{}': expected {} genes, got {}", name_, genes_.size(), genome.size()));
  }
  for (std::size_t i = 0; i < genome.size(); ++i) {
    if (genome[i] >= genes_[i].choices.size()) {
      throw UserError(fmt::format("space '{}', gene '{}': expected a choice below {}, got {}", name_,
                                  genes_[i].name, genes_[i].choices.size(), genome[i]));
    }
  }
}

Genome Space::mutate(const Genome& parent, Rng& rng, double rate) const {
  const Genome origin = canonical(parent);
  const std::vector<bool> on = active(origin);
  std::vector<std::size_t> movable;
  for (std::size_t i = 0; i < genes_.size(); ++i) {
    if (on[i] && genes_[i].choices.size() > 1) movable.push_back(i);
  }
  if (movable.empty()) return origin;
  for (;;) {
    Genome child = origin;
    for (std::size_t i = 0; i < child.size(); ++i) {
      if (!on[i]) child[i] = any(rng, genes_[i]);
    }
    bool changed = false;
    for (const std::size_t i : movable) {
      if (uniform_unit(rng) >= rate) continue;
      child[i] = another(rng, child[i], genes_[i].choices.size());
      changed = true;
    }
    if (!changed) {
      const std::size_t i = movable[pick(rng, movable.size())];
      child[i] = another(rng, child[i], genes_[i].choices.size());
    }
    child = canonical(std::move(child));
    if (child != origin) return child;
  }
}

Genome Space::cross(const Genome& a, const Genome& b, Rng& rng) const {
  const Genome left = canonical(a), right = canonical(b);
  const std::vector<bool> on_left = active(left), on_right = active(right);
  Genome child(left.size());
  for (std::size_t i = 0; i < child.size(); ++i) {
    const bool from_left = on_left[i] && (!on_right[i] || rng.uniform(0, 1) == 0);
    child[i] = from_left || !on_right[i] ? left[i] : right[i];
  }
  return canonical(std::move(child));
}

std::string Space::encode(const Genome& genome) const {
  check(genome);
  const Genome plain = canonical(genome);
  std::string text;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (i > 0 && group_of(genes_[i]) != group_of(genes_[i - 1])) text += '-';
    if (width_of(genes_[i]) == 2) text += kDigits[plain[i] / kBase];
    text += kDigits[plain[i] % kBase];
  }
  return text;
}

Genome Space::decode(const std::string& text) const {
  std::size_t at = 0;
  const auto fail = [&](const std::string& what) {
    throw UserError(fmt::format("space '{}', encoding '{}', character {}: {}", name_, text, at + 1, what));
  };
  Genome genome;
  for (std::size_t i = 0; i < genes_.size(); ++i) {
    const Gene& gene = genes_[i];
    if (i > 0 && group_of(gene) != group_of(genes_[i - 1])) {
      if (at >= text.size() || text[at] != '-') fail(fmt::format("expected '-' before gene '{}'", gene.name));
      ++at;
    }
    std::size_t value = 0;
    const std::size_t begin = at;
    for (; at < begin + width_of(gene); ++at) {
      const std::size_t digit = at < text.size() ? kDigits.find(text[at]) : std::string_view::npos;
      if (digit == std::string_view::npos) {
        fail(fmt::format("expected a digit or lower-case letter for gene '{}'", gene.name));
      }
      value = value * kBase + digit;
    }
    if (value >= gene.choices.size()) {
      at = begin;
      fail(fmt::format("gene '{}' has choices 0 to {} ({} to {})", gene.name,
                       kDigits[std::min(gene.choices.size() - 1, kBase - 1)], gene.choices.front(),
                       gene.choices.back()));
    }
    genome.push_back(static_cast<std::uint16_t>(value));
  }
  if (at < text.size()) fail("expected the end");
  return canonical(std::move(genome));
}

ir::Graph Space::build(const Genome& genome, std::int64_t batch) const {
  check(genome);
  const std::vector<Block> parts = blocks(genome);
  ir::Shape input = parts.front().input;
  input.front() = batch;
  zoo::Builder b(fmt::format("{}:{}", name_, encode(genome)), input);
  zoo::TensorId x = b.input();
  for (const Block& part : parts) x = part.append(b, part.place, x);
  return b.finish(x);
}

}  // namespace npusim::space
