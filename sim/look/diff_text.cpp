// Diffs as text and JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "sim/look/diff.h"
#include "sim/trace/format.h"

namespace npusim::look {
namespace {

using trace::Table;
constexpr std::size_t kWidth = 100;
constexpr std::size_t kIndent = 11;
constexpr std::size_t kLayers = 10;    ///< shown to people; JSON has all
constexpr std::size_t kSettings = 12;  ///< likewise

std::string item(std::string_view label, std::string_view text) {
  return trace::labelled(label, text, kIndent, kWidth);
}

/// "+1,234 cycles" or "+1.2 us".
std::string amount(const Diff& diff, std::int64_t time) {
  const std::string sign = time < 0 ? "-" : "+";
  const std::int64_t size = std::abs(time);
  return sign + (diff.in_cycles ? trace::grouped(size) : trace::si(static_cast<double>(size) / 1e12, "s"));
}

std::string plain(const Diff& diff, std::int64_t time) {
  return diff.in_cycles ? trace::grouped(time) : trace::si(static_cast<double>(time) / 1e12, "s");
}

std::string share(const Diff& diff, std::int64_t time) {
  if (diff.before_time == 0) return "-";
  return fmt::format("{:+.2f}", 100 * static_cast<double>(time) / static_cast<double>(diff.before_time));
}

/// The cause of a layer's difference that changed most, with its part.
std::string main_cause(const Diff& diff, const LayerDiff& layer) {
  const auto most = std::max_element(layer.causes.begin(), layer.causes.end(),
                                     [](auto a, auto b) { return std::abs(a) < std::abs(b); });
  const auto cause = static_cast<std::size_t>(most - layer.causes.begin());
  if (cause == kOnlyBefore || cause == kOnlyAfter) return cause_name(cause);
  return cause_name(cause) + " " + amount(diff, *most);
}

std::string causes_text(const Diff& diff) {
  Table table({{"causes", Table::Align::left}, {diff.in_cycles ? "cycles" : "time"}, {"% of first"}});
  for (const std::size_t cause : diff.ranked()) {
    table.row({cause_name(cause), amount(diff, diff.causes.at(cause)), share(diff, diff.causes.at(cause))});
  }
  return table.text(kWidth);
}

std::string layers_text(const Diff& diff) {
  std::vector<const LayerDiff*> changed;
  for (const LayerDiff& layer : diff.layers) {
    if (layer.difference() != 0) changed.push_back(&layer);
  }
  std::stable_sort(changed.begin(), changed.end(), [](const auto* a, const auto* b) {
    return std::abs(a->difference()) > std::abs(b->difference());
  });
  const std::size_t all = changed.size();
  changed.resize(std::min(all, kLayers));
  Table table({{"layers that changed most", Table::Align::left},
               {"first"},
               {"second"},
               {"change"},
               {"% of all"},
               {"most of it", Table::Align::left}});
  for (const LayerDiff* layer : changed) {
    table.row({layer->name, layer->before ? plain(diff, layer->before_time) : "-",
               layer->after ? plain(diff, layer->after_time) : "-", amount(diff, layer->difference()),
               share(diff, layer->difference()), main_cause(diff, *layer)});
  }
  std::string text = table.text(kWidth);
  if (all > kLayers) text += fmt::format("... and {} more layers: --format json has all\n", all - kLayers);
  return text;
}

nlohmann::ordered_json causes_json(const std::array<std::int64_t, kCauses>& causes) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < kCauses; ++i) {
    if (causes.at(i) != 0) json[cause_name(i)] = causes.at(i);
  }
  return json;
}

}  // namespace

std::string to_text(const Diff& diff) {
  std::string text;
  for (std::size_t i = 0; i < std::min(diff.settings.size(), kSettings); ++i) {
    text += item(i == 0 ? "differs" : "", diff.settings[i]);
  }
  if (diff.settings.size() > kSettings)
    text += item("", fmt::format("and {} more", diff.settings.size() - kSettings));
  text += item("latency", fmt::format("{}, {}: {:+.2f} %", trace::si(diff.before_ms / 1e3, "s"),
                                      trace::si(diff.after_ms / 1e3, "s"), diff.percent()));
  if (diff.in_cycles) {
    text += item("cycles", fmt::format("{}, {}: {}", trace::grouped(diff.before_time),
                                       trace::grouped(diff.after_time), amount(diff, diff.difference())));
  }
  const auto count = [&diff](auto is) { return std::count_if(diff.layers.begin(), diff.layers.end(), is); };
  text += item("layers", fmt::format("{} in both, {} only in the first, {} only in the second",
                                     count([](const auto& l) { return l.before && l.after; }),
                                     count([](const auto& l) { return !l.after; }),
                                     count([](const auto& l) { return !l.before; })));
  const bool same = std::all_of(diff.layers.begin(), diff.layers.end(),
                                [](const auto& layer) { return layer.difference() == 0; });
  if (same) return text + "\nno layer's time differs\n";
  if (!diff.ranked().empty()) text += "\n" + causes_text(diff);
  return text + "\n" + layers_text(diff);
}

std::string to_json(const Diff& diff, double tolerance_percent) {
  using Json = nlohmann::ordered_json;
  Json json = {{"schema", "npusim.diff/1"},
               {"unit", diff.in_cycles ? "cycles" : "ps"},
               {"latency_ms", {diff.before_ms, diff.after_ms}},
               {"time", {diff.before_time, diff.after_time}},
               {"difference", diff.difference()},
               {"percent", diff.percent()},
               {"tolerance_percent", tolerance_percent},
               {"within", within(diff, tolerance_percent)},
               {"settings", diff.settings},
               {"causes", Json::array()},
               {"layers", Json::array()}};
  for (const std::size_t cause : diff.ranked())
    json["causes"].push_back({{"cause", cause_name(cause)}, {"difference", diff.causes.at(cause)}});
  for (const LayerDiff& layer : diff.layers) {
    Json row = {{"name", layer.name}, {"first", nullptr}, {"second", nullptr}};
    if (layer.before) row["first"] = layer.before_time;
    if (layer.after) row["second"] = layer.after_time;
    row["difference"] = layer.difference();
    row["causes"] = causes_json(layer.causes);
    json["layers"].push_back(std::move(row));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace npusim::look
