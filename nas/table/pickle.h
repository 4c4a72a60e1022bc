// Python's pickle protocol 2, for nested dictionaries of numbers.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace npusim::table {

/// Objects as dict, arrays as list, strings, numbers as int or float, booleans, null as None. Throws
/// InternalError for integers beyond 32 bits.
std::string to_pickle(const nlohmann::ordered_json& value);

}  // namespace npusim::table
