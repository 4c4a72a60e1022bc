// How messages name commands, flags and bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/program/program.h"

namespace npusim::program {

/// "task 'conv1' command 12 (core0.cube mmad)"; the command's number counts within its task. Works for broken
/// programs too.
std::string describe(const Program& program, std::size_t command);

/// "core0.l1[0 +2048]": bytes [begin, end) of a space.
std::string describe_bytes(const Program& program, SpaceId space, std::int64_t begin, std::int64_t end);

/// The flag's name in quotes.
std::string describe_flag(const Program& program, FlagId flag);

}  // namespace npusim::program
