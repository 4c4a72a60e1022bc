#include "nas/fit/dataset.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "sim/base/error.h"
#include "sim/base/hash.h"
#include "workloads/passes/passes.h"

namespace npusim::fit {
namespace {

using Json = nlohmann::json;
constexpr const char* kSchema = "npusim.samples/2";

}  // namespace

std::vector<double> Dataset::sums(const Network& network) const {
  std::vector<double> sum(features.size(), 0);
  for (const Sample& sample : network.samples) {
    const std::vector<double>& one = operators[sample.op].features;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += one[i];
  }
  return sum;
}

void check(const Dataset& data) {
  if (data.networks.empty()) throw UserError("there are no simulated networks to fit");
  for (const Operator& op : data.operators) {
    for (std::size_t i = 0; i < op.features.size(); ++i) {
      if (std::isfinite(op.features[i])) continue;
      throw UserError(fmt::format("feature {} of operator '{}' is {}: it must be finite", data.features[i],
                                  op.signature, op.features[i]));
    }
  }
  for (const Network& network : data.networks) {
    if (network.cycles <= 0) {
      throw UserError(
          fmt::format("network {} took {} cycles: they must be positive", network.name, network.cycles));
    }
  }
}

std::string hash_of(const Dataset& data) { return hex_hash(to_json(data)); }

std::string to_json(const Dataset& data) {
  Json json{{"schema", kSchema},
            {"hw", data.hw},
            {"hw_hash", data.hw_hash},
            {"dtype", data.dtype},
            {"ns_per_cycle", data.ns_per_cycle},
            {"features", data.features},
            {"operators", Json::array()},
            {"networks", Json::array()}};
  for (const Operator& op : data.operators) {
    json["operators"].push_back(
        {{"signature", op.signature}, {"kind", op.kind}, {"features", op.features}, {"room", op.room}});
  }
  for (const Network& network : data.networks) {
    Json samples = Json::array();
    for (const Sample& sample : network.samples) samples.push_back({sample.op, sample.cycles});
    json["networks"].push_back({{"name", network.name}, {"cycles", network.cycles}, {"operators", samples}});
  }
  return json.dump() + "\n";
}

namespace {

/// A number, or NaN for null: JSON has no other word for it.
double number(const Json& json) { return json.is_null() ? std::nan("") : json.get<double>(); }

Dataset dataset_of(const Json& json) {
  Dataset data{json.at("hw"),
               json.at("hw_hash"),
               json.at("dtype"),
               json.at("ns_per_cycle"),
               json.at("features"),
               {},
               {}};
  for (const Json& one : json.at("operators")) {
    Operator op{one.at("signature"), one.at("kind"), {}, one.at("room")};
    for (const Json& value : one.at("features")) op.features.push_back(number(value));
    if (op.features.size() != data.features.size()) {
      throw UserError(fmt::format("operator '{}' has {} features instead of {}", op.signature,
                                  op.features.size(), data.features.size()));
    }
    data.operators.push_back(std::move(op));
  }
  for (const Json& one : json.at("networks")) {
    Network network{one.at("name"), {}, one.at("cycles")};
    for (const Json& sample : one.at("operators")) {
      network.samples.push_back({sample.at(0), sample.at(1)});
      if (network.samples.back().op >= data.operators.size()) {
        throw UserError(fmt::format("network {} refers to operator {} of {}", network.name,
                                    network.samples.back().op, data.operators.size()));
      }
    }
    data.networks.push_back(std::move(network));
  }
  return data;
}

}  // namespace

Dataset parse_dataset(const std::string& text, const std::string& file) {
  try {
    const Json json = Json::parse(text);
    if (json.value("schema", "") != kSchema) {
      throw UserError(fmt::format("its schema is '{}', not {}", json.value("schema", ""), kSchema));
    }
    return dataset_of(json);
  } catch (const Json::exception& error) {
    throw UserError(fmt::format("{}: no file of samples: {}", file, error.what()));
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}: {}", file, error.what()));
  }
}

Dataset merge(std::vector<Dataset> parts, const std::vector<std::string>& names) {
  ensure(!parts.empty() && parts.size() == names.size(), "a name for each dataset");
  Dataset all = std::move(parts.front());
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < all.operators.size(); ++i) seen.emplace(all.operators[i].signature, i);
  for (std::size_t part = 1; part < parts.size(); ++part) {
    Dataset& other = parts[part];
    if (other.hw_hash != all.hw_hash) {
      throw UserError(
          fmt::format("{} is of {} (hardware {}) and {} of {} (hardware {}): one model is of one chip",
                      names[0], all.hw, all.hw_hash, names[part], other.hw, other.hw_hash));
    }
    if (other.dtype != all.dtype || other.features != all.features) {
      throw UserError(fmt::format("{} ({}) and {} ({}) have different types or features", names[0], all.dtype,
                                  names[part], other.dtype));
    }
    std::vector<std::size_t> index;
    for (Operator& op : other.operators) {
      const auto [at, added] = seen.emplace(op.signature, all.operators.size());
      if (added) all.operators.push_back(std::move(op));
      index.push_back(at->second);
    }
    for (Network& network : other.networks) {
      for (Sample& sample : network.samples) sample.op = index[sample.op];
      all.networks.push_back(std::move(network));
    }
  }
  return all;
}

std::size_t OperatorTable::index(const ir::Graph& graph, const ir::Op& op) {
  const Operator& described = extractor_.describe(graph, op);
  const auto [at, added] = seen_.emplace(described.signature, operators_.size());
  if (added) operators_.push_back(described);
  return at->second;
}

namespace {

Network network_of(const ir::Graph& graph, const jobs::Summary& summary, OperatorTable& table) {
  Network network{graph.name, {}, summary.cycles};
  std::unordered_map<std::string_view, std::size_t> samples;  // operator's name -> index
  for (const ir::Op& op : graph.ops) {
    samples.emplace(op.name, network.samples.size());
    network.samples.push_back({table.index(graph, op), 0});
  }
  for (const jobs::LayerSummary& layer : summary.layers) {
    auto at = samples.find(layer.name);
    if (at == samples.end()) at = samples.find(operator_of(layer.name));
    if (at != samples.end()) network.samples[at->second].cycles += layer.cycles;
  }
  return network;
}

}  // namespace

Dataset make_dataset(const Config& chip, ir::DType dtype, const std::vector<ir::Graph>& graphs,
                     const std::vector<jobs::Result>& results) {
  ensure(graphs.size() == results.size(), "a result for each network");
  Extractor extractor(chip, dtype);
  Dataset data{chip.text("chip"),
               hw::hardware_hash(chip),
               std::string(ir::to_string(dtype)),
               1e9 / static_cast<double>(extractor.npu().machine().clock_hz),
               extractor.names(),
               {},
               {}};
  OperatorTable table(extractor, data.operators);
  for (std::size_t i = 0; i < graphs.size(); ++i) {
    if (results[i].status != jobs::Status::ok) continue;
    const ir::Graph optimised = passes::run_pipeline(graphs[i]);
    data.networks.push_back(network_of(optimised, results[i].summary, table));
  }
  return data;
}

}  // namespace npusim::fit
