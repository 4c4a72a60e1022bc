#include "tests/table/python.h"

#include <array>
#include <cstdio>
#include <stdexcept>

#include "tests/cli/run_npusim.h"

namespace npusim::test {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

}  // namespace

bool python_has(const std::string& module) {
  try {
    run_python("import " + module, {});
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::string run_python(const std::string& program, const std::vector<std::string>& arguments) {
  const TempFolder folder;
  write_file(folder / "program.py", program);
  std::string command = "python3 " + quoted(folder / "program.py");
  for (const std::string& argument : arguments) command += " " + quoted(argument);
  std::FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("no shell");
  std::string text;
  std::array<char, 4096> buffer{};
  while (const std::size_t read = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), read);
  }
  const int status = ::pclose(pipe);
  if (status != 0) throw std::runtime_error("python3 ended with status " + std::to_string(status));
  return text;
}

}  // namespace npusim::test
