// Golden files: a text that a change must not change unnoticed. scripts/approve.sh writes them anew.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace npusim::test {

/// Whether `text` equals the file `golden` (below the repository's root). With NPUSIM_APPROVE set in the
/// environment the file is written instead.
inline bool matches_golden(const std::string& text, const std::string& golden) {
  const std::filesystem::path path = std::filesystem::path(NPUSIM_SOURCE_DIR) / golden;
  if (std::getenv("NPUSIM_APPROVE") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return true;
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream expected;
  expected << in.rdbuf();
  return in.good() && expected.str() == text;
}

}  // namespace npusim::test
