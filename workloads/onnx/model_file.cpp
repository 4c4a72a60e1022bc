#include "workloads/onnx/model_file.h"

#include <fmt/format.h>

#include <limits>
#include <span>

#include "sim/base/error.h"
#include "workloads/importing/mapped_file.h"
#include "workloads/onnx/wire_strip.h"

namespace npusim::onnx {

namespace {

constexpr const char* kFormat = "an ONNX model";
constexpr const char* kExtension = ".onnx";

::onnx::ModelProto parse(const std::string& path, std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kMost = std::numeric_limits<int>::max();  // protobuf's own limit
  ::onnx::ModelProto model;
  if (bytes.size() > kMost || !model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw UserError(fmt::format("{}: not an ONNX model, or a damaged one: its messages do not parse", path));
  }
  if (!model.has_graph()) {
    throw UserError(fmt::format("{}: not an ONNX model: it has no graph (truncated?)", path));
  }
  return model;
}

}  // namespace

::onnx::ModelProto read_model(const std::string& path) {
  const importing::MappedFile file(path, kFormat, kExtension);
  const std::string stripped = strip_weights(file.bytes(), path);
  return parse(path, {reinterpret_cast<const std::uint8_t*>(stripped.data()), stripped.size()});
}

::onnx::ModelProto read_whole_model(const std::string& path) {
  return parse(path, importing::MappedFile(path, kFormat, kExtension).bytes());
}

}  // namespace npusim::onnx
