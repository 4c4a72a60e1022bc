#include "nas/search/driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "nas/search/driver_bounds.h"
#include "nas/search/driver_genes.h"
#include "nas/search/driver_judge.h"
#include "sim/base/error.h"

namespace npusim::search {
namespace {

/// Adds the seconds of its life.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  ~Stopwatch() { seconds_ += std::chrono::duration<double>(Clock::now() - start_).count(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double& seconds_;
  Clock::time_point start_ = Clock::now();
};

/// Simulated when nothing seen keeps the limits by prediction: the user is told of the nearest.
constexpr std::size_t kNearest = 5;

/// Simulations that a table of blocks may take when nothing keeps the limits.
constexpr std::size_t kMostForRescue = 1000;

bool has_limit(const Limits& limits) {
  return limits.latency_ms || limits.macs || limits.params || limits.dram_mb;
}

class Search {
 public:
  Search(std::shared_ptr<const space::Space> space, const std::vector<SearchChip>& chips,
         Evaluator& evaluator, const SearchOptions& options)
      : space_(std::move(space)), chips_(chips), options_(options), judge_(evaluator, options) {
    check(options.goals);
    add_genes();
    std::vector<std::string> names;
    for (const SearchChip& chip : chips) names.push_back(chip.name);
    StrategyOptions how = options.of_strategy;
    how.objectives = objective_names(options.goals, names).size();
    how.limits = limits_by_objective(options.goals, chips.size());
    if (how.constrained && (options.goals.limits.soft || !has_limit(options.goals.limits))) {
      throw UserError("--aim limit: expected a hard limit, such as --latency-ms 2.5");
    }
    strategy_ = make_strategy(options.strategy, *space_, how);
    if (has_limit(options.goals.limits) && !options.goals.limits.soft) {
      check_feasible();
    }
    if (options.screen.model.empty()) return;
    const std::vector<std::string>& kinds = options.goals.objectives;
    if (options.goals.limits.dram_mb || std::find(kinds.begin(), kinds.end(), "dram") != kinds.end()) {
      throw UserError(
          "--screen: models predict latency, not DRAM traffic; leave out --screen or the DRAM goal");
    }
    screen_ = std::make_unique<Screen>(options.screen, space_, chips);
    const Stopwatch watch(out_.effort.table_s);
    out_.effort.table = screen_->prepare(batch_options(), options.of_strategy.budget);
  }

  SearchResult run() {
    const std::size_t budget = options_.of_strategy.budget;
    while (out_.seen.size() < budget) {
      const std::size_t first = out_.seen.size();
      if (!ask(std::min(options_.round, budget - first))) break;
      evaluate(first);
      tell(first);
    }
    confirm();
    if (archive_.front().empty()) rescue();
    finish();
    return std::move(out_);
  }

 private:
  /// Makes the strategy's space one of networks and settings of the chip.
  void add_genes() {
    const std::vector<std::string>& kinds = options_.goals.objectives;
    const bool area = std::find(kinds.begin(), kinds.end(), "area") != kinds.end();
    if (options_.genes.empty()) {
      if (area) throw UserError("--objectives area: it is the same for all networks without --gene");
      return;
    }
    if (chips_.size() > 1) throw UserError("--gene: expected one --hw, whose settings are searched");
    if (!options_.screen.model.empty()) {
      throw UserError("--screen: models are of one setting of the chip; leave out --screen or --gene");
    }
    networks_ = space_;
    settings_ = std::make_shared<HardwareSpace>(space_, options_.genes);
    space_ = settings_;
    variants_ = std::make_unique<Variants>(chips_.front());
    // Unknown keys are errors before anything is searched.
    static_cast<void>(variants_->of(settings_->overrides(settings_->largest())));
  }

  void check_feasible() {
    if (settings_ == nullptr) {
      bounds_ = std::make_unique<Bounds>(space_);
      return check_limits(*bounds_, *space_, chips_, options_.goals, batch_options());
    }
    Goals goals = options_.goals;  // what is proven of latency holds for one setting of the chip
    goals.limits.latency_ms.reset();
    check_limits(Bounds(networks_), *networks_, chips_, goals, batch_options());
  }

  bool ask(std::size_t most) {
    const Stopwatch watch(out_.effort.strategy_s);
    for (space::Genome& genome : strategy_->ask(most)) add(std::move(genome));
    return out_.seen.size() > graphs_told_;
  }

  void add(space::Genome genome) {
    Seen one;
    one.encoding = settings_ ? networks_->encode(settings_->network(genome)) : space_->encode(genome);
    if (settings_) one.overrides = settings_->overrides(genome);
    one.genome = std::move(genome);
    place_.emplace(one.genome, out_.seen.size());
    out_.seen.push_back(std::move(one));
    graphs_.emplace_back();
  }

  void evaluate(std::size_t first) {
    {
      const Stopwatch watch(out_.effort.build_s);
      for (std::size_t i = first; i < out_.seen.size(); ++i) build(i);
    }
    std::vector<std::size_t> fresh(out_.seen.size() - first);
    std::iota(fresh.begin(), fresh.end(), first);
    if (screen_ != nullptr && screen_->ready()) {
      weigh(fresh);
    } else {
      simulate(fresh);
      score(fresh);
    }
    for (const std::size_t i : fresh) settle(i);
    if (screen_ == nullptr) return;
    const Stopwatch watch(out_.effort.screen_s);
    screen_->update();
  }

  /// Simulates and scores what the screen lets hope for the front. Nothing is scored that may exceed a hard
  /// limit: what is expected on both sides of one is simulated first.
  std::size_t weigh(const std::vector<std::size_t>& networks) {
    std::vector<std::size_t> sure, unsure;
    {
      const Stopwatch watch(out_.effort.screen_s);
      for (const std::size_t i : networks) {
        const Outlook outlook = expect(i);
        if (out_.seen[i].measured.scored) {
          sure.push_back(i);
          continue;
        }
        if (violation_of(outlook.fast, options_.goals) > 0) continue;
        (violation_of(outlook.slow, options_.goals) > 0 ? unsure : sure).push_back(i);
      }
    }
    simulate(unsure);
    score(unsure);
    for (const std::size_t i : unsure) settle(i);
    score(sure);
    std::vector<std::size_t> worth;
    {
      const Stopwatch watch(out_.effort.screen_s);
      for (const std::size_t i : sure) {
        if (hopeful(i)) worth.push_back(i);
      }
    }
    simulate(worth);
    return unsure.size() + worth.size();
  }

  void build(std::size_t i) {
    Seen& one = out_.seen[i];
    ir::Graph graph = space_->build(one.genome);
    one.measured.macs = ir::macs(graph).count();
    one.measured.params = ir::parameters(graph);
    one.measured.scored = false;
    one.measured.chips.resize(chips_.size());
    if (settings_) {
      const Variant& variant = variants_->of(one.overrides);
      one.hw_hash = variant.hash;
      one.measured.area_proxy = variant.area_proxy;
      if (!variant.refusal.empty()) one.measured.chips.front().refusal = variant.refusal;
    }
    graphs_[i] = std::make_unique<ir::Graph>(std::move(graph));
  }

  void score(const std::vector<std::size_t>& networks) {
    const Stopwatch watch(out_.effort.score_s);
    judge_.score(networks, out_.seen, graphs_);
  }

  /// A network at both ends of what the screen expects of it.
  struct Outlook {
    Measured fast, slow;
  };

  /// Fills in what the screen expects.
  Outlook expect(std::size_t i) {
    Seen& one = out_.seen[i];
    Outlook outlook{one.measured, one.measured};
    for (std::size_t c = 0; c < chips_.size(); ++c) {
      const Screen::Expected expected = screen_->expect(c, one.genome);
      one.measured.chips[c] = {0, expected.middle_ms, 0, false, ""};
      outlook.fast.chips[c] = {0, expected.low_ms, 0, false, ""};
      outlook.slow.chips[c] = {0, expected.high_ms, 0, false, ""};
    }
    return outlook;
  }

  /// Whether the network is worth a simulation: at the fast end of what is expected it would keep the limits
  /// and enter the front.
  bool hopeful(std::size_t i) {
    const Measured fast = expect(i).fast;
    const Evaluation hopeful = judge(out_.seen[i].genome, fast, options_.goals);
    if (!hopeful.failure.empty() || hopeful.violation > 0) return false;
    const std::vector<Evaluation>& front = archive_.front();
    return std::none_of(front.begin(), front.end(), [&](const Evaluation& member) {
      return dominates(member.objectives, hopeful.objectives) || member.objectives == hopeful.objectives;
    });
  }

  [[nodiscard]] jobs::BatchOptions batch_options() const {
    jobs::BatchOptions how;
    how.workers = options_.workers;
    how.version = options_.version;
    how.store = options_.store;
    return how;
  }

  /// One job a chip and network; with hardware genes the chip is each network's own.
  [[nodiscard]] jobs::Batch batch_of(const std::vector<std::size_t>& worth) const {
    jobs::Batch batch;
    std::map<std::vector<std::string>, std::size_t> number;
    for (const SearchChip& chip : chips_) batch.chips.push_back({chip.description, {}, chip.hash});
    for (const std::size_t i : worth) batch.graphs.push_back(*graphs_[i]);
    for (std::size_t c = 0; c < chips_.size(); ++c) {
      for (std::size_t g = 0; g < worth.size(); ++g) {
        std::size_t chip = c;
        const Seen& one = out_.seen[worth[g]];
        if (settings_) {
          const auto [at, added] = number.emplace(one.overrides, batch.chips.size());
          if (added) batch.chips.push_back({chips_[c].description, one.overrides, one.hw_hash});
          chip = at->second;
        }
        batch.jobs.push_back({chip, g, chips_[c].dtype, screen_ != nullptr});
      }
    }
    return batch;
  }

  void simulate(std::vector<std::size_t> worth) {
    if (settings_) {  // settings that make no chip have their refusal already
      worth.erase(
          std::remove_if(worth.begin(), worth.end(), [&](std::size_t i) { return out_.seen[i].refused(); }),
          worth.end());
    }
    if (worth.empty()) return;
    const Stopwatch watch(out_.effort.simulate_s);
    const jobs::Batch batch = batch_of(worth);
    jobs::BatchOptions how = batch_options();
    how.resume = options_.resume && out_.history.empty();
    const jobs::BatchResult results = jobs::run_batch(batch, how);
    if (results.stopped) throw UserError("stopped; what was done is kept: repeat the command to continue");
    out_.effort.simulations += results.distinct;
    out_.effort.run += results.simulated;
    for (std::size_t j = 0; j < batch.jobs.size(); ++j)
      take(worth[j % worth.size()], j / worth.size(), results.results[j]);
  }

  void take(std::size_t i, std::size_t chip, const jobs::Result& result) {
    Seen& one = out_.seen[i];
    if (result.status == jobs::Status::failed) {
      throw InternalError(
          fmt::format("{}:{} on {}: {}", space_->name(), one.encoding, chips_[chip].name, result.message));
    }
    OnChip& on = one.measured.chips[chip];
    on = {result.summary.cycles, result.summary.latency_ms,
          result.summary.dram_read_bytes + result.summary.dram_write_bytes, true, ""};
    if (result.status != jobs::Status::ok) on.refusal = chips_[chip].name + ": " + result.message;
    if (screen_ != nullptr) screen_->learn(chip, one.genome, *graphs_[i], result);
  }

  void settle(std::size_t i) {
    Seen& one = out_.seen[i];
    one.evaluation = judge(one.genome, one.measured, options_.goals);
    if (one.simulated()) archive_.insert(one.evaluation);
  }

  void tell(std::size_t first) {
    std::vector<Evaluation> results;
    for (std::size_t i = first; i < out_.seen.size(); ++i) results.push_back(out_.seen[i].evaluation);
    {
      const Stopwatch watch(out_.effort.strategy_s);
      strategy_->tell(results);
    }
    graphs_told_ = out_.seen.size();
    if (screen_ == nullptr) {
      for (std::size_t i = first; i < out_.seen.size(); ++i) graphs_[i].reset();
    }
    if (out_.reference.empty() && judge_.asked()) set_reference(results);
    note_step();
  }

  void set_reference(const std::vector<Evaluation>& results) {
    for (const Evaluation& result : results) {
      if (out_.reference.empty()) out_.reference = result.objectives;
      for (std::size_t k = 0; k < result.objectives.size(); ++k) {
        double& worst = out_.reference[k];
        const double value = result.objectives[k];
        if (std::isfinite(value)) worst = std::isfinite(worst) ? std::max(worst, value) : value;
      }
    }
  }

  void note_step() {
    const double volume = out_.reference.empty() ? 0 : archive_.hypervolume(out_.reference);
    out_.history.push_back({out_.seen.size(), archive_.front().size(), volume});
    options_.progress(out_.history.back());
  }

  /// Looks at what was only predicted once more, by the last model and against the last front.
  void confirm() {
    if (screen_ == nullptr || !screen_->ready()) return;
    for (;;) {
      std::vector<std::size_t> open;
      for (std::size_t i = 0; i < out_.seen.size(); ++i) {
        if (!out_.seen[i].simulated() && out_.seen[i].evaluation.failure.empty()) open.push_back(i);
      }
      const std::size_t simulated = weigh(open);
      for (const std::size_t i : open) settle(i);
      if (simulated == 0) break;
      const Stopwatch watch(out_.effort.screen_s);
      screen_->update();
    }
    if (!archive_.front().empty()) return;
    const std::vector<std::size_t> last = nearest();
    simulate(last);
    score(last);
    for (const std::size_t i : last) settle(i);
  }

  /// Nothing seen keeps the limits: evaluates, beyond the budget, the networks with the least MACs,
  /// parameters and bytes, and that with the least sum of a table of blocks.
  void rescue() {
    if (bounds_ == nullptr || !bounds_->known()) return;
    std::vector<space::Genome> genomes = bounds_->least();
    if (options_.goals.limits.latency_ms) {
      for (const SearchChip& chip : chips_) {
        try {
          const BlockCosts costs = measure_blocks(*space_, chip, batch_options(), kMostForRescue);
          if (const auto genome = bounds_->fastest(costs.sums)) genomes.push_back(*genome);
        } catch (const UserError&) {  // too many blocks for a table
        }
      }
    }
    const std::size_t first = out_.seen.size();
    for (space::Genome& genome : genomes) {
      if (place_.count(genome) == 0) add(std::move(genome));
    }
    std::vector<std::size_t> fresh(out_.seen.size() - first);
    std::iota(fresh.begin(), fresh.end(), first);
    for (const std::size_t i : fresh) build(i);
    simulate(fresh);
    score(fresh);
    for (const std::size_t i : fresh) settle(i);
  }

  /// What was predicted to exceed the limits least.
  [[nodiscard]] std::vector<std::size_t> nearest() const {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < out_.seen.size(); ++i) {
      if (!out_.seen[i].simulated() && out_.seen[i].evaluation.failure.empty()) open.push_back(i);
    }
    std::stable_sort(open.begin(), open.end(), [&](std::size_t a, std::size_t b) {
      return out_.seen[a].evaluation.violation < out_.seen[b].evaluation.violation;
    });
    open.resize(std::min(open.size(), kNearest));
    return open;
  }

  void finish() {
    if (archive_.front().empty()) complain_of_limits(*space_, options_.goals, out_.seen);
    for (const Evaluation& member : archive_.front()) out_.front.push_back(place_.at(member.genome));
    if (screen_ == nullptr) return;
    out_.screen = screen_->account();
    note_step();
  }

  std::shared_ptr<const space::Space> space_;
  const std::vector<SearchChip>& chips_;
  const SearchOptions& options_;
  std::unique_ptr<Strategy> strategy_;
  std::unique_ptr<Screen> screen_;
  std::unique_ptr<Bounds> bounds_;  ///< of searches with hard limits
  Archive archive_;
  std::vector<std::unique_ptr<ir::Graph>> graphs_;  ///< by network seen; kept while they may be simulated
  std::size_t graphs_told_ = 0;
  std::map<space::Genome, std::size_t> place_;
  Judge judge_;
  /// Of searches with hardware genes: `space_` is then `settings_`, of `networks_`.
  std::shared_ptr<const HardwareSpace> settings_;
  std::shared_ptr<const space::Space> networks_;
  std::unique_ptr<Variants> variants_;
  SearchResult out_;
};

}  // namespace

bool Seen::refused() const {
  return std::any_of(measured.chips.begin(), measured.chips.end(),
                     [](const OnChip& chip) { return !chip.refusal.empty(); });
}

bool Seen::simulated() const {
  return std::all_of(measured.chips.begin(), measured.chips.end(),
                     [](const OnChip& chip) { return chip.simulated; });
}

SearchResult run_search(std::shared_ptr<const space::Space> space, const std::vector<SearchChip>& chips,
                        Evaluator& evaluator, const SearchOptions& options) {
  ensure(!chips.empty(), "a search for at least one chip");
  return Search(std::move(space), chips, evaluator, options).run();
}

}  // namespace npusim::search
