// A TFLite file, verified: every table, vector and string that its accessors reach lies inside of it.
#pragma once

#include <schema_generated.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "workloads/importing/mapped_file.h"

namespace npusim::tflite {

/// Whether a file with these first bytes says that it is a TFLite model: "TFL3" at offset 4.
bool has_identifier(std::span<const std::uint8_t> bytes);

/// One file and its first subgraph, which is the network. References into it live as long as it does.
class ModelFile {
 public:
  /// Maps and verifies. Throws UserError naming the file: unreadable, not a TFLite model, damaged (what lies
  /// outside), of another version, without a subgraph.
  explicit ModelFile(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const format::SubGraph& graph() const { return *graph_; }
  [[nodiscard]] std::int32_t tensors() const;
  [[nodiscard]] std::size_t operators() const;
  /// Tensor `index`, which must exist (see check_index).
  [[nodiscard]] const format::Tensor& tensor(std::int32_t index) const;
  /// Throws UserError beginning with `where` unless the subgraph has a tensor `index`.
  void check_index(std::int32_t index, const std::string& where) const;
  /// The bytes of a constant; empty for a tensor without values. Throws UserError for a buffer that does not
  /// exist or lies outside the file.
  [[nodiscard]] std::span<const std::uint8_t> data(std::int32_t tensor) const;

  /// The kind of an operator, and its name: "CONV_2D", or a custom operator's own.
  [[nodiscard]] format::BuiltinOperator code(const format::Operator& op) const;
  [[nodiscard]] std::string name(const format::Operator& op) const;

  /// Throws UserError: "<file>: <what>".
  [[noreturn]] void fail(const std::string& what) const;

 private:
  [[nodiscard]] const format::OperatorCode& operator_code(const format::Operator& op) const;

  std::string path_;
  std::unique_ptr<importing::MappedFile> file_;
  const format::Model* model_ = nullptr;
  const format::SubGraph* graph_ = nullptr;
};

}  // namespace npusim::tflite
