#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nas/search/output.h"

namespace npusim::search {
namespace {

constexpr double kWidth = 640, kHeight = 440, kLeft = 80, kRight = 20, kTop = 40, kBottom = 50;

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

}  // namespace

std::string front_svg(const SearchIdentity& identity, const std::vector<SearchChip>& chips,
                      const SearchResult& result) {
  struct Dot {
    double ms, score;
    bool simulated;
  };
  std::vector<Dot> dots;
  for (const Seen& one : result.seen) {
    if (!one.evaluation.failure.empty() || !one.measured.scored) continue;
    dots.push_back({one.measured.chips.front().latency_ms, one.measured.score, one.simulated()});
  }
  if (dots.empty()) return "<svg xmlns='http://www.w3.org/2000/svg'/>\n";
  const auto by = [&](double Dot::*field) {
    const auto [least, most] = std::minmax_element(
        dots.begin(), dots.end(), [&](const Dot& a, const Dot& b) { return a.*field < b.*field; });
    return Axis(*least.*field, *most.*field);
  };
  const Axis x = by(&Dot::ms), y = by(&Dot::score);
  std::string text = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1}' font-family='sans-serif' "
      "font-size='12'>\n<rect width='{0}' height='{1}' fill='white'/>\n<text x='{2}' y='20' "
      "font-size='14'>{3}, {4}, {5} networks</text>\n",
      kWidth, kHeight, kLeft, escaped(identity.space), escaped(identity.strategy), result.seen.size());
  text += axes(x, y);
  for (const Dot& dot : dots) {
    text += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='2.5' fill='{}'/>\n", x_of(x, dot.ms),
                        y_of(y, dot.score), dot.simulated ? "#9ab" : "#e2d3b0");
  }
  for (const std::size_t i : result.front) {
    const Measured& one = result.seen[i].measured;
    text += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='4' fill='#c33'><title>{}</title></circle>\n",
                        x_of(x, one.chips.front().latency_ms), y_of(y, one.score),
                        escaped(result.seen[i].encoding));
  }
  const std::optional<double>& limit = identity.goals.limits.latency_ms;
  if (limit && *limit >= x.low && *limit <= x.high) {
    text += fmt::format(
        "<line x1='{0:.1f}' y1='{1}' x2='{0:.1f}' y2='{2}' stroke='#36c' stroke-dasharray='4'/>\n",
        x_of(x, *limit), kTop, kHeight - kBottom);
  }
  text += fmt::format("<text x='{}' y='{}' text-anchor='middle'>latency on {}, ms</text>\n",
                      (kLeft + kWidth - kRight) / 2, kHeight - 12, escaped(chips.front().name));
  text +=
      fmt::format("<text transform='translate(16 {}) rotate(-90)' text-anchor='middle'>{}</text>\n</svg>\n",
                  (kTop + kHeight - kBottom) / 2, escaped(identity.measure));
  return text;
}

}  // namespace npusim::search
