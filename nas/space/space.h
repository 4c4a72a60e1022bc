// Search spaces: sets of networks that differ in a fixed list of choices.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/rng.h"
#include "workloads/ir/graph.h"
#include "workloads/zoo/builder.h"

namespace npusim::space {

/// One choice that a space leaves open.
struct Gene {
  std::string name;                  ///< "stage3.2.kernel"
  std::vector<std::string> choices;  ///< as a user reads them; at least one
};

/// By gene, the index of its choice. Genes that another gene's choice switches off (the blocks behind a
/// stage's depth, say) are 0 in a canonical genome.
using Genome = std::vector<std::uint16_t>;

/// A part of a network that a latency table has one row for: an operator or block at one input shape.
struct Block {
  /// The same text for the same block in all spaces and networks: a name of the zoo where one exists
  /// ("block:r1_k3_s22_e6_i32_o64@56"), so that `npusim run` takes it.
  std::string name;
  ir::Shape input;   ///< N, C, H, W (or N, C) at batch 1
  ir::Shape output;  ///< the same
  /// Appends the block to a network whose tensor `x` has the input's shape; operators are named behind
  /// `prefix`.
  std::function<zoo::TensorId(zoo::Builder&, const std::string& prefix, zoo::TensorId x)> append;
  std::string place = {};  ///< in its network: "stem", "stage3.2", "head"; "" in all_blocks()
};

/// A search space. All networks have one image as input, batch 1, fp32 weights without values. Const members
/// may be called from several threads.
class Space {
 public:
  virtual ~Space() = default;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<Gene>& genes() const { return genes_; }

  /// By gene, whether it has a say in this network.
  [[nodiscard]] virtual std::vector<bool> active(const Genome& genome) const;
  /// The canonical genome of the same network; sets what is switched off to 0.
  [[nodiscard]] virtual Genome canonical(Genome genome) const { return genome; }
  /// Networks that differ, as a double because spaces exceed 2^64; exact below 2^53.
  [[nodiscard]] virtual double count() const = 0;
  /// The `index`-th network of an enumeration; nullopt past the last. Only for spaces of up to 2^53 networks:
  /// throws UserError for larger ones.
  [[nodiscard]] virtual std::optional<Genome> at(std::uint64_t index) const = 0;

  /// A canonical genome, every network of the space with the same probability.
  [[nodiscard]] virtual Genome sample(Rng& rng) const = 0;
  /// Another network of the space: each active gene changes with probability `rate`, at least one does; what
  /// that switches on is drawn anew. The parent itself in a space of one network.
  [[nodiscard]] virtual Genome mutate(const Genome& parent, Rng& rng, double rate) const;
  /// Each gene from either parent with equal probability (from the other where one switches it off), then
  /// canonical.
  [[nodiscard]] virtual Genome cross(const Genome& a, const Genome& b, Rng& rng) const;
  /// A network with the most MACs.
  [[nodiscard]] virtual Genome largest() const = 0;

  /// Throws UserError naming the gene when the genome is not one of this space.
  void check(const Genome& genome) const;

  /// The genome as a text that decode() takes back and that is safe as a file name: a digit or letter a gene
  /// (two for a gene of more than 36 choices), with dashes between genes of different stages.
  [[nodiscard]] virtual std::string encode(const Genome& genome) const;
  /// The canonical genome. Throws UserError naming the position.
  [[nodiscard]] virtual Genome decode(const std::string& text) const;

  /// The network's blocks from image to output. Their order is that of the network; every operator of build()
  /// belongs to one of them.
  [[nodiscard]] virtual std::vector<Block> blocks(const Genome& genome) const = 0;
  /// Every block that some network of the space has, without duplicates, in a fixed order. Throws UserError
  /// where they are too many to list (isynet: a million); the blocks of samples serve there.
  [[nodiscard]] virtual std::vector<Block> all_blocks() const = 0;
  /// The network, called `<space>:<encoding>`: the blocks in a row. Operators are named "<place>...".
  [[nodiscard]] virtual ir::Graph build(const Genome& genome, std::int64_t batch = 1) const;

 protected:
  Space(std::string name, std::vector<Gene> genes) : name_(std::move(name)), genes_(std::move(genes)) {}
  /// For spaces whose genes are known only in the constructor's body.
  std::string name_;
  std::vector<Gene> genes_;
};

/// A space of this name ("s3nas"), optionally for another image size ("proxyless@192", "edsr@180x320"), or
/// the YAML file ("*.yaml") that describes one. Throws UserError: for an unknown name with the
/// nearest, for a file with its line.
std::unique_ptr<Space> make_space(const std::string& name_or_file);

/// True for "<space>:<encoding>" where the text before the last colon names a space or ends in ".yaml".
bool is_network(const std::string& name);
/// The network of that name. Throws UserError for an unknown space, or naming the position in the encoding.
ir::Graph build(const std::string& name, std::int64_t batch = 1);

/// Name, what it is, source; for `npusim spaces` and error messages.
struct SpaceInfo {
  std::string name, description, source;
};
const std::vector<SpaceInfo>& spaces();

}  // namespace npusim::space
