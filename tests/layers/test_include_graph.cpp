// Dependencies go one way.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "tests/catch.h"
#include "tests/layers/include_graph.h"

using npusim::test::forbidden_edges;
using npusim::test::read_includes;

namespace {

namespace fs = std::filesystem;

/// A made-up source tree that vanishes with its object.
class Tree {
 public:
  Tree() : root_(fs::temp_directory_path() / fmt::format("npusim_layers_{}", ::getpid())) {
    fs::remove_all(root_);
    for (const char* header :
         {"sim/base/units.h", "sim/program/program.h", "sim/mem/memory.h", "sim/trace/report.h",
          "sim/kernel/machine.h", "sim/cli/app.h", "workloads/ir/graph.h", "workloads/onnx/import.h",
          "hw_models/api/npu.h", "hw_models/chip_a/spec.h", "hw_models/chip_b/spec.h", "nas/table/table.h"}) {
      write(header, "#pragma once\n");
    }
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { fs::remove_all(root_); }

  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  /// The forbidden edges when `file` holds only `#include <what>`.
  [[nodiscard]] std::vector<std::string> with(const std::string& file, const std::string& what) const {
    write(file, "// text\n#include " + what + "\n");
    auto faults = forbidden_edges(root_);
    fs::remove(root_ / file);
    return faults;
  }
  [[nodiscard]] const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

}  // namespace

TEST_CASE("no file of the project has a forbidden include") {
  const auto includes = read_includes(NPUSIM_SOURCE_DIR);
  CHECK(includes.size() > 100);
  const auto faults = forbidden_edges(NPUSIM_SOURCE_DIR);
  INFO(fmt::format("{}", fmt::join(faults, "\n")));
  CHECK(faults.empty());
}

TEST_CASE("in a made-up tree each allowed edge passes") {
  const Tree tree;
  CHECK(forbidden_edges(tree.root()).empty());
  CHECK(tree.with("sim/program/a.cpp", "\"sim/base/units.h\"").empty());
  CHECK(tree.with("sim/mem/a.cpp", "\"sim/program/program.h\"").empty());
  CHECK(tree.with("sim/kernel/a.cpp", "\"sim/trace/report.h\"").empty());
  CHECK(tree.with("sim/kernel/a.cpp", "<systemc>").empty());
  CHECK(tree.with("sim/cli/a.cpp", "\"nas/table/table.h\"").empty());
  CHECK(tree.with("workloads/onnx/a.cpp", "<onnx/onnx_pb.h>").empty());
  CHECK(tree.with("workloads/tflite/a.cpp", "<schema_generated.h>").empty());
  CHECK(tree.with("workloads/passes/a.cpp", "\"workloads/ir/graph.h\"").empty());
  CHECK(tree.with("hw_models/api/catalog.cpp", "\"hw_models/chip_a/spec.h\"").empty());
  CHECK(tree.with("hw_models/chip_a/a.cpp", "\"hw_models/chip_a/spec.h\"").empty());
  CHECK(tree.with("hw_models/chip_a/a.cpp", "\"sim/kernel/machine.h\"").empty());
  CHECK(tree.with("nas/table/a.cpp", "\"hw_models/api/npu.h\"").empty());
  CHECK(tree.with("nas/table/a.cpp", "<vector>").empty());
}

TEST_CASE("in a made-up tree each forbidden edge is caught with its file and line") {
  const Tree tree;
  CHECK(tree.with("sim/base/a.cpp", "\"sim/program/program.h\"") ==
        std::vector<std::string>{
            "sim/base/a.cpp:2: includes sim/program/program.h: sim/base/ may include only sim/base/"});
  for (const auto& [file, what] : std::vector<std::pair<std::string, std::string>>{
           {"sim/program/a.cpp", "\"sim/mem/memory.h\""},
           {"sim/mem/a.cpp", "\"sim/trace/report.h\""},
           {"sim/trace/a.cpp", "\"sim/mem/memory.h\""},
           {"sim/trace/a.cpp", "\"sim/kernel/machine.h\""},
           {"sim/kernel/a.cpp", "\"workloads/ir/graph.h\""},
           {"sim/kernel/a.cpp", "\"hw_models/api/npu.h\""},
           {"sim/kernel/a.cpp", "\"sim/cli/app.h\""},
           {"workloads/ir/a.cpp", "\"sim/program/program.h\""},
           {"workloads/ir/a.cpp", "\"workloads/onnx/import.h\""},
           {"workloads/passes/a.cpp", "\"hw_models/api/npu.h\""},
           {"hw_models/chip_a/a.cpp", "\"hw_models/chip_b/spec.h\""},
           {"hw_models/chip_a/a.cpp", "\"nas/table/table.h\""},
           {"hw_models/mapping/a.cpp", "\"hw_models/chip_a/spec.h\""},
           {"hw_models/api/a.cpp", "\"nas/table/table.h\""},
           {"nas/table/a.cpp", "\"sim/kernel/machine.h\""},
           {"nas/table/a.cpp", "\"hw_models/chip_a/spec.h\""},
           {"sim/mem/a.h", "<systemc>"},
           {"sim/mem/a.cpp", "<systemc.h>"},
           {"nas/table/a.cpp", "  <tlm.h>  // why"},
           {"workloads/passes/a.cpp", "<onnx/onnx_pb.h>"},
           {"sim/cli/a.cpp", "<google/protobuf/message.h>"},
           {"workloads/onnx/a.cpp", "<flatbuffers/flatbuffers.h>"},
           {"workloads/formats/a.cpp", "<schema_generated.h>"},
           {"sim/base/a.cpp", "\"sim/base/no_such_file.h\""},
           {"sim/base/a.cpp", "\"units.h\""},
           {"sim/base/a.cpp", "\"tests/catch.h\""},
           {"sim/new_folder/a.cpp", "\"sim/base/units.h\""},
       }) {
    INFO(file << " includes " << what);
    const auto faults = tree.with(file, what);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].rfind(file + ":", 0) == 0);
  }
}

TEST_CASE("SystemC may not show through a header of the kernel either") {
  const Tree tree;
  tree.write("sim/kernel/inner.h", "#  include <systemc>\n");
  tree.write("sim/kernel/outer.h", "#include \"sim/kernel/inner.h\"\n");
  CHECK(tree.with("hw_models/chip_a/a.cpp", "\"sim/kernel/outer.h\"") ==
        std::vector<std::string>{"hw_models/chip_a/a.cpp:2: includes sim/kernel/outer.h: that shows SystemC "
                                 "through sim/kernel/inner.h; "
                                 "only sim/kernel/ and hw_models/<chip>/clocked/ may see it"});
  CHECK(tree.with("sim/kernel/a.cpp", "\"sim/kernel/outer.h\"").empty());
}

TEST_CASE("a chip's clocked twins may see SystemC, nothing else of the chip may") {
  const Tree tree;
  tree.write("sim/kernel/clocked.h", "#include <systemc>\n");
  CHECK(tree.with("hw_models/chip_a/clocked/a.cpp", "<systemc>").empty());
  CHECK(tree.with("hw_models/chip_a/clocked/a.h", "\"sim/kernel/clocked.h\"").empty());
  CHECK(tree.with("hw_models/chip_a/clocked/a.cpp", "\"hw_models/chip_a/spec.h\"").empty());
  CHECK(tree.with("hw_models/chip_a/a.cpp", "\"sim/kernel/clocked.h\"").size() == 1);
  CHECK(tree.with("hw_models/chip_a/clocked.cpp", "<systemc>").size() == 1);
  CHECK(tree.with("hw_models/clocked/a.cpp", "<systemc>").size() == 1);
  tree.write("hw_models/chip_a/clocked/a.h", "#include \"sim/kernel/clocked.h\"\n");
  CHECK(tree.with("hw_models/chip_a/b.cpp", "\"hw_models/chip_a/clocked/a.h\"").size() == 1);
  CHECK(tree.with("hw_models/chip_a/clocked/b.cpp", "\"hw_models/chip_b/spec.h\"").size() == 1);
}

TEST_CASE("a clocked twin may not see its fast engine's timing, not even through another header") {
  const Tree tree;
  tree.write("hw_models/chip_a/timing.h", "#pragma once\n");
  tree.write("hw_models/chip_a/layer.h", "#include \"hw_models/chip_a/timing.h\"\n");
  CHECK(tree.with("hw_models/chip_a/a.cpp", "\"hw_models/chip_a/timing.h\"").empty());
  CHECK(tree.with("hw_models/chip_a/clocked/a.cpp", "\"hw_models/chip_a/timing.h\"").size() == 1);
  CHECK(tree.with("hw_models/chip_a/clocked/a.cpp", "\"hw_models/chip_a/layer.h\"") ==
        std::vector<std::string>{"hw_models/chip_a/clocked/a.cpp:2: includes hw_models/chip_a/layer.h: that "
                                 "shows the fast engines' timing through hw_models/chip_a/layer.h; only "
                                 "what lies outside hw_models/<chip>/clocked/ may see it"});
}
