// npusim search: networks of a space that are good and fast on chips.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>

#include "hw_models/api/npu.h"
#include "nas/search/compare.h"
#include "nas/search/driver.h"
#include "nas/search/fresh.h"
#include "nas/search/output.h"
#include "sim/base/error.h"
#include "sim/cli/batch_options.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/trace/format.h"

namespace npusim::cli {
namespace fs = std::filesystem;
namespace {

struct SearchCommand {
  std::vector<std::string> hw;
  std::vector<std::string> overrides;
  std::string space;
  std::string dtype;
  std::string combine = "worst";
  std::string objectives = "score,latency";
  std::string aim = "front";
  std::vector<std::string> genes;
  search::EvaluatorOptions evaluator;
  search::SearchOptions search;
  std::string output;
  std::vector<std::string> compare;  ///< benchmarks of strategies, instead of a search
  std::size_t seeds = 10;            ///< of each strategy there
  std::string strategies;            ///< to compare; "": all
  std::string picture;               ///< of the comparison, SVG; "": none
  bool weights = false;
  WorkerOptions run;
};

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) words.push_back(word);
  return words;
}

std::vector<search::SearchChip> chips_of(const SearchCommand& command) {
  std::vector<search::SearchChip> chips;
  for (const std::string& name : command.hw) {
    const Config description = resolve({name, command.overrides});
    search::SearchChip chip;
    chip.name = description.raw("chip");
    chip.dtype = choose_dtype(command.dtype, hw::make_npu(description)->dtypes(), chip.name);
    chip.hash = hw::hardware_hash(description);
    chip.description = std::make_shared<const Config>(description);
    for (const search::SearchChip& other : chips) {
      if (other.name == chip.name) throw UserError(fmt::format("--hw: {} is there twice", chip.name));
    }
    chips.push_back(std::move(chip));
  }
  if (chips.empty()) static_cast<void>(resolve({}));  // says what is missing
  return chips;
}

/// A line a round; on a terminal it is rewritten in place.
class RoundLine {
 public:
  explicit RoundLine(std::size_t budget) : budget_(budget) {}
  ~RoundLine() {
    if (terminal_) std::fputs("\r\033[K", stderr);
  }
  RoundLine(const RoundLine&) = delete;
  RoundLine& operator=(const RoundLine&) = delete;
  void show(const search::Step& step) const {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
    std::fprintf(stderr, "%snpusim: %zu of %zu networks, %zu on the front, hypervolume %.6g, %s%s",
                 terminal_ ? "\r\033[K" : "", step.evaluated, budget_, step.front, step.hypervolume,
                 trace::si(spent.count(), "s").c_str(), terminal_ ? "" : "\n");
    std::fflush(stderr);
  }

 private:
  std::size_t budget_;
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::string effort_text(const search::SearchResult& result) {
  const search::Effort& effort = result.effort;
  std::string text = fmt::format(
      "\n{:.0f} networks a minute; {} simulations ({} run now): simulating {}, scores {}, screening {}, "
      "strategy {}, building {}\n",
      60 * static_cast<double>(result.seen.size()) / std::max(effort.total_s(), 1e-9), effort.simulations,
      effort.run, trace::si(effort.simulate_s, "s"), trace::si(effort.score_s, "s"),
      trace::si(effort.screen_s, "s"), trace::si(effort.strategy_s, "s"), trace::si(effort.build_s, "s"));
  if (effort.table > 0) {
    text +=
        fmt::format("table of blocks: {} simulations, {}\n", effort.table, trace::si(effort.table_s, "s"));
  }
  if (result.screen.given_up) {
    text +=
        "screen: sums of blocks are more than 10 % off: networks were simulated; --screen apm may do "
        "better\n";
  }
  if (result.screen.checked == 0) return text;
  return text +
         fmt::format(
             "screen: {} fits; of {} simulations, {} outside of the expected range, mean error {:.2f} %\n",
             result.screen.fits, result.screen.checked, result.screen.outside,
             100 * result.screen.mean_error);
}

/// Of --compare: simulates what the searches returned on the chip of --hw, where one is named.
void add_fresh_simulations(const SearchCommand& command, jobs::Store* store,
                           search::CompareOptions& options) {
  if (command.hw.empty()) return;
  const std::vector<search::SearchChip> chips = chips_of(command);
  if (chips.size() > 1) throw UserError("--compare: expected one --hw, that of the benchmark's latencies");
  search::FreshOptions how;
  how.workers = worker_count(command.run);
  how.version = jobs::version_text(NPUSIM_VERSION);
  how.store = store;
  options.afterwards = [chip = chips.front(), how](const search::Benchmark& benchmark,
                                                   const search::Comparison& comparison) {
    return search::text_of(search::simulate_returned(benchmark, comparison, chip, how), chip.name);
  };
}

void run_comparison(const SearchCommand& command) {
  search::CompareOptions options;
  options.budget = command.search.of_strategy.budget;
  options.strategy = command.search.of_strategy;
  options.seeds = command.seeds;
  if (!command.strategies.empty()) options.strategies = words_of(command.strategies);
  std::optional<jobs::Store> store = command.hw.empty() ? std::nullopt : open_store(command.run);
  add_fresh_simulations(command, store ? &*store : nullptr, options);
  const search::CompareOutput output = search::run_compare(command.compare, command.space, options);
  if (!command.output.empty()) write_output(command.output, output.csv);
  if (!command.picture.empty()) write_output(command.picture, output.picture);
  write_output("", output.text);
}

/// "nsga2", "smbo", "smbo (lstm)".
std::string strategy_text(const search::SearchOptions& how) {
  const std::string& surrogate = how.of_strategy.surrogate;
  if (how.strategy != "smbo" || surrogate == "trees") return how.strategy;
  return fmt::format("{} ({})", how.strategy, surrogate);
}

void run(SearchCommand command) {
  if (!command.compare.empty()) return run_comparison(command);
  if (command.space.empty()) throw UserError("--space is missing (npusim spaces lists them)");
  const std::shared_ptr<const space::Space> space = space::make_space(command.space);
  const std::vector<search::SearchChip> chips = chips_of(command);
  search::SearchOptions& how = command.search;
  how.goals.combine = search::combine_of(command.combine);
  how.goals.objectives = words_of(command.objectives);
  search::check(how.goals);
  how.of_strategy.constrained = choose("--aim", command.aim, {"front", "limit"}) == 1;
  for (const std::string& text : command.genes) how.genes.push_back(sweep::parse_set(text));
  make_folder(command.output, "the front's networks and reports", "search.json");
  how.workers = worker_count(command.run);
  how.version = jobs::version_text(NPUSIM_VERSION);
  how.screen.seed = how.of_strategy.seed;
  how.of_strategy.reward_target = how.goals.limits.latency_ms.value_or(0);
  command.evaluator.workers = how.workers;
  command.evaluator.command.folder = (fs::path(command.output) / "candidates").string();
  const std::unique_ptr<search::Evaluator> evaluator = search::make_evaluator(command.evaluator, space.get());
  std::optional<jobs::Store> store = open_store(command.run);
  if (store) how.store = &*store;
  search::SearchResult result;
  {
    const RoundLine line(how.of_strategy.budget);
    how.progress = [&](const search::Step& step) { line.show(step); };
    result = search::run_search(space, chips, *evaluator, how);
  }
  const search::SearchIdentity identity{
      command.space,    evaluator->name(),    evaluator->measure(),   strategy_text(how), command.aim,
      how.screen.model, how.of_strategy.seed, how.of_strategy.budget, NPUSIM_VERSION,     how.goals,
      how.genes};
  search::write_search(command.output, identity, *space, chips, result, command.weights);
  write_output("", search::front_text(identity, chips, result) + effort_text(result));
}

template <class T>
void add_limit(CLI::App& app, const std::string& name, std::optional<T>& limit, const std::string& help) {
  app.add_option(name, limit, help)->type_name("X")->check(CLI::PositiveNumber);
}

void add_goals(CLI::App& app, SearchCommand& command) {
  search::Limits& limits = command.search.goals.limits;
  add_limit(app, "--latency-ms", limits.latency_ms, "longest latency of a network on the front");
  add_limit(app, "--macs", limits.macs, "most multiply-accumulates");
  add_limit(app, "--params", limits.params, "most weights");
  add_limit(app, "--dram-mb", limits.dram_mb, "most DRAM traffic, in 10^6 bytes");
  app.add_flag("--soft", limits.soft,
               "limits may be exceeded: the score then counts times (value / limit)^exponent");
  app.add_option("--exponent", limits.exponent, "of --soft; default: -0.07 (MnasNet)")
      ->type_name("X")
      ->check(CLI::Range(-100.0, 0.0));
  app.add_option("--objectives", command.objectives,
                 "score, then latency, dram, macs, params, area (of --gene), separated by commas; default: "
                 "score,latency")
      ->type_name("LIST");
  app.add_option("--aim", command.aim,
                 "front: all trade-offs; limit: the best score within the hard limits, where strategies then "
                 "spend their evaluations; default: front")
      ->type_name("WHAT");
  app.add_option("--combine", command.combine,
                 "latencies of several chips: worst, mean, or front (an objective each); default: worst")
      ->type_name("HOW");
}

void add_how(CLI::App& app, SearchCommand& command) {
  search::SearchOptions& how = command.search;
  app.add_option("--strategy", how.strategy,
                 fmt::format("{}; default: nsga2", fmt::join(search::strategy_names(), ", ")))
      ->type_name("NAME");
  app.add_option("--budget", how.of_strategy.budget, "networks to evaluate; default: 500")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}));
  app.add_option("--seed", how.of_strategy.seed, "of the search; default: 1")->type_name("S");
  app.add_option("--population", how.of_strategy.population, "of the evolutionary strategies; default: 50")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{4}, std::size_t{100'000}));
  app.add_option("--surrogate", how.of_strategy.surrogate,
                 "what smbo learns with: trees (default), or lstm where npusim was built with libtorch")
      ->type_name("KIND");
  app.add_option("--round", how.round, "networks that are evaluated together; default: 50")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}));
  app.add_option(
         "--screen", how.screen.model,
         "simulate only what this model of latency lets hope for the front: additive (a table of the space's "
         "blocks, measured first), or apm, ridge, ... (npusim fit), fitted to the search's own simulations; "
         "default: simulate every network")
      ->type_name("MODEL");
  app.add_option("--screen-after", how.screen.learn_from,
                 "simulations before the first fit; default: 100, of additive 30")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{20}, std::size_t{1'000'000}));
}

void add_evaluator(CLI::App& app, SearchCommand& command) {
  app.add_option(
         "--evaluator", command.evaluator.kind,
         "who judges networks: proxy:synflow, proxy:naswot, proxy:params, proxy:macs (data-free); "
         "table:FILE (CSV encoding,accuracy); command:PROGRAM (docs/search.md); default: proxy:synflow")
      ->type_name("KIND");
  app.add_option("--timeout-s", command.evaluator.command.timeout_s,
                 "of the command evaluator: longest silence; default: 3600")
      ->type_name("S")
      ->check(CLI::PositiveNumber);
  app.add_option("--retries", command.evaluator.command.retries,
                 "of the command evaluator, after it died or was silent on a network; default: 1")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{0}, std::size_t{100}));
}

}  // namespace

void add_search(CLI::App& app) {
  auto command = std::make_shared<SearchCommand>();
  CLI::App* sub = app.add_subcommand("search", "find networks of a space that are good and fast on chips");
  sub->add_option("--hw", command->hw, "chip: a built-in name or a YAML file; may be repeated")
      ->type_name("CHIP")
      ->allow_extra_args(false);
  sub->add_option("--set", command->overrides,
                  "override one key of every chip's description; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  sub->add_option("--space", command->space, "search space (npusim spaces) or a YAML file")
      ->type_name("SPACE");
  sub->add_option("--dtype", command->dtype, "fp16, int8, ...; default: each chip's first")
      ->type_name("TYPE");
  sub->add_option(
         "--gene", command->genes,
         "a key of the chip's description with values (dram.channels=1,2,4 or cube.m=8..32:8), searched "
         "together with the network; may be repeated; --objectives score,latency,area weighs the chip's "
         "size, too")
      ->type_name("KEY=VALUES")
      ->allow_extra_args(false);
  add_goals(*sub, *command);
  add_how(*sub, *command);
  add_evaluator(*sub, *command);
  sub->add_option("-o,--output", command->output,
                  "folder for the front: search.json, front.csv, ONNX, reports")
      ->type_name("DIR");
  sub->add_option("--compare", command->compare,
                  "compare all strategies instead of searching: nb201:cifar100:eyeriss (data sets cifar10, "
                  "cifar100, imagenet16; devices eyeriss, fpga, raspi4 as published, ascend310, "
                  "edgetpu-coral-usb, midap, vpu-meteorlake as npusim simulates them) or a CSV file of all "
                  "networks of --space (encoding,accuracy,latency_ms); ':shuffled' behind either: with "
                  "accuracies dealt at random; -o: CSV file of all trials; --hw: networks returned are "
                  "simulated there afresh; "
                  "may be repeated")
      ->type_name("BENCHMARK")
      ->allow_extra_args(false);
  sub->add_option("--strategies", command->strategies, "of --compare, separated by commas; default: all")
      ->type_name("LIST");
  sub->add_option("--picture", command->picture,
                  "of --compare: regret and hypervolume by evaluations, as SVG")
      ->type_name("FILE");
  sub->add_option("--seeds", command->seeds, "of --compare, each strategy; default: 10")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}));
  sub->add_flag("--weights", command->weights, "embed random weights in the front's ONNX files");
  const WorkerFlags flags = add_worker_options(*sub, command->run);
  sub->add_flag(
         "--resume", command->search.resume,
         "continue a stopped search: an error when the store has nothing of it (without --resume, what "
         "there is is reused just the same)")
      ->excludes(flags.no_store);
  sub->callback([command] { run(*command); });
}

}  // namespace npusim::cli
