#include "nas/jobs/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <map>
#include <new>
#include <nlohmann/json.hpp>
#include <numeric>

#include "nas/jobs/pool.h"
#include "nas/jobs/progress.h"
#include "sim/base/error.h"
#include "sim/base/hash.h"

namespace npusim::jobs {
namespace {

using Json = nlohmann::json;

/// Calls `use` with a graph of the batch.
template <class Use>
auto with_graph(const Batch& batch, std::size_t index, Use use) {
  if (index < batch.graphs.size()) return use(batch.graphs[index]);
  return use(batch.makers.at(index - batch.graphs.size())());
}

constexpr std::size_t kChipsKept = 4;  ///< elaborated machines a worker holds on to

/// The report without its layers, and without the description that its hash stands for.
std::string summary_json(trace::Report report) {
  report.layers.clear();
  report.hardware.clear();
  return Json::parse(trace::to_json(report, false)).dump();
}

Summary summary_of(const Json& json) {
  Summary summary;
  summary.cycles = json.at("total_cycles");
  summary.latency_ms = json.at("latency_ms");
  summary.macs = json.at("macs");
  summary.utilisation = json.at("mac_utilization");
  summary.peak_macs_per_cycle = json.at("peak_macs_per_cycle");
  summary.dram_read_bytes = json.at("dram").at("read_bytes");
  summary.dram_write_bytes = json.at("dram").at("write_bytes");
  summary.row_hit_rate = json.at("dram").at("row_hit_rate");
  summary.batch = json.at("batch");
  summary.dtype = json.at("dtype");
  const Json& engines = json.at("engines");
  const double all = static_cast<double>(engines.size()) * static_cast<double>(summary.cycles);
  if (all == 0) return summary;
  for (const Json& engine : engines) {
    summary.busy_share += engine.at("busy_cycles").get<double>() / all;
    for (std::size_t i = 0; i < trace::kStallReasons; ++i) {
      const std::string reason{trace::to_string(static_cast<trace::Stall>(i))};
      summary.stall_share[i] += engine.at("stalls").at(reason).get<double>() / all;
    }
  }
  return summary;
}

/// [[name, cycles, busy cycles, [stall cycles by reason], DRAM bytes read, written], ...]
std::string layers_json(const trace::Report& report) {
  Json list = Json::array();
  for (const auto& layer : report.layers) {
    list.push_back({layer.name, layer.cycles(), layer.busy_cycles, layer.stalls.by_reason,
                    layer.dram_read_bytes, layer.dram_write_bytes});
  }
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A worker's line, or a stored payload, as a result.
Result result_of(const Json& json) {
  if (json.contains("invalid")) return {Status::invalid, json.at("invalid"), {}};
  if (json.contains("fault")) return {Status::failed, json.at("fault"), {}};
  Result result{Status::ok, "", summary_of(json.at("report"))};
  if (!json.contains("layers")) return result;
  for (const Json& layer : json.at("layers")) {
    result.summary.layers.push_back(
        {layer.at(0), layer.at(1), layer.at(2), {layer.at(3)}, layer.at(4), layer.at(5)});
  }
  return result;
}

/// What a worker does: chips are built once and kept while they are used.
class Simulator {
 public:
  explicit Simulator(const Batch& batch) : batch_(batch) {}

  std::string run(std::size_t index) {
    const auto start = std::chrono::steady_clock::now();
    std::string text = simulate(batch_.jobs[index]);
    const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return fmt::format("{{\"wall_s\":{},\"payload\":{}}}", wall_s, text);
  }

 private:
  struct Built {
    std::size_t chip;
    std::unique_ptr<hw::Evaluator> evaluator;
  };

  std::string simulate(const Job& job) {
    const auto refused = [](const char* kind, const char* why) {
      return Json{{kind, why}}.dump(-1, ' ', false, Json::error_handler_t::replace);
    };
    try {
      hw::EvaluateOptions options;
      options.dtype = job.dtype;
      options.time_shares = false;
      trace::Report report = with_graph(batch_, job.graph, [&](const ir::Graph& graph) {
        return evaluator(job.chip).evaluate(graph, options);
      });
      const std::string layers = job.layers ? ",\"layers\":" + layers_json(report) : "";
      return fmt::format("{{\"report\":{}{}}}", summary_json(std::move(report)), layers);
    } catch (const UserError& error) {
      return refused("invalid", error.what());
    } catch (const std::bad_alloc&) {
      return refused("fault", "out of memory");
    } catch (const std::exception& error) {
      return refused("fault", error.what());
    }
  }

  hw::Evaluator& evaluator(std::size_t chip) {
    const auto found =
        std::find_if(built_.begin(), built_.end(), [&](const Built& one) { return one.chip == chip; });
    if (found != built_.end()) {
      built_.splice(built_.begin(), built_, found);
    } else {
      if (built_.size() == kChipsKept) built_.pop_back();
      built_.push_front({chip, std::make_unique<hw::Evaluator>(batch_.chips[chip].description(),
                                                               kernel::KernelKind::run_ahead)});
    }
    return *built_.front().evaluator;
  }

  const Batch& batch_;
  std::list<Built> built_;  ///< most recently used first
};

/// Jobs of equal content, simulated once.
struct Distinct {
  Key key;
  std::vector<std::size_t> jobs;
};

/// Of a graph, what goes into keys: its content, and its operators' names, which the content's hash leaves
/// out.
struct GraphHashes {
  std::string content, names;
};

std::vector<GraphHashes> hashes_of(const Batch& batch) {
  std::vector<GraphHashes> hashes;
  for (std::size_t i = 0; i < batch.graphs.size() + batch.makers.size(); ++i) {
    hashes.push_back(with_graph(batch, i, [](const ir::Graph& graph) {
      std::string names;
      for (const ir::Op& op : graph.ops) names += op.name + '\n';
      return GraphHashes{ir::content_hash(graph), hex_hash(names)};
    }));
  }
  return hashes;
}

/// What decides a job's result besides chip and graph. Layers carry names.
std::string options_of(const Job& job, const GraphHashes& hashes) {
  const std::string text = fmt::format("dtype={}", ir::to_string(job.dtype));
  return job.layers ? text + " layers=" + hashes.names : text;
}

std::vector<Distinct> distinct_jobs(const Batch& batch, const std::string& version) {
  const std::vector<GraphHashes> hashes = hashes_of(batch);
  std::map<Key, std::size_t> seen;
  std::vector<Distinct> all;
  for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
    const Job& job = batch.jobs[i];
    const GraphHashes& graph = hashes[job.graph];
    Key key{batch.chips[job.chip].hash, graph.content, options_of(job, graph), version};
    const auto [at, added] = seen.emplace(key, all.size());
    if (added) all.push_back({std::move(key), {}});
    all[at->second].jobs.push_back(i);
  }
  // A worker builds a chip once when the chip's jobs follow one another.
  std::stable_sort(all.begin(), all.end(), [&](const Distinct& a, const Distinct& b) {
    return batch.jobs[a.jobs[0]].chip < batch.jobs[b.jobs[0]].chip;
  });
  return all;
}

class Runner {
 public:
  Runner(const Batch& batch, const BatchOptions& options) : batch_(batch), options_(options) {
    out_.results.resize(batch.jobs.size());
    std::vector<Distinct> all = distinct_jobs(batch, options.version);
    for (std::size_t i = options.shard; i < all.size(); i += options.shards) {
      place_[all[i].jobs[0]] = distinct_.size();
      distinct_.push_back(std::move(all[i]));
    }
    out_.distinct = distinct_.size();
  }

  BatchResult run() {
    std::vector<std::size_t> open;  // jobs, one for each key
    for (const Distinct& one : distinct_) {
      if (!reuse(one)) open.push_back(one.jobs[0]);
    }
    if (options_.store != nullptr) out_.damaged = options_.store->damaged();
    if (options_.resume && out_.reused == 0 && out_.distinct > 0) {
      throw UserError(
          fmt::format("--resume: {} has no result of this command (another npusim or other "
                      "inputs made what is there); leave out --resume to start anew",
                      options_.store == nullptr ? "no store" : options_.store->path()));
    }
    if (!open.empty()) simulate(open);
    return std::move(out_);
  }

 private:
  bool reuse(const Distinct& one) {
    if (options_.store == nullptr || options_.fresh) return false;
    const auto stored = options_.store->find(one.key);
    if (!stored) return false;
    settle(one, result_of(Json::parse(stored->payload)));
    ++out_.reused;
    return true;
  }

  void settle(const Distinct& one, const Result& result) {
    for (const std::size_t job : one.jobs) out_.results[job] = result;
  }

  void simulate(const std::vector<std::size_t>& open) {
    const InterruptScope interrupts;
    ProgressBar bar(open.size());
    std::size_t done = 0;
    PoolOptions pool;
    pool.workers = std::min(options_.workers, open.size());
    pool.stop = [] { return InterruptScope::requested(); };
    pool.tick = [&] { bar.show(done); };
    pool.retrying = [&](std::size_t job, const std::string& how) {
      bar.say(fmt::format("a worker was {} while simulating {}; trying once more", how, name(job)));
    };
    const auto make = [this] { return make_work(batch_); };
    out_.stopped = !options_.executor(open, make, pool, [&](std::size_t job, const Outcome& outcome) {
      ++done;
      finish(distinct_[place_.at(job)], outcome);
    });
  }

  void finish(const Distinct& one, const Outcome& outcome) {
    if (outcome.lost) {
      ++out_.lost;
      return settle(one, {Status::failed, fmt::format("its process was {}, twice", outcome.text), {}});
    }
    ++out_.simulated;
    const Json line = Json::parse(outcome.text);
    const Json& payload = line.at("payload");
    const Result result = result_of(payload);
    // A fault may be gone tomorrow (out of memory); what a chip refuses, it refuses always.
    if (options_.store != nullptr && result.status != Status::failed) {
      options_.store->put(one.key, {payload.dump(), line.at("wall_s")});
    }
    settle(one, result);
  }

  [[nodiscard]] std::string name(std::size_t index) const {
    const Job& job = batch_.jobs[index];
    const Chip& chip = batch_.chips[job.chip];
    const std::string graph = with_graph(batch_, job.graph, [](const ir::Graph& one) { return one.name; });
    return fmt::format("{} on {}{}{}", graph, chip.base->raw("chip"), chip.overrides.empty() ? "" : " with ",
                       fmt::join(chip.overrides, " "));
  }

  const Batch& batch_;
  const BatchOptions& options_;
  std::vector<Distinct> distinct_;            ///< of this shard
  std::map<std::size_t, std::size_t> place_;  ///< in distinct_, by the first job
  BatchResult out_;
};

}  // namespace

Config Chip::description() const {
  Config config = *base;
  for (const std::string& text : overrides) config.set(text);
  return config;
}

Work make_work(const Batch& batch) {
  auto simulator = std::make_shared<Simulator>(batch);
  return [simulator](std::size_t job) { return simulator->run(job); };
}

std::string batch_hash(const Batch& batch, const std::string& version) {
  std::string text;
  for (const Distinct& one : distinct_jobs(batch, version)) {
    const Key& key = one.key;
    text +=
        fmt::format("{} {} {} {} {}\n", key.hw_hash, key.graph_hash, key.options, key.version, one.jobs[0]);
  }
  return hex_hash(text);
}

BatchResult run_batch(const Batch& batch, const BatchOptions& options) {
  return Runner(batch, options).run();
}

std::string describe(const BatchResult& result, const BatchOptions& options) {
  std::string text;
  if (options.shards > 1) text = fmt::format("shard {} of {}: ", options.shard + 1, options.shards);
  text += fmt::format("{} simulations: {} run", result.distinct, result.simulated);
  if (options.store != nullptr) {
    text += fmt::format(", {} reused from {}", result.reused, options.store->path());
  }
  if (result.damaged > 0) text += fmt::format(", {} found damaged there and repeated", result.damaged);
  if (result.lost > 0) text += fmt::format(", {} lost with their workers", result.lost);
  return text;
}

}  // namespace npusim::jobs
