// A model's file in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace npusim::importing {

/// A file mapped for reading; pages that nobody touches are never loaded.
class MappedFile {
 public:
  /// `what` names the format in errors ("an ONNX model"), `extension` (".onnx") the files to suggest for a
  /// missing one. Throws UserError for a file that is missing, empty, not a regular one or unreadable.
  MappedFile(const std::string& path, const std::string& what, const std::string& extension);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return {static_cast<const std::uint8_t*>(address_), size_};
  }

 private:
  void map(const std::string& path, const std::string& what);

  int descriptor_ = -1;
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace npusim::importing
