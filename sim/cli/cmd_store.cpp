// npusim store: the files that keep results.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "nas/jobs/store.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"

namespace npusim::cli {
namespace {

void merge(const std::string& into, const std::vector<std::string>& parts) {
  jobs::Store store(into);
  std::string text;
  for (const std::string& part : parts) {
    const std::int64_t added = store.merge(part);
    text += fmt::format("{}: {} results added\n", part, added);
  }
  write_output("", text + fmt::format("{}: {} results\n", into, store.rows()));
}

}  // namespace

void add_store(CLI::App& app) {
  CLI::App* store = app.add_subcommand("store", "the files that keep results");
  store->require_subcommand(1);
  struct MergeCommand {
    std::string into;
    std::vector<std::string> parts;
  };
  auto options = std::make_shared<MergeCommand>();
  CLI::App* merged = store->add_subcommand("merge", "add the results of several stores to one");
  merged->add_option("into", options->into, "the store that takes them; made when there is none")
      ->required()
      ->type_name("FILE");
  merged->add_option("parts", options->parts, "stores to add")->required()->type_name("FILE");
  merged->callback([options] { merge(options->into, options->parts); });
}

}  // namespace npusim::cli
