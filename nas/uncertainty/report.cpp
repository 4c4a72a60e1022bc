// A study's findings as text, JSON and CSV.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "nas/uncertainty/study.h"
#include "sim/trace/format.h"

namespace npusim::uncertainty {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kWidth = 100;

std::string milliseconds(double value) { return fmt::format("{:.4g} ms", value); }

/// By how much the nominal latency changes, "+3.1 %".
std::string relative(double value, double nominal) {
  return fmt::format("{:+.1f} %", 100 * (value / nominal - 1));
}

std::string range_text(const Guess& guess) {
  if (guess.kind == Kind::word) return fmt::format("{}", fmt::join(guess.words, "|"));
  return fmt::format("{}..{}", guess.low, guess.high);
}

/// "256: +0.1 %" of a change that ran.
std::string change_text(const Change& change, double nominal) {
  return fmt::format("{}: {}", change.value, change.ran ? relative(change.latency_ms, nominal) : "refused");
}

std::string tornado_text(const Study& study, const Findings& findings) {
  using Align = trace::Table::Align;
  trace::Table table({{"guess", Align::left},
                      {"value", Align::left, 14},
                      {"could be", Align::left, 24},
                      {"change of latency", Align::left, 40},
                      {"swing"}});
  std::string without;
  for (const Swing& swing : findings.tornado) {
    const Guess& guess = study.guesses.varied[swing.guess];
    std::vector<std::string> changes;
    bool refused = false;
    for (const Change& change : swing.changes) {
      changes.push_back(change_text(change, findings.nominal.latency_ms));
      refused = refused || !change.ran;
    }
    if (swing.swing_ms() == 0 && !refused) {
      without += (without.empty() ? "" : ", ") + guess.key;
      continue;
    }
    table.row({guess.key, guess.value, range_text(guess), fmt::format("{}", fmt::join(changes, ", ")),
               fmt::format("{:.1f} %", 100 * swing.swing_ms() / findings.nominal.latency_ms)});
  }
  std::string text = table.text(kWidth);
  if (!without.empty()) text += trace::labelled("no change: ", without, 11, kWidth);
  return text;
}

Json change_json(const Change& change) {
  Json json{{"value", change.value}};
  json["latency_ms"] = change.ran ? Json(change.latency_ms) : Json(nullptr);
  if (!change.ran) json["refused"] = change.reason;
  return json;
}

Json swing_json(const Guess& guess, const Swing& swing, double nominal) {
  Json json{{"guess", guess.key}, {"value", guess.value}, {"kind", guess.describe_kind()}};
  json["range"] = guess.kind == Kind::word ? Json(guess.words) : Json{guess.low, guess.high};
  json["changes"] = Json::array();
  for (const Change& change : swing.changes) json["changes"].push_back(change_json(change));
  json["least_ms"] = swing.least_ms;
  json["most_ms"] = swing.most_ms;
  json["swing_ms"] = swing.swing_ms();
  json["swing_share"] = swing.swing_ms() / nominal;
  return json;
}

Json sample_json(const Study& study, const Findings& findings, std::size_t index) {
  Json values = Json::object();
  for (std::size_t g = 0; g < study.guesses.varied.size(); ++g) {
    values[study.guesses.varied[g].key] = study.samples[index].values[g];
  }
  Json json{{"values", std::move(values)}};
  const bool ran = findings.failed[index].empty();
  json["latency_ms"] = ran ? Json(findings.latencies[index]) : Json(nullptr);
  if (!ran) json["failed"] = findings.failed[index];
  return json;
}

std::string first_failure(const Findings& findings) {
  for (const std::string& reason : findings.failed) {
    if (!reason.empty()) return reason.substr(0, reason.find('\n'));
  }
  return "";
}

}  // namespace

std::string to_text(const Title& title, const Study& study, const Findings& findings) {
  const double nominal = findings.nominal.latency_ms;
  std::string text = fmt::format("{} on {}, {}, batch {}\n", title.network, title.hw, findings.nominal.dtype,
                                 findings.nominal.batch);
  text += fmt::format("latency   {} with every guess at its value ({} cycles)\n", milliseconds(nominal),
                      trace::grouped(findings.nominal.cycles));
  text += fmt::format("          {} to {} (5 % to 95 %), median {}; least {}, most {}\n",
                      milliseconds(findings.p05_ms), milliseconds(findings.p95_ms),
                      milliseconds(findings.median_ms), milliseconds(findings.least_ms),
                      milliseconds(findings.most_ms));
  text += fmt::format("samples   {}, Latin hypercube over {} guesses, uniform over each range, seed {}\n",
                      study.options.samples, study.guesses.varied.size(), study.options.seed);
  if (study.drawn_again > 0) {
    text += fmt::format("          {} of them contradicted the chip's own rules and were drawn again\n",
                        study.drawn_again);
  }
  if (findings.ran < study.samples.size()) {
    text += fmt::format("          {} have no latency, the first: {}\n", study.samples.size() - findings.ran,
                        first_failure(findings));
  }
  for (const Kept& kept : study.guesses.kept) {
    text += trace::labelled("not varied", fmt::format("{} = {}: {}", kept.key, kept.value, kept.reason), 12,
                            kWidth);
  }
  return text + "\nOne guess changed at a time, the largest swing first:\n" + tornado_text(study, findings);
}

std::string to_json(const Title& title, const Study& study, const Findings& findings) {
  Json json{{"schema", "npusim.uncertainty/1"}};
  json["hw"] = title.hw;
  json["network"] = title.network;
  json["batch"] = findings.nominal.batch;
  json["dtype"] = findings.nominal.dtype;
  json["total_cycles"] = findings.nominal.cycles;
  json["latency_ms"] = {{"nominal", findings.nominal.latency_ms},
                        {"median", findings.median_ms},
                        {"p05", findings.p05_ms},
                        {"p95", findings.p95_ms},
                        {"least", findings.least_ms},
                        {"most", findings.most_ms}};
  json["sampling"] = {{"method", "latin hypercube, uniform over each range"},
                      {"samples", study.options.samples},
                      {"seed", study.options.seed},
                      {"drawn_again", study.drawn_again},
                      {"with_latency", findings.ran}};
  json["tornado"] = Json::array();
  for (const Swing& swing : findings.tornado) {
    json["tornado"].push_back(
        swing_json(study.guesses.varied[swing.guess], swing, findings.nominal.latency_ms));
  }
  json["not_varied"] = Json::array();
  for (const Kept& kept : study.guesses.kept) {
    json["not_varied"].push_back({{"guess", kept.key}, {"value", kept.value}, {"reason", kept.reason}});
  }
  json["samples"] = Json::array();
  for (std::size_t i = 0; i < study.samples.size(); ++i) {
    json["samples"].push_back(sample_json(study, findings, i));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_csv(const Study& study, const Findings& findings) {
  std::string text = "sample";
  for (const Guess& guess : study.guesses.varied) text += "," + guess.key;
  text += ",latency_ms\n";
  for (std::size_t i = 0; i < study.samples.size(); ++i) {
    text += fmt::format("{},{},", i + 1, fmt::join(study.samples[i].values, ","));
    text += findings.failed[i].empty() ? fmt::format("{}\n", findings.latencies[i]) : "\n";
  }
  return text;
}

}  // namespace npusim::uncertainty
