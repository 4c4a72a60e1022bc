#include "workloads/onnx/model_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <vector>

#include "sim/base/error.h"
#include "workloads/onnx/wire_strip.h"

namespace npusim::onnx {

namespace {

/// "; did you mean 'resnet50.onnx'?" from the files beside a missing one.
std::string nearest_file(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path wanted(path);
  const fs::path folder = wanted.has_parent_path() ? wanted.parent_path() : fs::path(".");
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".onnx") names.push_back(it->path().filename().string());
  }
  return suggestion(wanted.filename().string(), names);
}

/// A file mapped for reading; pages that nobody touches are never loaded.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      const int error = errno;
      throw UserError(fmt::format("{}: cannot open the model: {}{}", path, std::strerror(error),
                                  error == ENOENT ? nearest_file(path) : ""));
    }
    try {
      map(path);
    } catch (...) {
      ::close(descriptor_);
      throw;
    }
  }
  ~MappedFile() {
    ::munmap(address_, size_);
    ::close(descriptor_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return {static_cast<const std::uint8_t*>(address_), size_};
  }

 private:
  void map(const std::string& path) {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
      throw UserError(fmt::format("{}: not a regular file; expected an ONNX model", path));
    }
    if (status.st_size == 0)
      throw UserError(fmt::format("{}: the file is empty; expected an ONNX model", path));
    size_ = static_cast<std::size_t>(status.st_size);
    address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (address_ == MAP_FAILED) {
      throw UserError(fmt::format("{}: cannot map the model: {}", path, std::strerror(errno)));
    }
  }

  int descriptor_ = -1;
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

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
  const MappedFile file(path);
  const std::string stripped = strip_weights(file.bytes(), path);
  return parse(path, {reinterpret_cast<const std::uint8_t*>(stripped.data()), stripped.size()});
}

::onnx::ModelProto read_whole_model(const std::string& path) { return parse(path, MappedFile(path).bytes()); }

}  // namespace npusim::onnx
