// Tables from CSV files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace npusim::look {

/// Cells by row of an RFC 4180 text; lines may end in "\r\n".
std::vector<std::vector<std::string>> parse_csv(std::string_view text);

}  // namespace npusim::look
