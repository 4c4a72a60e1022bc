#include "workloads/tflite/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "sim/base/error.h"

namespace npusim::tflite {

namespace {

constexpr std::string_view kIdentifier = "TFL3";
constexpr std::uint32_t kVersion = 3;  ///< of the format since 2017
/// Bounds for the verifier: far beyond any model's, so that a hostile one costs little.
constexpr flatbuffers::uoffset_t kMaxDepth = 64;
constexpr flatbuffers::uoffset_t kMaxTables = 4'000'000;
constexpr std::size_t kMaxSize = (std::size_t{1} << 31) - 1;  ///< FlatBuffers' own

}  // namespace

bool has_identifier(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kAt = 4;
  return bytes.size() >= kAt + kIdentifier.size() &&
         std::equal(kIdentifier.begin(), kIdentifier.end(), bytes.begin() + kAt);
}

ModelFile::ModelFile(const std::string& path)
    : path_(path), file_(std::make_unique<importing::MappedFile>(path, "a TFLite model", ".tflite")) {
  const auto bytes = file_->bytes();
  if (!has_identifier(bytes)) {
    fail(fmt::format("not a TFLite model: expected the identifier {} at byte 4", kIdentifier));
  }
  // What is behind the FlatBuffer of a larger file are buffers, which are checked one by one.
  const std::size_t size = std::min(bytes.size(), kMaxSize);
  flatbuffers::Verifier verifier(bytes.data(), size, kMaxDepth, kMaxTables);
  if (!format::VerifyModelBuffer(verifier)) {
    fail(
        fmt::format("a damaged TFLite model: of its tables, vectors and strings some lie outside of its {} "
                    "bytes (truncated?)",
                    bytes.size()));
  }
  model_ = format::GetModel(bytes.data());
  if (model_->version() != kVersion) {
    fail(fmt::format("a TFLite model of version {}; expected {}", model_->version(), kVersion));
  }
  if (model_->subgraphs() == nullptr || model_->subgraphs()->size() == 0) {
    fail("a TFLite model without a subgraph; expected one with a network in it");
  }
  graph_ = model_->subgraphs()->Get(0);
}

void ModelFile::fail(const std::string& what) const { throw UserError(fmt::format("{}: {}", path_, what)); }

std::int32_t ModelFile::tensors() const {
  return graph_->tensors() == nullptr ? 0 : static_cast<std::int32_t>(graph_->tensors()->size());
}

std::size_t ModelFile::operators() const {
  return graph_->operators() == nullptr ? 0 : graph_->operators()->size();
}

const format::Tensor& ModelFile::tensor(std::int32_t index) const {
  ensure(index >= 0 && index < tensors(), "a tensor of the subgraph");
  return *graph_->tensors()->Get(static_cast<flatbuffers::uoffset_t>(index));
}

void ModelFile::check_index(std::int32_t index, const std::string& where) const {
  if (index >= 0 && index < tensors()) return;
  fail(fmt::format("{} refers to tensor {}; expected 0 to {}, the subgraph's", where, index, tensors() - 1));
}

std::span<const std::uint8_t> ModelFile::data(std::int32_t index) const {
  const format::Tensor& tensor = this->tensor(index);
  const auto* buffers = model_->buffers();
  const std::uint32_t count = buffers == nullptr ? 0 : buffers->size();
  if (tensor.buffer() == 0 && count == 0) return {};
  if (tensor.buffer() >= count) {
    fail(fmt::format("tensor {} refers to buffer {}; expected less than {}, the model's", index,
                     tensor.buffer(), count));
  }
  const format::Buffer& buffer = *buffers->Get(tensor.buffer());
  if (buffer.offset() > 1) {
    const auto all = file_->bytes();
    if (buffer.offset() > all.size() || buffer.size() > all.size() - buffer.offset()) {
      fail(fmt::format("buffer {} is {} bytes from byte {} on; the file has {} (truncated?)", tensor.buffer(),
                       buffer.size(), buffer.offset(), all.size()));
    }
    return all.subspan(buffer.offset(), buffer.size());
  }
  if (buffer.data() == nullptr) return {};
  return {buffer.data()->data(), buffer.data()->size()};
}

const format::OperatorCode& ModelFile::operator_code(const format::Operator& op) const {
  const auto* codes = model_->operator_codes();
  const std::uint32_t count = codes == nullptr ? 0 : codes->size();
  if (op.opcode_index() >= count) {
    fail(fmt::format("an operator has the operator code {}; expected less than {}, the model's",
                     op.opcode_index(), count));
  }
  return *codes->Get(op.opcode_index());
}

format::BuiltinOperator ModelFile::code(const format::Operator& op) const {
  const format::OperatorCode& code = operator_code(op);
  return std::max(code.builtin_code(), static_cast<format::BuiltinOperator>(code.deprecated_builtin_code()));
}

std::string ModelFile::name(const format::Operator& op) const {
  const format::BuiltinOperator kind = code(op);
  const format::OperatorCode& entry = operator_code(op);
  if (kind == format::BuiltinOperator::CUSTOM && entry.custom_code() != nullptr) {
    return entry.custom_code()->str();
  }
  const std::string known = format::EnumNameBuiltinOperator(kind);
  return known.empty() ? fmt::format("operator code {}", static_cast<std::int32_t>(kind)) : known;
}

}  // namespace npusim::tflite
