#include "sim/cli/app.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "sim/base/error.h"
#include "sim/cli/commands.h"

namespace npusim::cli {
namespace {

/// The innermost subcommand the user named.
CLI::App* innermost(CLI::App* app) {
  const std::vector<CLI::App*> chosen = app->get_subcommands();
  return chosen.empty() ? app : innermost(chosen.front());
}

/// Names a user could have meant at this place: options and subcommands.
std::vector<std::string> valid_words(CLI::App* app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app->get_options()) {
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  }
  for (const CLI::App* command : app->get_subcommands([](CLI::App*) { return true; })) {
    words.push_back(command->get_name());
  }
  return words;
}

std::string full_name(const CLI::App* app) {
  return app->get_parent() == nullptr ? app->get_name()
                                      : full_name(app->get_parent()) + " " + app->get_name();
}

/// What the user typed that nobody understands, with the nearest thing that would have been: a command where
/// one is due, else an option.
std::string describe_extras(CLI::App* app) {
  CLI::App* command = innermost(app);
  const std::vector<std::string> extras = app->remaining(true);
  auto culprit = extras.begin();
  if (command->get_require_subcommand_min() == 0) {
    culprit =
        std::find_if(extras.begin(), extras.end(), [](const auto& word) { return word.front() == '-'; });
    if (culprit == extras.end()) culprit = extras.begin();
  }
  const std::string word = culprit->substr(0, culprit->find('='));
  return fmt::format("'{}' has no {} '{}'{}", full_name(command),
                     command->get_require_subcommand_min() == 0 ? "argument" : "command", word,
                     suggestion(word, valid_words(command)));
}

std::string describe_missing_command(CLI::App* command) {
  std::vector<std::string> names;
  for (const CLI::App* sub : command->get_subcommands([](CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return fmt::format("'{}' needs a command: {}", full_name(command), fmt::join(names, ", "));
}

std::string describe(CLI::App* app, const CLI::ParseError& error) {
  CLI::App* command = innermost(app);
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  const bool incomplete = code == CLI::ExitCodes::RequiredError && command->get_require_subcommand_min() > 0;
  if (code == CLI::ExitCodes::ExtrasError || (incomplete && app->remaining_size(true) > 0)) {
    return describe_extras(app);
  }
  return incomplete ? describe_missing_command(command) : error.what();
}

int fail(int code, const std::string& message) {
  std::cout.flush();
  std::cerr << "npusim: error: " << message << '\n';
  return code;
}

void add_commands(CLI::App& app) {
  app.require_subcommand(1);
  app.set_version_flag("--version", "npusim " NPUSIM_VERSION);
  add_run(app);
  add_compile(app);
  add_op(app);
  add_verify(app);
  add_hw(app);
  add_nets(app);
  add_dram(app);
  add_sweep(app);
  add_store(app);
  add_spaces(app);
  add_table(app);
  add_calibrate(app);
  add_diff(app);
  add_report(app);
  add_search(app);
  add_scale(app);
  add_fit(app);
  add_predict(app);
  add_mem(app);
}

int parse_and_run(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return kExitOk;
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    return fail(kExitUser, fmt::format("{}\nrun '{} --help' for what is possible", describe(&app, error),
                                       full_name(innermost(&app))));
  }
}

}  // namespace

int run_app(int argc, const char* const* argv) {
  try {
    CLI::App app("Cycle-accurate simulation of neural networks on NPUs", "npusim");
    add_commands(app);
    if (argc <= 1) {
      std::cerr << app.help();
      return kExitUser;
    }
    return parse_and_run(app, argc, argv);
  } catch (const UserError& error) {
    return fail(kExitUser, error.what());
  } catch (const std::bad_alloc&) {
    return fail(kExitInternal, "out of memory");
  } catch (const std::exception& error) {
    return fail(kExitInternal,
                fmt::format("{}\nthis is a fault in npusim, not in your input; please report it with "
                            "the command line and its files",
                            error.what()));
  }
}

}  // namespace npusim::cli
