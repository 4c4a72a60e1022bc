// NAS-Bench-201 (arXiv 2001.00326): one cell, repeated in three stages.
#include "workloads/zoo/nb201.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "nas/space/product.h"
#include "nas/space/staged.h"

namespace npusim::space {

namespace {

constexpr std::array kOps{"skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3"};
constexpr std::array kEdges{"12", "13", "14", "23", "24", "34"};
constexpr std::int64_t kChannels = 16, kCells = 5, kStages = 3, kCifarClasses = 10;

class Nb201Space : public ProductSpace {
 public:
  Nb201Space(std::string name, std::int64_t side) : ProductSpace(std::move(name), {}), side_(side) {
    for (const char* edge : kEdges) {
      genes_.push_back({fmt::format("cell.e{}", edge), {kOps.begin(), kOps.end()}});
    }
  }

  [[nodiscard]] Genome largest() const override {
    return Genome(genes_.size(), static_cast<std::uint16_t>(zoo::CellOp::conv3));
  }

  [[nodiscard]] std::vector<Block> blocks(const Genome& genome) const override {
    check(genome);
    std::vector<Block> parts{stem()};
    for (std::int64_t s = 0; s < kStages; ++s) {
      if (s > 0) parts.push_back(reduction(s));
      for (std::int64_t i = 0; i < kCells; ++i) {
        parts.push_back(cell(genome, s));
        parts.back().place = fmt::format("stage{}.{}", s, i);
      }
    }
    for (Block& block : head()) parts.push_back(std::move(block));
    return parts;
  }

  [[nodiscard]] std::vector<Block> all_blocks() const override {
    std::vector<Block> all{stem()};
    for (std::int64_t s = 0; s < kStages; ++s) {
      if (s > 0) all.push_back(reduction(s));
      for (std::uint64_t i = 0;; ++i) {
        const std::optional<Genome> genome = at(i);
        if (!genome) break;
        all.push_back(cell(*genome, s));
      }
    }
    for (Block& block : head()) all.push_back(std::move(block));
    for (Block& block : all) block.place.clear();
    return all;
  }

 private:
  [[nodiscard]] static std::int64_t channels(std::int64_t stage) { return kChannels << stage; }
  [[nodiscard]] std::int64_t side(std::int64_t stage) const { return side_ >> stage; }
  [[nodiscard]] ir::Shape shape(std::int64_t stage) const {
    return {1, channels(stage), side(stage), side(stage)};
  }

  [[nodiscard]] Block stem() const {
    zoo::Block block = conv_block(3, 1, kChannels, zoo::Act::none);
    block.in = 3;
    return placed_block(block, side_, "stem");
  }
  [[nodiscard]] Block cell(const Genome& genome, std::int64_t stage) const {
    zoo::Cell edges{};
    for (std::size_t i = 0; i < edges.size(); ++i) edges.at(i) = static_cast<zoo::CellOp>(genome[i]);
    return {fmt::format("nb201cell:e{}_c{}@{}", fmt::join(genome, ","), channels(stage), side(stage)),
            shape(stage), shape(stage),
            [edges](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
              return zoo::nb201_cell(b, prefix, x, edges);
            },
            ""};
  }
  /// Before `stage`.
  [[nodiscard]] Block reduction(std::int64_t stage) const {
    return {fmt::format("nb201cell:reduction_c{}@{}", channels(stage - 1), side(stage - 1)), shape(stage - 1),
            shape(stage), zoo::nb201_reduction, fmt::format("reduction{}", stage)};
  }
  [[nodiscard]] std::vector<Block> head() const {
    const std::int64_t last = kStages - 1;
    zoo::Block pool = pool_block(), dense = dense_block(kCifarClasses);
    pool.in = pool.out = dense.in = channels(last);
    return {{fmt::format("nb201cell:last_c{}@{}", channels(last), side(last)), shape(last), shape(last),
             zoo::nb201_last, "last"},
            placed_block(pool, side(last), "head0"),
            placed_block(dense, side(last), "head1")};
  }

  std::int64_t side_;
};

}  // namespace

std::unique_ptr<Space> make_nb201(const std::string& name, zoo::Size image) {
  return std::make_unique<Nb201Space>(name, image.h > 0 ? image.h : 32);
}

}  // namespace npusim::space
