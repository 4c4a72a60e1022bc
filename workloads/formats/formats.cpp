#include "workloads/formats/formats.h"

#include <array>
#include <filesystem>
#include <fstream>

#include "workloads/onnx/import.h"
#include "workloads/onnx/weights.h"
#include "workloads/tflite/import.h"

namespace npusim::formats {

namespace {

bool is_tflite(const std::string& path) {
  std::array<std::uint8_t, 8> bytes{};
  std::ifstream in(path, std::ios::binary);
  if (in.read(reinterpret_cast<char*>(bytes.data()), bytes.size()) && tflite::is_tflite(bytes)) return true;
  return std::filesystem::path(path).extension() == ".tflite";
}

}  // namespace

ir::Graph import_network(const std::string& path, const importing::ImportOptions& options) {
  return is_tflite(path) ? tflite::import_tflite(path, options) : onnx::import_onnx(path, options);
}

reference::Values load_weights(const std::string& path, const ir::Graph& graph) {
  return is_tflite(path) ? tflite::load_weights(path, graph) : onnx::load_weights(path, graph);
}

}  // namespace npusim::formats
