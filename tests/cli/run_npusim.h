// Runs the real binary as a user would, and small files to run it on.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace npusim::test {

/// A folder that vanishes at the end of its scope.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  /// The path of `name` inside.
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// What a run of the binary left behind.
struct Outcome {
  int exit_code = -1;  ///< 128 + the signal when it was killed
  std::string out;
  std::string err;
};

/// Runs a program, found as a shell would find it, but not through a shell.
Outcome run_program(std::vector<std::string> words);
/// Runs `npusim arguments...`.
Outcome run_npusim(const std::vector<std::string>& arguments);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);
bool contains(const std::string& text, const std::string& part);

/// A dimension of a model's input: a number, or a name when `name` is not empty.
struct Dim {
  std::int64_t value = 0;
  std::string name;
};

/// One operator of a model without weights: {"Relu", "relu_1", {"x"}, {"y"}}.
struct Node {
  std::string op;
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

/// The bytes of an ONNX file (opset 13): one float input "x" of the given shape, these operators, and the
/// output "y" of unknown shape. Written by hand from onnx.proto's field numbers, so that no library of ours
/// checks itself.
std::string onnx_model(const std::vector<Dim>& input, const std::vector<Node>& nodes);

}  // namespace npusim::test
