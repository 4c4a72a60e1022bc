#include "nas/search/evaluators.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nas/jobs/pool.h"
#include "nas/search/evaluators_proxies.h"
#include "sim/base/error.h"

namespace npusim::search {
namespace {

using Json = nlohmann::json;

/// Data-free scores, computed in worker processes.
class ProxyEvaluator : public Evaluator {
 public:
  ProxyEvaluator(std::string proxy, std::size_t workers, std::uint64_t seed)
      : proxy_(std::move(proxy)), workers_(workers), seed_(seed) {}
  [[nodiscard]] std::string name() const override { return "proxy:" + proxy_; }
  [[nodiscard]] std::string measure() const override { return proxy_ + " (a proxy)"; }
  [[nodiscard]] std::string identity() const override {
    return proxy_ == "params" || proxy_ == "macs" ? "" : fmt::format("{} seed={}", name(), seed_);
  }

  void evaluate(const std::vector<Candidate>& candidates, const Arrived& arrived) override {
    if (identity().empty()) {  // counting needs no process
      for (std::size_t i = 0; i < candidates.size(); ++i) arrived(i, {score(*candidates[i].graph), ""});
      return;
    }
    std::vector<std::size_t> jobs(candidates.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i] = i;
    const auto make = [&]() -> jobs::Work {
      return [&](std::size_t job) {
        try {
          return Json{{"value", score(*candidates[job].graph)}}.dump();
        } catch (const UserError& error) {
          return Json{{"failure", error.what()}}.dump(-1, ' ', false, Json::error_handler_t::replace);
        }
      };
    };
    const jobs::InterruptScope interrupts;
    jobs::PoolOptions pool;
    pool.workers = std::min(workers_, jobs.size());
    pool.stop = [] { return jobs::InterruptScope::requested(); };
    const bool done = jobs::run_pool(jobs, make, pool, [&](std::size_t job, const jobs::Outcome& outcome) {
      if (outcome.lost) return arrived(job, {0, "the proxy's process was " + outcome.text});
      const Json line = Json::parse(outcome.text);
      arrived(job, line.contains("value") ? Score{line.at("value"), ""} : Score{0, line.at("failure")});
    });
    if (!done) throw UserError("stopped; repeat the command to continue");
  }

 private:
  [[nodiscard]] double score(const ir::Graph& graph) const { return proxy_score(proxy_, graph, seed_); }

  std::string proxy_;
  std::size_t workers_;
  std::uint64_t seed_;
};

std::string payload_of(const Score& score) { return Json{{"score", score.value}}.dump(); }

}  // namespace

std::unique_ptr<Evaluator> make_evaluator(const EvaluatorOptions& options, const space::Space* space) {
  const auto colon = options.kind.find(':');
  const std::string kind = options.kind.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : options.kind.substr(colon + 1);
  if (kind == "proxy") {
    const std::string proxy = rest.empty() ? "synflow" : rest;
    const std::vector<std::string>& names = proxy_names();
    if (std::find(names.begin(), names.end(), proxy) == names.end()) {
      throw UserError(fmt::format("--evaluator proxy: '{}' is none of {}{}", proxy, fmt::join(names, ", "),
                                  suggestion(proxy, names)));
    }
    return std::make_unique<ProxyEvaluator>(proxy, options.workers, options.seed);
  }
  if (kind != "table" && kind != "command") {
    throw UserError(fmt::format("--evaluator: '{}' is none of proxy, table:FILE, command:PROGRAM{}",
                                options.kind, suggestion(kind, {"proxy", "table", "command"})));
  }
  if (rest.empty()) {
    throw UserError(
        fmt::format("--evaluator {0}: expected {0}:{1}", kind, kind == "table" ? "FILE" : "PROGRAM"));
  }
  if (kind == "table") {
    if (space == nullptr) {
      throw UserError(
          "--evaluator table: its rows are encodings of a space, which these networks are not in");
    }
    return make_table_evaluator(rest, *space);
  }
  return make_command_evaluator(rest, options.command);
}

std::vector<Score> scores_of(Evaluator& evaluator, const std::vector<Candidate>& candidates,
                             jobs::Store* store, const std::string& version) {
  std::vector<Score> scores(candidates.size());
  std::vector<Candidate> open;
  std::vector<std::size_t> places;
  std::vector<jobs::Key> keys;
  const bool kept = store != nullptr && !evaluator.identity().empty();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    jobs::Key key{"evaluator", kept ? ir::content_hash(*candidates[i].graph) : "", evaluator.identity(),
                  evaluator.built_in() ? version : ""};
    const auto stored = kept ? store->find(key) : std::nullopt;
    if (stored) {
      scores[i].value = Json::parse(stored->payload).at("score");
      continue;
    }
    open.push_back(candidates[i]);
    places.push_back(i);
    keys.push_back(std::move(key));
  }
  if (open.empty()) return scores;
  evaluator.evaluate(open, [&](std::size_t i, const Score& score) {
    scores[places[i]] = score;
    if (kept && score.failure.empty()) store->put(keys[i], {payload_of(score), 0});
  });
  return scores;
}

}  // namespace npusim::search
