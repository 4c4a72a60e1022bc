// A picture of comparisons: how far each strategy is after how many evaluations.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "nas/search/compare.h"

namespace npusim::search {

namespace {

constexpr double kPanelWidth = 380, kPanelHeight = 230, kLeft = 60, kRight = 16, kTop = 34, kBottom = 44,
                 kHead = 30;
constexpr int kMarks = 4;           ///< on an axis, about
constexpr double kRounding = 1e-9;  ///< of a quotient that should be whole

/// What a panel shows.
struct Panel {
  double Checkpoint::*field;
  Aim aim;
  const char* title;
};
constexpr std::array kPanels{
    Panel{&Checkpoint::regret, Aim::limit, "regret within the limit, seeking the best there"},
    Panel{&Checkpoint::hypervolume, Aim::front, "hypervolume, seeking the front"}};

const char* color_of(const std::string& strategy) {
  static const std::map<std::string, const char*> colors{{"random", "#777777"},
                                                         {"evolution", "#e69f00"},
                                                         {"nsga2", "#0072b2"},
                                                         {"smbo", "#d55e00"},
                                                         {"reward", "#009e73"}};
  const auto color = colors.find(strategy);
  return color == colors.end() ? "#000000" : color->second;
}

/// A benchmark's name may be that of a file.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  return out;
}

/// Of one strategy by evaluations the quartiles over seeds.
struct Line {
  std::string strategy;
  std::map<std::size_t, std::array<double, 3>> quartiles;
};

/// Between the two nearest, by their distance; `values` ascend.
double at_quantile(const std::vector<double>& values, double quantile) {
  const double place = quantile * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (place - static_cast<double>(low)) * (values[high] - values[low]);
}

std::vector<Line> lines_of(const Comparison& comparison, const Panel& panel) {
  std::vector<std::string> order;
  std::map<std::string, std::map<std::size_t, std::vector<double>>> values;
  for (const Trial& trial : comparison.trials) {
    if (trial.aim != panel.aim) continue;
    if (std::find(order.begin(), order.end(), trial.strategy) == order.end()) order.push_back(trial.strategy);
    for (const Checkpoint& at : trial.checkpoints) {
      values[trial.strategy][at.evaluations].push_back(at.*panel.field);
    }
  }
  std::vector<Line> lines;
  for (const std::string& strategy : order) {
    Line line{strategy, {}};
    for (auto& [evaluations, found] : values[strategy]) {
      std::sort(found.begin(), found.end());
      line.quartiles[evaluations] = {at_quantile(found, 0.25), at_quantile(found, 0.5),
                                     at_quantile(found, 0.75)};
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

/// Where a panel's values are on the picture.
class Scale {
 public:
  Scale(double x, double y, const std::vector<Line>& lines, bool from_zero) : x_(x), y_(y) {
    low_ = std::numeric_limits<double>::infinity();
    high_ = -low_;
    for (const Line& line : lines) {
      for (const auto& [evaluations, values] : line.quartiles) {
        most_ = std::max(most_, static_cast<double>(evaluations));
        low_ = std::min(low_, values[1]);
        high_ = std::max(high_, values[1]);
      }
    }
    if (from_zero) low_ = 0;
    if (!from_zero) high_ = 1;
    if (!(high_ > low_)) high_ = low_ + 1;
    const double rough = std::pow(10, std::floor(std::log10((high_ - low_) / kMarks)));
    for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
      step_ = factor * rough;
      if ((high_ - low_) / step_ <= kMarks + 1) break;
    }
    low_ = std::floor(low_ / step_) * step_;
    high_ = std::ceil(high_ / step_ * (1 - kRounding)) * step_;
  }
  [[nodiscard]] double x(double evaluations) const {
    return x_ + kLeft + evaluations / most_ * (kPanelWidth - kLeft - kRight);
  }
  [[nodiscard]] double y(double value) const {
    const double share = std::clamp((value - low_) / (high_ - low_), 0.0, 1.0);
    return y_ + kPanelHeight - kBottom - share * (kPanelHeight - kTop - kBottom);
  }
  [[nodiscard]] std::string grid() const {
    std::string text;
    const auto steps = static_cast<int>(std::lround((high_ - low_) / step_));
    for (int i = 0; i <= steps; ++i) {
      const double value = low_ + i * step_;
      text += fmt::format(
          "<line x1='{0:.1f}' y1='{2:.1f}' x2='{1:.1f}' y2='{2:.1f}' stroke='#dddddd'/>"
          "<text x='{3:.1f}' y='{4:.1f}' text-anchor='end'>{5:.3g}</text>\n",
          x(0), x(most_), y(value), x(0) - 6, y(value) + 4, value);
    }
    for (int i = 0; i <= kMarks; ++i) {
      const double evaluations = most_ * i / kMarks;
      text += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>{:.0f}</text>\n", x(evaluations),
                          y(low_) + 16, evaluations);
    }
    return text;
  }

 private:
  double x_, y_, low_ = 0, high_ = 0, step_ = 1, most_ = 1;
};

std::string draw(const Line& line, const Scale& scale) {
  std::string upper, lower, middle;
  for (const auto& [evaluations, values] : line.quartiles) {
    const double x = scale.x(static_cast<double>(evaluations));
    upper += fmt::format("{:.1f},{:.1f} ", x, scale.y(values[2]));
    middle += fmt::format("{:.1f},{:.1f} ", x, scale.y(values[1]));
  }
  for (auto at = line.quartiles.rbegin(); at != line.quartiles.rend(); ++at) {
    lower += fmt::format("{:.1f},{:.1f} ", scale.x(static_cast<double>(at->first)), scale.y(at->second[0]));
  }
  return fmt::format(
      "<polygon points='{0}{1}' fill='{2}' fill-opacity='0.12'/>"
      "<polyline points='{3}' fill='none' stroke='{2}' stroke-width='2'{4}/>\n",
      upper, lower, color_of(line.strategy), middle,
      line.strategy == "random" ? " stroke-dasharray='5 3'" : "");
}

std::string draw(const Comparison& comparison, const Panel& panel, double x, double y) {
  const std::vector<Line> lines = lines_of(comparison, panel);
  if (lines.empty()) return "";
  const Scale scale(x, y, lines, panel.aim == Aim::limit);
  std::string text = fmt::format(
      "<text x='{:.1f}' y='{:.1f}' font-size='12' font-weight='bold'>{}</text>"
      "<text x='{:.1f}' y='{:.1f}'>{}</text>\n",
      x + kLeft, y + 14, escaped(comparison.benchmark), x + kLeft, y + 28, panel.title);
  text += scale.grid();
  for (const Line& line : lines) text += draw(line, scale);
  return text + fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>evaluations</text>\n",
                            x + (kLeft + kPanelWidth - kRight) / 2, y + kPanelHeight - 10);
}

}  // namespace

std::string picture_of(const std::vector<Comparison>& comparisons) {
  const double width = kPanelWidth * static_cast<double>(kPanels.size());
  const double height = kHead + kPanelHeight * static_cast<double>(comparisons.size());
  std::string text = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1}' font-family='sans-serif' "
      "font-size='11'>\n<rect width='{0}' height='{1}' fill='white'/>\n",
      width, height);
  std::vector<std::string> names;
  for (const Comparison& comparison : comparisons) {
    for (const Trial& trial : comparison.trials) {
      if (std::find(names.begin(), names.end(), trial.strategy) == names.end())
        names.push_back(trial.strategy);
    }
  }
  double x = kLeft;
  for (const std::string& name : names) {
    text += fmt::format(
        "<line x1='{0:.1f}' y1='16' x2='{1:.1f}' y2='16' stroke='{2}' stroke-width='3'/>"
        "<text x='{3:.1f}' y='20' font-size='12'>{4}</text>\n",
        x, x + 22, color_of(name), x + 28, name);
    x += 110;
  }
  for (std::size_t i = 0; i < comparisons.size(); ++i) {
    for (std::size_t p = 0; p < kPanels.size(); ++p) {
      text += draw(comparisons[i], kPanels[p], kPanelWidth * static_cast<double>(p),
                   kHead + kPanelHeight * static_cast<double>(i));
    }
  }
  return text + "</svg>\n";
}

}  // namespace npusim::search
