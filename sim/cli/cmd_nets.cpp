// npusim nets: the built-in networks.
#include <fmt/format.h>

#include <memory>

#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/trace/format.h"
#include "workloads/onnx/export.h"
#include "workloads/zoo/zoo.h"

namespace npusim::cli {
namespace {

std::string image_of(const zoo::Size& size) { return fmt::format("{}x{}", size.h, size.w); }

/// One line a network, under its family's heading; all families aligned alike.
void list() {
  using trace::Table;
  Table table(
      {{"network", Table::Align::left}, {"image"}, {"params M"}, {"MACs G"}, {"source", Table::Align::left}});
  std::string family;
  for (const auto& entry : zoo::networks()) {
    if (entry.family != family) {
      family = entry.family;
      table.row({"", "", "", "", ""});
      table.row({fmt::format("[{}]", family), "", "", "", ""});
    }
    const ir::Graph graph = zoo::build(entry.name);
    table.row({entry.name, image_of(entry.resolution),
               fmt::format("{:.2f}", static_cast<double>(ir::parameters(graph)) / 1e6),
               fmt::format("{:.3f}", static_cast<double>(ir::macs(graph).count()) / 1e9), entry.source});
  }
  std::string text = table.text(kAnyWidth) + "\nwith parameters\n";
  for (const auto& entry : zoo::parametric_networks()) {
    text += fmt::format("{}\n    {}\n    for example {}\n", entry.grammar, entry.description, entry.example);
  }
  write_output("", text);
}

struct ExportCommand {
  NetworkOptions network;
  std::string file;
};

void export_network(const ExportCommand& options) {
  check_writable(options.file);
  onnx::export_onnx(load(options.network), options.file);
}

}  // namespace

void add_nets(CLI::App& app) {
  CLI::App* nets = app.add_subcommand("nets", "the built-in networks");
  nets->require_subcommand(1);
  nets->add_subcommand("list", "name, input, parameters, multiply-accumulates and source of each")
      ->callback(list);
  auto options = std::make_shared<ExportCommand>();
  CLI::App* out = nets->add_subcommand("export", "write a network as an ONNX file without weights' values");
  add_network_options(*out, options->network);
  out->add_option("file", options->file, "the ONNX file to write")->required()->type_name("FILE");
  out->callback([options] { export_network(*options); });
}

}  // namespace npusim::cli
