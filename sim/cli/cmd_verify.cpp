// npusim verify: does the program compute what the network says?
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "hw_models/api/prove.h"
#include "sim/base/error.h"
#include "sim/cli/commands.h"
#include "sim/cli/output.h"
#include "workloads/formats/formats.h"
#include "workloads/reference/seeded.h"

namespace npusim::cli {
namespace {

struct VerifyCommand {
  HardwareOptions hardware;
  NetworkOptions network;
  std::string dtype;
  std::uint64_t seed = 1;
  bool layers = false;
};

/// Seeded inputs, and the file's weights where it has them. `source` says which.
reference::Values values(const VerifyCommand& options, const ir::Graph& graph, std::string& source) {
  reference::Values given = reference::seeded_values(graph, options.seed);
  source = fmt::format("random weights, seed {}", options.seed);
  if (is_generated(options.network)) return given;
  try {
    const reference::Values weights = formats::load_weights(options.network.network, graph);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i]) reference::set(given, static_cast<ir::TensorId>(i), *weights[i]);
    }
    source = fmt::format("the file's weights, inputs from seed {}", options.seed);
  } catch (const UserError& error) {
    source += fmt::format(" ({})", error.what());
  }
  return given;
}

void print_verdict(const VerifyCommand& options, const hw::Trial& trial, const hw::Verdict& verdict) {
  if (options.layers) {
    fmt::print("{:<40} {:<32} {:>10} {:>11} {:>9} {:>9} {:>10}\n", "layer", "tensor", "elements", "error",
               "relative", "allowed", "end-to-end");
    for (const auto& check : verdict.checks) {
      fmt::print("{:<40} {:<32} {:>10} {:>11.3g} {:>9.2g} {:>9.2g} {:>10.2g}\n", check.task, check.tensor,
                 check.elements, check.max_abs, check.relative, check.tolerance, check.end_to_end);
    }
  }
  const auto worst = std::max_element(verdict.checks.begin(), verdict.checks.end(),
                                      [](const auto& a, const auto& b) { return a.used < b.used; });
  std::int64_t elements = 0;
  for (const auto& check : verdict.checks) elements += check.elements;
  fmt::print("{} commands executed; {} elements of {} tensors compared, {}\n", verdict.commands, elements,
             verdict.checks.size(), trial.dtype == ir::DType::i8 ? "int8 exactly" : "fp16 within rounding");
  if (worst != verdict.checks.end()) {
    fmt::print(
        "each layer on the chip's own operands: at most {:.0f} % of the tolerance, in '{}' of layer '{}': "
        "{:.3g}, {:.2e} of the tensor's scale\n",
        100 * worst->used, worst->tensor, worst->task, worst->max_abs, worst->relative);
    const auto far =
        std::max_element(verdict.checks.begin(), verdict.checks.end(),
                         [](const auto& a, const auto& b) { return a.end_to_end < b.end_to_end; });
    fmt::print(
        "against the reference's whole run: at most {:.2e} of the tensor's scale, in '{}' of layer '{}'\n",
        far->end_to_end, far->tensor, far->task);
  }
  for (const auto& name : verdict.not_computed) {
    fmt::print("not executed, result taken from the reference: {}\n", name);
  }
}

void verify(const VerifyCommand& options) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const std::unique_ptr<hw::Npu> npu = hw::make_npu(resolve(options.hardware));
  const ir::Graph graph = load(options.network);
  const ir::DType dtype =
      choose_dtype(options.dtype, npu->dtypes(), options.hardware.hw, ir::is_quantized(graph));
  std::string source;
  const reference::Values given = values(options, graph, source);
  fmt::print("{} on {} in {}: {}\n", graph.name, options.hardware.hw, ir::to_string(dtype), source);
  const Progress progress(fmt::format("verifying {}", graph.name));
  const hw::Trial trial = hw::prepare_trial(*npu, graph, given, dtype);
  const auto prepared = Clock::now();
  const hw::Verdict verdict = hw::run_trial(trial);
  const auto end = Clock::now();
  print_verdict(options, trial, verdict);
  fmt::print("{:.1f} s: {:.1f} s reference and compiler, {:.1f} s program\n",
             std::chrono::duration<double>(end - start).count(),
             std::chrono::duration<double>(prepared - start).count(),
             std::chrono::duration<double>(end - prepared).count());
  if (!verdict.mismatch) return;
  const hw::Mismatch& wrong = *verdict.mismatch;
  throw InternalError(fmt::format("layer '{}' computes {} at {} of '{}', expected {} within {:.3g}; {}",
                                  wrong.task, wrong.actual, wrong.element, wrong.tensor, wrong.expected,
                                  wrong.tolerance, wrong.where));
}

}  // namespace

void add_verify(CLI::App& app) {
  auto options = std::make_shared<VerifyCommand>();
  CLI::App* command = app.add_subcommand(
      "verify", "execute a network's program on real tensors and compare with the reference");
  add_hardware_options(*command, options->hardware);
  add_network_options(*command, options->network);
  command->add_option("--dtype", options->dtype, "fp16 or int8; default: the chip's first")
      ->type_name("TYPE");
  command->add_option("--seed", options->seed, "of random inputs and weights; default: 1")->type_name("S");
  command->add_flag("--layers", options->layers, "print every layer's error");
  command->callback([options] { verify(*options); });
}

}  // namespace npusim::cli
