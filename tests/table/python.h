// Python, where the machine has it: the readers that other tools use.
#pragma once

#include <string>
#include <vector>

namespace npusim::test {

/// True when python3 can import this module.
bool python_has(const std::string& module);
/// Runs a program with arguments and returns what it prints. Throws std::runtime_error with its exit code.
std::string run_python(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace npusim::test
