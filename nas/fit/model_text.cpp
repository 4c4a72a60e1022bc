// A fit's result for people.
#include <fmt/format.h>

#include <algorithm>

#include "nas/fit/model.h"

namespace npusim::fit {
namespace {

std::string line(const char* what, const Errors& errors) {
  return fmt::format("{:<17} {:>8} {:>7.4f} {:>7.2f} {:>9.1f} {:>8.1f} {:>8.1f} {:>9.1f} {:>9.4f} {:>8.4f}\n",
                     what, errors.count, errors.r2, errors.mape * 100, errors.rmse / 1e3, errors.worst * 100,
                     errors.within5 * 100, errors.within10 * 100, errors.spearman, errors.kendall);
}

std::string errors_text(const Model& model) {
  std::string text =
      "                  networks      R2  MAPE %   RMSE us  worst %  in 5 %  in 10 %  Spearman  Kendall\n";
  text += line("learnt from", model.training);
  text += line("cross-validation", model.cross_validation);
  if (model.held_out) text += line("held out", *model.held_out);
  return text;
}

std::string interval_text(const Model& model) {
  const Spread& spread = model.spread;
  std::string text = fmt::format("{:.0f} % interval: ", model.coverage * 100);
  if (spread.exponent == 0) {
    text += fmt::format("+-{:.2f} %", spread.relative * 100);
  } else {
    text += fmt::format("+-{:.2f} % at {:.3g} ms, +-{:.2f} % at {:.3g} ms, +-{:.2f} % at {:.3g} ms",
                        spread.of(spread.low_ns) * 100, spread.low_ns / 1e6, spread.relative * 100,
                        spread.reference_ns / 1e6, spread.of(spread.high_ns) * 100, spread.high_ns / 1e6);
  }
  if (model.held) {
    text += fmt::format(
        "\nit holds {:.1f} % of the networks held out; {:.1f} % of the fastest third, {:.1f} % "
        "of the middle, {:.1f} % of the slowest",
        model.held->all * 100, model.held->thirds[0] * 100, model.held->thirds[1] * 100,
        model.held->thirds[2] * 100);
  }
  return text + "\n";
}

std::string learning_text(const Model& model) {
  if (model.learning.empty()) return "";
  std::string text =
      fmt::format("\nlearning from   MAPE %   RMSE us  worst %   (of {} networks that no step has seen)\n",
                  model.learning.front().errors.count);
  for (const LearningStep& step : model.learning) {
    text += fmt::format("{:>13} {:>8.2f} {:>9.1f} {:>8.1f}\n", step.networks, step.errors.mape * 100,
                        step.errors.rmse / 1e3, step.errors.worst * 100);
  }
  return text;
}

/// Relative to their own time only where they have one: of next to nothing, a percentage says nothing.
std::string kinds_text(const FitResult& result) {
  constexpr double kNothing = 5e-4;
  if (result.kinds.empty()) return "";
  std::string text = fmt::format(
      "\n                              share of     of the kind's own time   of all time\n"
      "layers of the networks {}  all time %        bias %       error %       error %\n",
      result.model.held_out ? "held out" : "learnt  ");
  for (const KindErrors& kind : result.kinds) {
    text += fmt::format("{:<20} {:>8} {:>11.1f}", kind.kind, kind.layers, kind.share * 100);
    if (kind.share < kNothing) {
      text += fmt::format(" {:>13} {:>13}", "-", "-");
    } else {
      text +=
          fmt::format(" {:>13.1f} {:>13.1f}", kind.bias / kind.share * 100, kind.missed / kind.share * 100);
    }
    text += fmt::format(" {:>13.2f}\n", kind.missed * 100);
  }
  return text;
}

std::string coefficients_text(const FitResult& result) {
  const auto coefficients = result.model.core->coefficients();
  if (coefficients.empty()) return "";
  const bool linear = !result.inflation.empty();
  std::string text =
      linear ? "\ncycles of one            value   inflation (VIF)\n" : "\nthe network's terms      value\n";
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    text += fmt::format("{:<22} {:>8.4g}", coefficients[i].first, coefficients[i].second);
    if (i > 0 && i <= result.inflation.size())
      text += fmt::format("   {:>15.3g}", result.inflation[i - 1].factor);
    text += "\n";
  }
  if (linear) {
    const auto worst = std::max_element(result.inflation.begin(), result.inflation.end(),
                                        [](const auto& a, const auto& b) { return a.factor < b.factor; });
    if (worst->factor > 10)
      text += "above 10, other features explain this one: its value alone means nothing\n";
  }
  return text;
}

}  // namespace

std::string to_text(const FitResult& result) {
  const Model& model = result.model;
  std::string text = fmt::format("model {} of {} ({}), {} of {}\n\n", model.model, model.hw, model.dtype,
                                 model.networks, model.data_source);
  text += errors_text(model) + interval_text(model) + learning_text(model) + kinds_text(result) +
          coefficients_text(result);
  if (!result.dropped.empty() && model.model != "apm") {
    text += fmt::format("\nthe same for all networks, not used: {}\n", fmt::join(result.dropped, ", "));
  }
  return text;
}

}  // namespace npusim::fit
