// npusim report: what npusim wrote, as a page to look at.
#include <memory>

#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "sim/look/page.h"

namespace npusim::cli {

void add_report(CLI::App& app) {
  struct Options {
    std::vector<std::string> files;
    std::string output;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("report", "a page (HTML) of runs side by side, of a sweep, table, fit or search");
  command
      ->add_option(
          "files", options->files,
          "runs (JSON), of which each is compared with the first; or one sweep or table (CSV or JSON), "
          "model of npusim fit, or folder of npusim search")
      ->type_name("FILE")
      ->required();
  command->add_option("-o,--output", options->output, "write the page here instead of standard output")
      ->type_name("FILE");
  command->callback([options] {
    check_writable(options->output);
    write_output(options->output, look::report_page(options->files, NPUSIM_VERSION));
  });
}

}  // namespace npusim::cli
