#include "tests/cli/run_npusim.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace npusim::test {

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "npusim-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Outcome run_program(std::vector<std::string> words) {
  const TempFolder folder;
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int create = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (folder / "out").c_str(), create, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (folder / "err").c_str(), create, 0600);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + words[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(folder / "out"),
          read_file(folder / "err")};
}

Outcome run_npusim(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{NPUSIM_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_program(std::move(words));
}

namespace {

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>((value & 0x7FU) | 0x80U);
  return bytes + static_cast<char>(value);
}
std::string number(std::uint64_t field, std::uint64_t value) { return varint(field << 3U) + varint(value); }
std::string bytes(std::uint64_t field, const std::string& value) {
  return varint((field << 3U) | 2U) + varint(value.size()) + value;
}

/// ValueInfoProto: name = 1, type = 2 {tensor_type = 1 {elem_type = 1 (1: float), shape = 2 {dim = 1 {value =
/// 1, param = 2}}}}.
std::string value_info(const std::string& name, const std::vector<Dim>& dims) {
  std::string shape;
  for (const auto& dim : dims) {
    shape +=
        bytes(1, dim.name.empty() ? number(1, static_cast<std::uint64_t>(dim.value)) : bytes(2, dim.name));
  }
  const std::string tensor = number(1, 1) + (dims.empty() ? "" : bytes(2, shape));
  return bytes(1, name) + bytes(2, bytes(1, tensor));
}

}  // namespace

std::string onnx_model(const std::vector<Dim>& input, const std::vector<Node>& nodes) {
  std::string graph;
  for (const auto& node : nodes) {  // NodeProto: input = 1, output = 2, name = 3, op_type = 4
    std::string text;
    for (const auto& name : node.inputs) text += bytes(1, name);
    for (const auto& name : node.outputs) text += bytes(2, name);
    graph += bytes(1, text + bytes(3, node.name) + bytes(4, node.op));
  }
  graph += bytes(2, "tiny") + bytes(11, value_info("x", input)) + bytes(12, value_info("y", {}));
  // ModelProto: ir_version = 1, graph = 7, opset_import = 8 {version = 2}.
  return number(1, 8) + bytes(7, graph) + bytes(8, number(2, 13));
}

}  // namespace npusim::test
