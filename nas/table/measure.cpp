#include "nas/table/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "nas/table/additive.h"
#include "nas/table/networks.h"
#include "sim/base/error.h"

namespace npusim::table {
namespace {

/// Channels up to which a block's input is taken for the image itself, which no operator comes before.
constexpr std::int64_t kImageChannels = 4;
/// Places in networks at which each block is measured, where the space has as many.
constexpr std::size_t kPlaces = 4;
/// Networks drawn for them, per block, before giving up.
constexpr std::size_t kDrawsPerBlock = 100;
/// The networks for rows and those for error bars come from different streams of random numbers.
constexpr std::uint64_t kRowSeed = 0x6e6574776f726b73ULL;

bool takes_image(const space::Block& block) {
  return block.input.size() == 4 && block.input[1] <= kImageChannels;
}

/// An operator that keeps this shape: a 3x3 convolution, 1x1 on a single cell, a linear layer on a vector.
space::Block keeper_of(const ir::Shape& shape) {
  space::Block block;
  block.input = shape;
  block.output = shape;
  block.name = "keep " + ir::to_string(shape);
  const std::int64_t channels = shape.at(1);
  if (shape.size() == 2) {
    block.append = [channels](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
      return b.linear(prefix + "fc", x, channels);
    };
    return block;
  }
  const std::int64_t kernel = shape.at(2) == 1 && shape.at(3) == 1 ? 1 : 3;
  block.append = [channels, kernel](zoo::Builder& b, const std::string& prefix, zoo::TensorId x) {
    return b.conv_bn_act(prefix + "conv", x, {.out = channels, .kernel = kernel});
  };
  return block;
}

/// The block behind S3NAS' stem, whose layers are not the block's.
ir::Graph stem_network(const space::Block& block, std::int64_t batch) {
  const bool map = block.input.size() == 4;
  const std::int64_t channels = block.input[1];
  // A vector comes from a global pool over the usual last map.
  const std::int64_t height = map ? block.input[2] : 7;
  const std::int64_t width = map ? block.input[3] : 7;
  zoo::Builder b(block.name, {batch, 3, 2 * height, 2 * width});
  auto x = b.conv_act("b0_stem", b.input(),
                      {.out = channels, .kernel = 7, .stride = 2, .pad = zoo::Pad::kLeading});
  if (!map) x = b.flatten("b1_flatten", b.global_average_pool("b1_pool", x));
  return b.finish(block.append(b, "b2_", x));
}

using BlockPtr = std::shared_ptr<const space::Block>;

class Planner {
 public:
  Planner(const std::vector<space::Block>& blocks, const space::Space* space, const jobs::Chip& chip,
          const MeasureOptions& options)
      : space_(space), options_(options) {
    std::set<std::string> seen;
    for (const space::Block& block : blocks) {
      if (seen.insert(block.name).second) blocks_.push_back(std::make_shared<space::Block>(block));
    }
    plan_.batch.chips.push_back(chip);
  }

  Plan run() {
    for (const BlockPtr& block : blocks_) {
      empty_rows_.push_back(empty_row(*block));
      if (block->input == block->output) keepers_.emplace(block->input, block);
    }
    for (const Context context : options_.contexts) {
      if (context == Context::network) plan_networks();
      for (std::size_t i = 0; i < blocks_.size(); ++i) {
        plan_.table.rows.push_back(row(i, context));
        plan_.uses.push_back(context == Context::network ? places_[blocks_[i]->name]
                                                         : std::vector<std::size_t>{probe(i, context)});
      }
    }
    if (space_ != nullptr) {
      const space::Genome largest = space_->largest();
      plan_.fixed_job = add_network(space_->blocks(largest));
      plan_.table.first_block = space_->blocks(largest).front().name;
      plan_error_networks();
    }
    return std::move(plan_);
  }

 private:
  std::size_t add_job(std::function<ir::Graph()> make) {
    plan_.batch.jobs.push_back({0, plan_.batch.makers.size(), options_.dtype, true});
    plan_.batch.makers.push_back(std::move(make));
    return plan_.batch.jobs.size() - 1;
  }
  std::size_t add_network(std::vector<space::Block> blocks) {
    return add_job(
        [blocks = std::move(blocks), batch = options_.batch] { return chain_of(blocks, batch, "network"); });
  }
  std::size_t add_chain(std::vector<BlockPtr> blocks) {
    return add_job([blocks = std::move(blocks), batch = options_.batch] {
      std::vector<const space::Block*> chain;
      for (const BlockPtr& block : blocks) chain.push_back(block.get());
      return chain_of(chain, batch, chain.front()->name);
    });
  }
  std::size_t add_probe(Probe probe) {
    plan_.probes.push_back(std::move(probe));
    return plan_.probes.size() - 1;
  }

  /// What a row says without a measurement.
  [[nodiscard]] Row empty_row(const space::Block& block) const {
    const ir::Graph alone = network_of(block, options_.batch);
    Row row;
    row.block = block.name;
    row.form = form_of(alone);
    row.input = alone.shape(alone.inputs[0]);
    row.output = alone.shape(alone.outputs[0]);
    row.macs = ir::macs(alone).count();
    return row;
  }
  [[nodiscard]] Row row(std::size_t i, Context context) const {
    Row row = empty_rows_[i];
    row.context = context;
    const bool copied = context == Context::stacked && blocks_[i]->input == blocks_[i]->output;
    row.samples = copied ? options_.copies : 1;
    return row;
  }

  std::size_t probe(std::size_t i, Context context) {
    const BlockPtr& block = blocks_[i];
    if (context == Context::stacked) return stacked(block);
    if (context == Context::behind_stem && !takes_image(*block)) return behind_stem(block);
    return add_probe(
        {add_job([block, batch = options_.batch] { return network_of(*block, batch); }), {0}, 1, {}});
  }

  /// F(A) = latency of N copies / N.
  std::size_t stack_of(const BlockPtr& block) {
    const auto found = stacks_.find(block->name);
    if (found != stacks_.end()) return found->second;
    Probe probe;
    const std::vector<BlockPtr> chain(static_cast<std::size_t>(options_.copies), block);
    probe.job = add_chain(chain);
    for (std::size_t i = 0; i < chain.size(); ++i) probe.places.push_back(i);
    probe.divide_by = static_cast<double>(options_.copies);
    return stacks_[block->name] = add_probe(std::move(probe));
  }

  const BlockPtr& keeper(const ir::Shape& shape) {
    const auto found = keepers_.find(shape);
    if (found != keepers_.end()) return found->second;
    return keepers_.emplace(shape, std::make_shared<space::Block>(keeper_of(shape))).first->second;
  }

  /// F(B) = latency of copies, B, copies - that of the copies. The image has none before it, a vector none
  /// behind it.
  std::size_t stacked(const BlockPtr& block) {
    if (block->input == block->output) return stack_of(block);
    Probe probe;
    std::vector<BlockPtr> chain;
    const auto add = [&](const ir::Shape& shape) {
      const BlockPtr& copy = keeper(shape);
      chain.insert(chain.end(), static_cast<std::size_t>(options_.copies), copy);
      probe.minus.push_back({stack_of(copy), static_cast<double>(options_.copies)});
    };
    if (!takes_image(*block)) add(block->input);
    chain.push_back(block);
    if (block->output.size() == 4) add(block->output);
    probe.job = add_chain(chain);
    for (std::size_t i = 0; i < chain.size(); ++i) probe.places.push_back(i);
    return add_probe(std::move(probe));
  }

  std::size_t behind_stem(const BlockPtr& block) {
    return add_probe(
        {add_job([block, batch = options_.batch] { return stem_network(*block, batch); }), {2}, 1, {}});
  }

  /// Networks that have every block at kPlaces places, each network adding to at least one block.
  void plan_networks() {
    if (space_ == nullptr) {
      throw UserError("--context network: blocks of a list are in no network; name a --space");
    }
    Rng rng(options_.seed ^ kRowSeed);
    std::map<std::string, std::size_t> open;
    for (const BlockPtr& block : blocks_) open[block->name] = kPlaces;
    for (std::size_t draw = 0; draw < kDrawsPerBlock * blocks_.size() && !open.empty(); ++draw) {
      const std::vector<space::Block> blocks = space_->blocks(space_->sample(rng));
      const bool useful = std::any_of(blocks.begin(), blocks.end(),
                                      [&](const space::Block& block) { return open.count(block.name) > 0; });
      if (!useful) continue;
      const std::size_t job = add_network(blocks);
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        places_[blocks[i].name].push_back(add_probe({job, {i}, 1, {}}));
        const auto found = open.find(blocks[i].name);
        if (found != open.end() && --found->second == 0) open.erase(found);
      }
    }
  }

  void plan_error_networks() {
    Rng rng(options_.seed);
    std::set<std::string> seen;
    const double distinct = std::min(space_->count(), static_cast<double>(options_.error_networks));
    while (static_cast<double>(plan_.error_networks.size()) < distinct) {
      const space::Genome genome = space_->sample(rng);
      const std::string name = space_->encode(genome);
      if (!seen.insert(name).second) continue;
      const std::vector<space::Block> blocks = space_->blocks(genome);
      Plan::Network network{name, {}, add_network(blocks)};
      for (const space::Block& block : blocks) network.blocks.push_back(block.name);
      plan_.error_networks.push_back(std::move(network));
    }
  }

  const space::Space* space_;
  const MeasureOptions& options_;
  std::vector<BlockPtr> blocks_;  ///< of different names; jobs share them, since they outlive the plan
  std::vector<Row> empty_rows_;   ///< by block
  std::map<ir::Shape, BlockPtr> keepers_;
  std::map<std::string, std::size_t> stacks_;               ///< probes
  std::map<std::string, std::vector<std::size_t>> places_;  ///< probes in networks
  Plan plan_;
};

/// What a row counts.
struct Amount {
  double cycles = 0, busy = 0, read = 0, written = 0;
  std::array<double, trace::kStallReasons> stalls{};

  void add(const Amount& other, double times) {
    cycles += times * other.cycles;
    busy += times * other.busy;
    read += times * other.read;
    written += times * other.written;
    for (std::size_t i = 0; i < stalls.size(); ++i) stalls[i] += times * other.stalls[i];
  }
};

/// The layers of a job by the place in their names; what belongs to no place comes first.
std::vector<Amount> by_place(const jobs::Summary& summary) {
  std::vector<Amount> amounts(1);
  for (const jobs::LayerSummary& layer : summary.layers) {
    const std::size_t at = place_of(layer.name) + 1;
    if (at >= amounts.size()) amounts.resize(at + 1);
    Amount one{static_cast<double>(layer.cycles),
               static_cast<double>(layer.busy_cycles),
               static_cast<double>(layer.dram_read_bytes),
               static_cast<double>(layer.dram_write_bytes),
               {}};
    for (std::size_t i = 0; i < one.stalls.size(); ++i) {
      one.stalls[i] = static_cast<double>(layer.stalls.by_reason[i]);
    }
    amounts[at].add(one, 1);
  }
  return amounts;
}

class Finisher {
 public:
  Finisher(const Plan& plan, const jobs::BatchResult& results) : plan_(plan), results_(results) {}

  /// Why a probe has no number; "" when it has.
  [[nodiscard]] std::string refusal(std::size_t index) const {
    const Probe& probe = plan_.probes[index];
    const jobs::Result& result = results_.results[probe.job];
    if (result.status == jobs::Status::not_run) return "not run";
    if (result.status != jobs::Status::ok) return result.message;
    for (const Probe::Less& less : probe.minus) {
      const std::string reason = refusal(less.probe);
      if (!reason.empty()) return reason;
    }
    return "";
  }

  Amount amount(std::size_t index) {
    const Probe& probe = plan_.probes[index];
    const std::vector<Amount>& places = layers(probe.job);
    Amount sum;
    for (const std::size_t place : probe.places) {
      if (place + 1 < places.size()) sum.add(places[place + 1], 1 / probe.divide_by);
    }
    for (const Probe::Less& less : probe.minus) sum.add(amount(less.probe), -less.times);
    return sum;
  }

  void fill(const std::vector<std::size_t>& uses, Row& row) {
    if (uses.empty()) row.refusal = "in none of the networks drawn";
    std::vector<Amount> amounts;
    for (const std::size_t use : uses) {
      row.refusal = refusal(use);
      if (row.refusal.empty()) amounts.push_back(amount(use));
    }
    if (amounts.empty()) return;
    row.refusal.clear();
    const auto count = static_cast<double>(amounts.size());
    Amount mean;
    double squares = 0;
    for (const Amount& one : amounts) mean.add(one, 1 / count);
    for (const Amount& one : amounts) squares += (one.cycles - mean.cycles) * (one.cycles - mean.cycles);
    row.cycles = mean.cycles;
    row.busy_cycles = mean.busy;
    row.stall_cycles = mean.stalls;
    row.dram_read_bytes = mean.read;
    row.dram_write_bytes = mean.written;
    if (row.context == Context::network) row.samples = static_cast<std::int64_t>(amounts.size());
    row.spread = std::sqrt(squares / count);
  }

  /// Cycles of a network that belong to no block; nothing when the chip refuses it.
  std::optional<double> fixed() {
    if (plan_.fixed_job == Plan::kNone || results_.results[plan_.fixed_job].status != jobs::Status::ok)
      return std::nullopt;
    return layers(plan_.fixed_job)[0].cycles;
  }

 private:
  const std::vector<Amount>& layers(std::size_t job) {
    auto [at, added] = layers_.try_emplace(job);
    if (added) at->second = by_place(results_.results[job].summary);
    return at->second;
  }

  const Plan& plan_;
  const jobs::BatchResult& results_;
  std::map<std::size_t, std::vector<Amount>> layers_;
};

double clock_mhz_of(const jobs::BatchResult& results) {
  for (const jobs::Result& result : results.results) {
    const jobs::Summary& summary = result.summary;
    if (result.status == jobs::Status::ok && summary.latency_ms > 0) {
      return std::round(static_cast<double>(summary.cycles) / summary.latency_ms) / 1e3;
    }
  }
  for (const jobs::Result& result : results.results) {
    if (result.status == jobs::Status::failed) throw InternalError(result.message);
    if (result.status == jobs::Status::invalid) {
      throw UserError(fmt::format("no block could be measured, the first because: {}", result.message));
    }
  }
  throw UserError("stopped before anything was measured");
}

}  // namespace

Plan make_plan(const std::vector<space::Block>& blocks, const space::Space* space, const jobs::Chip& chip,
               const MeasureOptions& options) {
  if (blocks.empty()) throw UserError("there is no block to measure");
  if (space == nullptr && options.error_networks > 0) {
    throw UserError("--error-bar: blocks of a list make no networks; name a --space");
  }
  Plan plan = Planner(blocks, space, chip, options).run();
  plan.table.hw_hash = chip.hash;
  plan.table.hw = chip.base->raw("chip");
  plan.table.dtype = ir::to_string(options.dtype);
  plan.table.batch = options.batch;
  plan.table.copies = options.copies;
  plan.seed = options.seed;
  if (space != nullptr) plan.table.space = space->name();
  return plan;
}

Table finish(Plan plan, const jobs::BatchResult& results) {
  Finisher finisher(plan, results);
  plan.table.clock_mhz = clock_mhz_of(results);
  const std::optional<double> fixed = finisher.fixed();
  plan.table.fixed_known = fixed.has_value();
  plan.table.fixed_cycles = fixed.value_or(0);
  for (std::size_t i = 0; i < plan.table.rows.size(); ++i) finisher.fill(plan.uses[i], plan.table.rows[i]);
  std::set<Context> contexts;
  for (const Row& row : plan.table.rows) contexts.insert(row.context);
  std::vector<Simulated> networks;
  for (const Plan::Network& network : plan.error_networks) {
    const jobs::Result& result = results.results[network.job];
    if (result.status == jobs::Status::ok) {
      networks.push_back({network.name, network.blocks, static_cast<double>(result.summary.cycles)});
    }
  }
  for (const Context context : contexts) {
    const std::optional<ErrorBar> bar = error_bar(AdditiveModel(plan.table, context), networks);
    if (!bar) continue;
    plan.table.errors[context] = *bar;
    plan.table.errors[context].seed = plan.seed;
  }
  return std::move(plan.table);
}

}  // namespace npusim::table
