#include "sim/cli/run_uncertain.h"

#include <set>

#include "hw_models/api/npu.h"
#include "nas/uncertainty/study.h"
#include "sim/cli/output.h"

namespace npusim::cli {

void add_uncertainty_options(CLI::App& command, UncertaintyOptions& options) {
  auto* samples =
      command
          .add_option("--uncertainty", options.samples,
                      "vary the chip's guessed parameters in their ranges, N times: latency as an interval, "
                      "and which guess matters most")
          ->type_name("N")
          ->check(CLI::Range(std::int64_t{1}, std::int64_t{100000}));
  for (const char* single : {"--trace", "--html", "--kernel", "--engines", "--check", "--corunner",
                             "--corunner-load", "--tlm-memory", "--dram-trace"}) {
    samples->excludes(command.get_option(single));
  }
  command.add_option("--seed", options.seed, "of --uncertainty's samples; default: 1")
      ->type_name("S")
      ->needs(samples);
  for (CLI::Option* option : add_batch_options(command, options.run)) option->needs(samples);
}

void run_uncertain(const UncertaintyOptions& options, const HardwareOptions& hardware,
                   const NetworkOptions& network, const std::string& dtype, std::size_t format,
                   const std::string& output) {
  const Config description = resolve(hardware);
  std::set<std::string> fixed;
  for (const std::string& text : hardware.overrides) fixed.insert(text.substr(0, text.find('=')));
  const ir::DType type = choose_dtype(dtype, hw::make_npu(description)->dtypes(), hardware.hw);
  const uncertainty::Study study =
      uncertainty::plan_study(description, load(network), type, uncertainty::find_guesses(description, fixed),
                              {static_cast<std::size_t>(options.samples), options.seed});
  const jobs::BatchResult results = run_batch_from(options.run, study.batch);
  complain_about(options.run, results);
  if (!options.run.shard.empty()) return;
  const uncertainty::Findings findings = uncertainty::find(study, results);
  const uncertainty::Title title{hardware.hw, network.network};
  write_output(output, format == 0   ? uncertainty::to_text(title, study, findings)
                       : format == 1 ? uncertainty::to_json(title, study, findings)
                                     : uncertainty::to_csv(study, findings));
}

}  // namespace npusim::cli
