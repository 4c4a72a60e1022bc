// Errors' texts, for both major versions of Catch2.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "sim/base/error.h"

namespace npusim::test {

/// What the UserError that `act` throws says; "" when it throws none.
template <class Act>
std::string error_of(const Act& act) {
  try {
    act();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// Whether all parts are in the text.
inline bool says(const std::string& text, const std::vector<std::string>& parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [&](const std::string& part) { return text.find(part) != std::string::npos; });
}

}  // namespace npusim::test
