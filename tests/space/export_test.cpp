// Networks of the spaces as ONNX files, and through the command line.
#include "workloads/onnx/export.h"

#include <filesystem>

#include "nas/space/space.h"
#include "tests/catch.h"
#include "tests/cli/run_npusim.h"
#include "workloads/onnx/import.h"
#include "workloads/passes/passes.h"

namespace npusim::space {

namespace {

namespace fs = std::filesystem;

/// Of what the compiler sees: the network after the common passes.
std::string hash_of(const ir::Graph& graph) { return ir::content_hash(passes::run_pipeline(graph)); }

}  // namespace

TEST_CASE("networks of every space go through an ONNX file and compile from the same graph") {
  const test::TempFolder folder;
  const std::string file = folder / "net.onnx";
  for (const SpaceInfo& info : spaces()) {
    const auto space = make_space(info.name);
    Rng rng(1);
    for (int i = 0; i < 2; ++i) {
      const ir::Graph graph = space->build(space->sample(rng));
      CAPTURE(graph.name);
      onnx::export_onnx(graph, file);
      CHECK(hash_of(onnx::import_onnx(file)) == hash_of(graph));
    }
  }
}

TEST_CASE("npusim spaces lists the spaces, shows one and draws the same networks by the same seed") {
  const auto all = test::run_npusim({"spaces"});
  CHECK(all.exit_code == 0);
  CHECK(all.out.find("mbconv-bench") != std::string::npos);
  CHECK(all.out.find("104976") != std::string::npos);
  const auto one = test::run_npusim({"spaces", "mbconv-bench"});
  CHECK(one.out.find("mbconv-bench: 104976 networks, 4 genes, 148 different blocks") == 0);
  const auto draw = test::run_npusim({"spaces", "s3nas", "--sample", "3", "--seed", "7"});
  CHECK(draw.exit_code == 0);
  CHECK(draw.out == test::run_npusim({"spaces", "s3nas", "--sample", "3", "--seed", "7"}).out);
  CHECK(draw.out != test::run_npusim({"spaces", "s3nas", "--sample", "3", "--seed", "8"}).out);
}

TEST_CASE("a drawn network runs by its name and as its file with the same cycles") {
  const test::TempFolder folder;
  const auto draw = test::run_npusim({"spaces", "nb201", "--sample", "1", "-o", folder / "out"});
  REQUIRE(draw.exit_code == 0);
  const fs::path file = *fs::directory_iterator(folder / "out");
  const std::string stem = file.stem().string();
  const std::string name = "nb201:" + stem.substr(stem.find('_') + 1);
  CHECK(draw.out.find(name) != std::string::npos);
  const auto cycles = [](const std::string& network) {
    const auto run = test::run_npusim({"run", "--hw", "midap", network, "--format", "json"});
    CHECK(run.exit_code == 0);
    const std::size_t at = run.out.find("\"total_cycles\"");
    return run.out.substr(at, run.out.find(',', at) - at);
  };
  CHECK(cycles(name) == cycles(file.string()));
  CHECK(cycles(name).size() > 16);
}

TEST_CASE("wrong spaces, encodings and descriptions end with code 1 and say where") {
  const auto error = [](const std::vector<std::string>& arguments) {
    const auto run = test::run_npusim(arguments);
    CHECK(run.exit_code == 1);
    return run.err;
  };
  CHECK(error({"spaces", "s3mas"}).find("no space is called 's3mas'; did you mean 's3nas'?") !=
        std::string::npos);
  CHECK(error({"run", "--hw", "midap", "nb201:22222x"})
            .find("character 6: gene 'cell.e34' has choices 0 to 4") != std::string::npos);
  CHECK(error({"run", "--hw", "midap", "nb20:222222"}).find("did you mean 'nb201'?") != std::string::npos);
  CHECK(error({"spaces", "--sample", "3"}).find("--sample needs a space") != std::string::npos);
  CHECK(error({"spaces", "s3nas", "-o", "x"}).find("-o needs --sample N") != std::string::npos);
  const test::TempFolder folder;
  test::write_file(folder / "bad.yaml", "image: 64\nstem: {widht: 8}\n");
  CHECK(error({"spaces", folder / "bad.yaml"}).find("bad.yaml") != std::string::npos);
}

}  // namespace npusim::space
