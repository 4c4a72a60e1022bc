// Generated networks against files: npusim's own exports, and PyTorch's.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "tests/catch.h"
#include "workloads/onnx/export.h"
#include "workloads/onnx/import.h"
#include "workloads/passes/passes.h"
#include "workloads/zoo/zoo.h"

namespace npusim::zoo {

namespace {

/// Of what the compiler sees: the network after the common passes.
std::string hash_of(const ir::Graph& graph) { return ir::content_hash(passes::run_pipeline(graph)); }

ir::Graph through_a_file(const ir::Graph& graph) {
  const auto path =
      std::filesystem::temp_directory_path() / fmt::format("npusim_roundtrip_{}.onnx", ::getpid());
  onnx::export_onnx(graph, path.string());
  ir::Graph imported = onnx::import_onnx(path.string());
  std::filesystem::remove(path);
  return imported;
}

}  // namespace

TEST_CASE("a network that went through an ONNX file compiles from the same graph") {
  for (const NetInfo& net : networks()) {
    CAPTURE(net.name);
    const ir::Graph graph = build(net.name, 2);
    const ir::Graph imported = through_a_file(graph);
    CHECK(ir::macs(imported) == ir::macs(graph));
    CHECK(ir::parameters(imported) == ir::parameters(graph));
    CHECK(hash_of(imported) == hash_of(graph));
  }
}

TEST_CASE("a generated network compiles from the same graph as PyTorch's export of torchvision's model") {
  for (const char* name : {"efficientnet_b1", "inception_v3", "mobilenet_v2", "mobilenet_v3_large",
                           "resnet18", "resnet50", "vgg16", "vit_b_16"}) {
    CAPTURE(name);
    const ir::Graph theirs =
        onnx::import_onnx(fmt::format("{}/tests/data/onnx/{}.onnx", NPUSIM_SOURCE_DIR, name));
    CHECK(hash_of(build(name)) == hash_of(theirs));
  }
}

TEST_CASE("folding BatchNorm leaves one parameter a channel of its two") {
  const ir::Graph graph = build("resnet50");
  CHECK(ir::parameters(graph) - ir::parameters(passes::run_pipeline(graph)) == 53'120 / 2);
}

}  // namespace npusim::zoo
