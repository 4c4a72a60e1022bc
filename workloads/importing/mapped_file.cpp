#include "workloads/importing/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "sim/base/error.h"

namespace npusim::importing {

namespace {

/// "; did you mean 'resnet50.onnx'?" from the files beside a missing one.
std::string nearest_file(const std::string& path, const std::string& extension) {
  namespace fs = std::filesystem;
  const fs::path wanted(path);
  const fs::path folder = wanted.has_parent_path() ? wanted.parent_path() : fs::path(".");
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == extension) names.push_back(it->path().filename().string());
  }
  return suggestion(wanted.filename().string(), names);
}

}  // namespace

MappedFile::MappedFile(const std::string& path, const std::string& what, const std::string& extension)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) {
    const int error = errno;
    throw UserError(fmt::format("{}: cannot open the model: {}{}", path, std::strerror(error),
                                error == ENOENT ? nearest_file(path, extension) : ""));
  }
  try {
    map(path, what);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

MappedFile::~MappedFile() {
  ::munmap(address_, size_);
  ::close(descriptor_);
}

void MappedFile::map(const std::string& path, const std::string& what) {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    throw UserError(fmt::format("{}: not a regular file; expected {}", path, what));
  }
  if (status.st_size == 0) throw UserError(fmt::format("{}: the file is empty; expected {}", path, what));
  size_ = static_cast<std::size_t>(status.st_size);
  address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
  if (address_ == MAP_FAILED) {
    throw UserError(fmt::format("{}: cannot map the model: {}", path, std::strerror(errno)));
  }
}

}  // namespace npusim::importing
