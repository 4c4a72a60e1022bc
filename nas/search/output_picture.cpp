#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "nas/search/output.h"

namespace npusim::search {
namespace {

constexpr double kWidth = 640, kHeight = 440, kLeft = 80, kRight = 20, kTop = 48, kBottom = 50;

/// A linear axis with some five round marks.
struct Axis {
  double low = 0, high = 1, step = 1;

  Axis(double least, double most) {
    const double span = most > least ? most - least : std::max(std::abs(most), 1.0);
    const double rough = std::pow(10, std::floor(std::log10(span / 5)));
    for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
      step = factor * rough;
      if (span / step <= 6) break;
    }
    low = std::floor(least / step) * step;
    high = std::ceil(most / step) * step;
    if (high <= low) high = low + step;
  }
  [[nodiscard]] double share(double value) const { return (value - low) / (high - low); }
  [[nodiscard]] int marks() const { return static_cast<int>(std::lround((high - low) / step)); }
  [[nodiscard]] double mark(int i) const { return low + i * step; }
};

double x_of(const Axis& axis, double value) { return kLeft + axis.share(value) * (kWidth - kLeft - kRight); }
double y_of(const Axis& axis, double value) {
  return kHeight - kBottom - axis.share(value) * (kHeight - kTop - kBottom);
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

std::string axes(const Axis& x, const Axis& y) {
  std::string text;
  for (int i = 0; i <= x.marks(); ++i) {
    const double at = x_of(x, x.mark(i));
    text += fmt::format(
        "<line x1='{0:.1f}' y1='{1}' x2='{0:.1f}' y2='{2}' stroke='#ddd'/>"
        "<text x='{0:.1f}' y='{3}' text-anchor='middle'>{4:.4g}</text>\n",
        at, kTop, kHeight - kBottom, kHeight - kBottom + 16, x.mark(i));
  }
  for (int i = 0; i <= y.marks(); ++i) {
    const double at = y_of(y, y.mark(i));
    text += fmt::format(
        "<line x1='{1}' y1='{0:.1f}' x2='{2}' y2='{0:.1f}' stroke='#ddd'/>"
        "<text x='{3}' y='{4:.1f}' text-anchor='end'>{5:.4g}</text>\n",
        at, kLeft, kWidth - kRight, kLeft - 6, at + 4, y.mark(i));
  }
  return text;
}

/// A network in the picture.
struct Dot {
  double ms = 0, score = 0;
  bool simulated = false;
};

constexpr const char* kFrontColor = "#c33";
constexpr const char* kSimulatedColor = "#9ab";
constexpr const char* kPredictedColor = "#e2d3b0";
constexpr const char* kUnjudgedColor = "#777";
constexpr const char* kLimitColor = "#36c";

std::string circle(double x, double y, double radius, const char* color, const std::string& title = "") {
  return fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='{}' fill='{}'{}\n", x, y, radius, color,
                     title.empty() ? "/>" : fmt::format("><title>{}</title></circle>", escaped(title)));
}

/// What the marks mean, of those that are there.
class Legend {
 public:
  void add(const std::string& mark, const std::string& text) {
    text_ += fmt::format("<g transform='translate({:.0f} {})'>{}<text x='8' y='4'>{}</text></g>\n", x_,
                         kTop - 12, mark, escaped(text));
    x_ += 26 + 6.2 * static_cast<double>(text.size());
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  double x_ = kLeft + 4;
  std::string text_;
};

/// Networks that were not judged, as ticks below the others.
std::string tick(double x, const char* color) {
  return fmt::format(
      "<line x1='{0:.1f}' y1='{1}' x2='{0:.1f}' y2='{2}' stroke='{3}' stroke-opacity='0.5'/>\n", x,
      kHeight - kBottom - 7, kHeight - kBottom, color);
}

Axis axis_of(const std::vector<Dot>& dots, double Dot::*field, const std::optional<double>& also) {
  double least = also.value_or(dots.front().*field), most = least;
  for (const Dot& dot : dots) {
    least = std::min(least, dot.*field);
    most = std::max(most, dot.*field);
  }
  return Axis(least, most);
}

/// The opened drawing with its heading.
std::string title(const SearchIdentity& identity, const SearchResult& result) {
  return fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1}' font-family='sans-serif' "
      "font-size='12'>\n<rect width='{0}' height='{1}' fill='white'/>\n<text x='{2}' y='16' "
      "font-size='14'>{3} by {4}: {5} of {6} networks on the front</text>\n",
      kWidth, kHeight, kLeft, escaped(identity.space), escaped(identity.strategy), result.front.size(),
      result.seen.size());
}

/// The staircase of what the front dominates.
std::string staircase(const Axis& x, const Axis& y, std::vector<Dot> front) {
  std::sort(front.begin(), front.end(), [](const Dot& a, const Dot& b) { return a.ms < b.ms; });
  std::string path;
  double best = 0;
  for (const Dot& dot : front) {
    if (!path.empty() && dot.score <= best) continue;  // of a front of more objectives
    path += path.empty() ? fmt::format("M{:.1f} {:.1f}", x_of(x, dot.ms), y_of(y, dot.score))
                         : fmt::format("H{:.1f}V{:.1f}", x_of(x, dot.ms), y_of(y, dot.score));
    best = dot.score;
  }
  return fmt::format("<path d='{}' fill='none' stroke='{}' stroke-opacity='0.5'/>\n", path, kFrontColor);
}

}  // namespace

std::string front_svg(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                      const SearchResult& result) {
  std::vector<Dot> judged, unjudged, front;
  double most = 0;
  for (const Seen& one : result.seen) {
    if (!one.evaluation.failure.empty()) continue;
    const Dot dot{one.measured.chips.front().latency_ms, one.measured.score, one.simulated()};
    (one.measured.scored ? judged : unjudged).push_back(dot);
    if (one.measured.scored) most = std::max(most, std::abs(dot.score));
  }
  if (judged.empty()) return "<svg xmlns='http://www.w3.org/2000/svg'/>\n";
  const double unit = most >= 1e5 ? 1e6 : 1;
  for (Dot& dot : judged) dot.score /= unit;
  std::vector<Dot> all = judged;
  all.insert(all.end(), unjudged.begin(), unjudged.end());
  const std::optional<double>& limit = identity.goals.limits.latency_ms;
  const Axis x = axis_of(all, &Dot::ms, limit), y = axis_of(judged, &Dot::score, std::nullopt);
  std::string text = title(identity, result) + axes(x, y);
  Legend legend;
  legend.add(circle(0, 0, 4, kFrontColor), "front");
  legend.add(circle(0, 0, 2.5, kSimulatedColor), "simulated");
  bool predicted = false;
  for (const Dot& dot : unjudged) text += tick(x_of(x, dot.ms), kUnjudgedColor);
  for (const Dot& dot : judged) {
    text +=
        circle(x_of(x, dot.ms), y_of(y, dot.score), 2.5, dot.simulated ? kSimulatedColor : kPredictedColor);
    predicted = predicted || !dot.simulated;
  }
  if (predicted) legend.add(circle(0, 0, 2.5, kPredictedColor), "predicted");
  if (!unjudged.empty()) {
    legend.add(fmt::format("<line x1='0' y1='-4' x2='0' y2='4' stroke='{}'/>", kUnjudgedColor),
               "beyond a limit, not judged");
  }
  for (const std::size_t i : result.front) {
    const Measured& one = result.seen[i].measured;
    front.push_back({one.chips.front().latency_ms, one.score / unit, true});
  }
  text += staircase(x, y, front);
  for (std::size_t f = 0; f < front.size(); ++f) {
    text += circle(x_of(x, front[f].ms), y_of(y, front[f].score), 4, kFrontColor,
                   fmt::format("{}: {}", f + 1, result.seen[result.front[f]].encoding));
  }
  if (limit) {
    text +=
        fmt::format("<line x1='{0:.1f}' y1='{1}' x2='{0:.1f}' y2='{2}' stroke='{3}' stroke-dasharray='4'/>\n",
                    x_of(x, *limit), kTop, kHeight - kBottom, kLimitColor);
    legend.add(
        fmt::format("<line x1='-5' y1='0' x2='5' y2='0' stroke='{}' stroke-dasharray='3'/>", kLimitColor),
        fmt::format("limit, {:.4g} ms", *limit));
  }
  text += legend.text();
  text += fmt::format("<text x='{}' y='{}' text-anchor='middle'>latency on {}, ms</text>\n",
                      (kLeft + kWidth - kRight) / 2, kHeight - 12, escaped(chips.front().name));
  return text +
         fmt::format(
             "<text transform='translate(16 {}) rotate(-90)' text-anchor='middle'>{}{}</text>\n</svg>\n",
             (kTop + kHeight - kBottom) / 2, escaped(identity.measure), unit > 1 ? ", millions" : "");
}

}  // namespace npusim::search
