// Errors: what went wrong, where, what was expected. The command line maps UserError to exit code 1
// and everything else to 2.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace npusim {

/// The user's input is at fault (a file, an option, a network, a hardware description).
/// The message names the file and the line or node, and says what was expected.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// npusim itself is at fault: a broken invariant, an invalid program from a mapper, a deadlock.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws InternalError with `what` unless `condition` holds.
void ensure(bool condition, std::string_view what);

/// The candidate nearest to `name` by edit distance, or "" when none is near enough to be a likely typo.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// "; did you mean 'x'?" for the nearest candidate, or "" when nothing is near.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace npusim
