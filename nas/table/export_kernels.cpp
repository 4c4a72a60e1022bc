// nn-Meter's kernel files, HW-NAS-Bench's pickle and records in the manner of FBNet's table.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "nas/table/export_formats.h"
#include "nas/table/export_rows.h"
#include "nas/table/pickle.h"
#include "sim/base/error.h"

namespace npusim::table {
namespace {

using Json = nlohmann::ordered_json;

/// nn-Meter's name of an activation; hard swish is "hswish" there.
std::string meter_act(const std::string& act) { return act == "hard_swish" ? "hswish" : act; }

/// nn-Meter's builtin kernel (predictor_builder/extract_feature.py); "" where it has none.
std::string meter_kernel(const Entry& entry) {
  const std::string act = meter_act(entry.row->form.act);
  const bool known = act == "relu" || act == "relu6" || act == "hswish";
  if (entry.is(Kind::conv) && known) return "conv-bn-" + act;
  if (entry.is(Kind::depthwise)) return known ? "dwconv-bn-" + act : act.empty() ? "dwconv-bn" : "";
  if (entry.is(Kind::dense)) return "fc";
  return entry.is(Kind::pool) ? "global-avgpool" : "";
}

Json meter_config(const Entry& entry) {
  if (entry.is(Kind::dense)) return {{"CIN", entry.in()}, {"COUT", entry.out()}};
  if (entry.is(Kind::pool)) return {{"HW", entry.height()}, {"CIN", entry.in()}};
  const Form& form = entry.row->form;
  return {{"HW", entry.height()},
          {"CIN", entry.in()},
          {"COUT", entry.out()},
          {"KERNEL_SIZE", form.kernel},
          {"STRIDES", form.stride}};
}

/// nn-Meter keeps shapes without the batch, channels last.
Json meter_shape(const ir::Shape& shape) {
  if (shape.size() == 2) return Json::array({shape[1]});
  return Json::array({shape[2], shape[3], shape[1]});
}

/// HW-NAS-Bench's key of an operator of FBNet's space (hw_nas_bench_api.py); "" where it has none.
std::string bench_key(const Entry& entry) {
  const Form& form = entry.row->form;
  if (entry.is(Kind::dense)) return fmt::format("FC_Cin{}_Cout{}", entry.in(), entry.out());
  const std::string place =
      fmt::format("H{}_W{}_Cin{}_Cout{}", entry.height(), entry.width(), entry.in(), entry.out());
  if (entry.is(Kind::pool)) return fmt::format("AvgP_{}_kernel{}_stride1", place, entry.height());
  if (entry.is(Kind::conv)) {
    return fmt::format("ConvNorm_{}_kernel{}_stride{}_group{}", place, form.kernel, form.stride, form.groups);
  }
  if (!entry.is(Kind::mbconv) || form.squeeze > 0) return "";
  return fmt::format("ConvBlock_{}_exp{}_kernel{}_stride{}_group1", place, entry.ratio(), form.kernel,
                     form.stride);
}

}  // namespace

/// <kernel>_npusim.json and profiled_<kernel>.json, the pair that nn_meter's build_predictor_by_data reads.
std::vector<File> to_nnmeter(const Table& table) {
  struct Pair {
    Json models = Json::object();
    Json profiled = Json::object();
  };
  std::map<std::string, Pair> kernels;
  std::size_t left_out = 0;
  for (const Entry& entry : entries(table)) {
    const std::string kernel = meter_kernel(entry);
    if (kernel.empty()) {
      ++left_out;
      continue;
    }
    Pair& pair = kernels[kernel];
    const std::string id = fmt::format("id_{}", pair.models.size());
    pair.models[id] = {{"model", entry.row->block},
                       {"shapes", Json::array({meter_shape(entry.row->input)})},
                       {"config", meter_config(entry)}};
    pair.profiled[id] = {{"latency", fmt::format("{:.9f} +- 0.0", entry.ms)}};
  }
  if (kernels.empty()) throw UserError("--format nnmeter: the table has none of nn-Meter's kernels");
  std::vector<File> files;
  for (const auto& [kernel, pair] : kernels) {
    files.push_back({kernel + "_npusim.json", Json{{kernel, pair.models}}.dump(1) + "\n"});
    files.push_back({"profiled_" + kernel + ".json", Json{{kernel, pair.profiled}}.dump(1) + "\n"});
  }
  files.push_back({"README", comment(table, "#", left_out)});
  return files;
}

/// {"fbnet": {"<chip>_latency": {key: ms}}, "npusim": comment}.
std::vector<File> to_hwnasbench(const Table& table) {
  Json rows = Json::object();
  std::size_t left_out = 0;
  for (const Entry& entry : entries(table)) {
    const std::string key = bench_key(entry);
    if (key.empty() || rows.contains(key)) {
      ++left_out;
    } else {
      rows[key] = entry.ms;
    }
  }
  if (rows.empty()) throw UserError("--format hwnasbench: the table has none of its operators");
  Json root = {{"fbnet", {{table.hw + "_latency", rows}}}, {"npusim", comment(table, "#", left_out)}};
  return {{"", to_pickle(root)}};
}

/// A list of records with FBNet's fields; all percentiles are equal, as a simulation has no noise.
std::vector<File> to_fbnet(const Table& table) {
  Json list = Json::array();
  for (const Entry& entry : entries(table)) {
    const Form& form = entry.row->form;
    const double us = entry.ms * 1e3;
    list.push_back({{"op_type", to_string(form.kind)},
                    {"op_args",
                     {{"name", entry.row->block},
                      {"in_channels", entry.in()},
                      {"out_channels", entry.out()},
                      {"kernel", form.kernel},
                      {"stride", form.stride},
                      {"expanded", form.expanded},
                      {"squeeze", form.squeeze},
                      {"skip", form.skip},
                      {"act", form.act}}},
                    {"input_shapes", Json::array({entry.row->input})},
                    {"input_dtypes", Json::array({table.dtype})},
                    {"runtime_us_p0", us},
                    {"runtime_us_p10", us},
                    {"runtime_us_p50", us},
                    {"runtime_us_p90", us},
                    {"runtime_us_p100", us},
                    {"device", fmt::format("{} {} npusim {}", table.hw, table.hw_hash, table.version)}});
  }
  return {{"", list.dump(1) + "\n"}};
}

}  // namespace npusim::table
