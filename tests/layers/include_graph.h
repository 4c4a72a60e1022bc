// The include graph of a source tree and the edges that the architecture forbids (docs: "Four rooms, one
// secret each").
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace npusim::test {

/// One #include of a source file.
struct Include {
  std::string file;  ///< path from the tree's root, with '/'
  int line = 0;
  std::string target;   ///< as written, without quotes or brackets
  bool system = false;  ///< in angle brackets
};

/// Every #include of every .h and .cpp below the rooms sim, workloads, hw_models and nas of the tree, in path
/// order.
std::vector<Include> read_includes(const std::filesystem::path& root);

/// One line for each forbidden edge: "file:line: includes X: why it may not". Checked are the direction
/// between folders, who may see SystemC and who ONNX (directly or through headers), and that quoted includes
/// name a file of the tree by its path from the root.
std::vector<std::string> forbidden_edges(const std::filesystem::path& root);

}  // namespace npusim::test
