// What the program's printer and parser share: how names are written.
#pragma once

#include <string>
#include <string_view>

namespace npusim::program {

/// Whether `c` may stand in a bare word of the text form: letters, digits and _.:-#
bool is_word_char(char c);

/// `name` as it is written in the text form: bare when it is a word, else in double quotes with \" \\ and
/// \xNN for control characters. UTF-8 passes through.
std::string quoted_name(std::string_view name);

}  // namespace npusim::program
