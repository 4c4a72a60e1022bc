// The command line as a whole: parses, dispatches, maps errors to exit codes.
#pragma once

namespace npusim::cli {

/// Done.
inline constexpr int kExitOk = 0;
/// The user's input is at fault.
inline constexpr int kExitUser = 1;
/// npusim is at fault.
inline constexpr int kExitInternal = 2;

/// Runs `npusim argv[1..]` and returns the exit code. Results go to standard output, errors to standard error
/// as "npusim: error: ...".
int run_app(int argc, const char* const* argv);

}  // namespace npusim::cli
