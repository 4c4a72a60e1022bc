// The machine interface: schema npusim.report/1. Fields are only ever added; a change of meaning is a new
// schema.
#include <nlohmann/json.hpp>

#include "sim/trace/report.h"

namespace npusim::trace {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const StallCycles& stalls) {
  Json json;
  for (std::size_t i = 0; i < kStallReasons; ++i) {
    json[std::string(to_string(static_cast<Stall>(i)))] = stalls.by_reason[i];
  }
  return json;
}

Json json_of(const EngineReport& engine) {
  return {{"name", engine.name},
          {"busy_cycles", engine.busy_cycles},
          {"stalls", json_of(engine.stalls)},
          {"commands", engine.commands}};
}

Json json_of(const std::vector<EngineReport>& engines) {
  Json list = Json::array();
  for (const EngineReport& engine : engines) list.push_back(json_of(engine));
  return list;
}

Json json_of(const LayerReport& layer) {
  Json json = {{"name", layer.name}, {"op", layer.op}, {"engine", layer.engine}};
  if (layer.joined) json["joined"] = true;
  json.update({{"start_cycle", layer.start_cycle},
               {"end_cycle", layer.end_cycle},
               {"cycles", layer.cycles()},
               {"macs", layer.macs},
               {"mapping", layer.mapping},
               {"busy_cycles", layer.busy_cycles},
               {"stalls", json_of(layer.stalls)},
               {"dram", {{"read_bytes", layer.dram_read_bytes}, {"write_bytes", layer.dram_write_bytes}}},
               {"sram", {{"read_bytes", layer.sram_read_bytes}, {"write_bytes", layer.sram_write_bytes}}},
               {"engines", json_of(layer.engines)}});
  return json;
}

Json json_of(const Coverage& coverage) {
  return {{"operators", coverage.operators},
          {"modelled", coverage.modelled},
          {"host", coverage.host},
          {"folded", coverage.folded},
          {"macs_percent", coverage.macs_percent},
          {"bytes_percent", coverage.bytes_percent}};
}

Json json_of(const LinkTrafficReport& traffic) {
  return {{"bytes", traffic.bytes},
          {"packets", traffic.packets},
          {"busy_cycles", traffic.busy_cycles},
          {"wait_cycles", traffic.wait_cycles}};
}

/// What only some runs have: links, co-runners.
void add_others(const Report& report, Json& json) {
  for (const LinkReport& link : report.links) {
    json["links"].push_back(
        {{"name", link.name}, {"read", json_of(link.read)}, {"write", json_of(link.write)}});
  }
  for (const CoRunnerReport& one : report.corunners) {
    json["corunners"].push_back({{"name", one.name},
                                 {"read_bytes", one.read_bytes},
                                 {"write_bytes", one.write_bytes},
                                 {"asked_gb_s", one.asked_gb_s},
                                 {"achieved_gb_s", report.achieved_gb_s(one)}});
  }
  if (report.alone_cycles > 0) json["alone_cycles"] = report.alone_cycles;
}

Json simulation_of(const Report& report, bool with_wall_time) {
  Json json;
  if (with_wall_time) {
    json["wall_s"] = report.wall_s;
    json["compile_s"] = report.compile_s;
  }
  json["events"] = report.events;
  json["commands"] = report.commands;
  json["bursts"] = report.bursts;
  return json;
}

}  // namespace

std::string to_json(const Report& report, bool with_wall_time) {
  Json json;
  json["schema"] = "npusim.report/1";
  json["hw"] = report.hw;
  json["hw_hash"] = report.hw_hash;
  json["network"] = report.network;
  json["batch"] = report.batch;
  json["dtype"] = report.dtype;
  json["clock_mhz"] = report.clock_mhz;
  json["total_cycles"] = report.total_cycles;
  json["latency_ms"] = report.latency_ms();
  json["macs"] = report.macs;
  json["peak_macs_per_cycle"] = report.peak_macs_per_cycle;
  json["mac_utilization"] = report.mac_utilization();
  json["dram"] = {{"read_bytes", report.dram_read_bytes},
                  {"write_bytes", report.dram_write_bytes},
                  {"row_hit_rate", report.row_hit_rate},
                  {"refreshes", report.refreshes}};
  if (!report.dram_waits.empty()) json["dram"]["waits"] = waits_json(report);
  json["sram"] = {{"read_bytes", report.sram_read_bytes}, {"write_bytes", report.sram_write_bytes}};
  add_others(report, json);
  json["layers"] = Json::array();
  for (const LayerReport& layer : report.layers) json["layers"].push_back(json_of(layer));
  json["engines"] = json_of(report.engines);
  for (const TimeShare& share : report.time_shares) {
    json["time"].push_back(
        {{"name", share.name}, {"cycles", share.cycles}, {"busy_cycles", share.busy_cycles}});
  }
  json["coverage"] = json_of(report.coverage);
  json["notes"] = report.notes;
  json["hardware"] = report.hardware;
  json["simulation"] = simulation_of(report, with_wall_time);
  // A network's names may hold any bytes: what is not UTF-8 is replaced, never an error.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace npusim::trace
