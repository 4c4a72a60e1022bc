// Exports built-in networks for scripts/check_exports.py and prints a CSV of what they should count to:
// export_networks FOLDER [--with-weights] [NAME...]
#include <cstdio>
#include <string>
#include <vector>

#include "workloads/onnx/export.h"
#include "workloads/zoo/zoo.h"

int main(int argc, char** argv) {
  using namespace npusim;
  if (argc < 2) {
    std::fprintf(stderr, "usage: export_networks FOLDER [--with-weights] [NAME...]\n");
    return 1;
  }
  onnx::ExportOptions options;
  std::vector<std::string> names;
  for (int i = 2; i < argc; ++i) {
    if (std::string(argv[i]) == "--with-weights") {
      options.with_weights = true;
    } else {
      names.emplace_back(argv[i]);
    }
  }
  if (names.empty()) {
    for (const zoo::NetInfo& net : zoo::networks()) names.push_back(net.name);
  }
  std::printf("name,parameters,macs\n");
  for (const std::string& name : names) {
    const ir::Graph graph = zoo::build(name);
    onnx::export_onnx(graph, std::string(argv[1]) + "/" + name + ".onnx", options);
    std::printf("%s,%lld,%lld\n", name.c_str(), static_cast<long long>(ir::parameters(graph)),
                static_cast<long long>(ir::macs(graph).count()));
  }
  return 0;
}
