#include "nas/jobs/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace npusim::jobs {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr std::chrono::milliseconds kRedraw{200};
constexpr std::chrono::seconds kPlainEvery{10};

std::string duration(double seconds) {
  const long whole = std::lround(seconds);
  if (whole < 120) return fmt::format("{} s", whole);
  if (whole < 7200) return fmt::format("{} min", whole / 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string progress_text(std::size_t done, std::size_t total, double seconds) {
  std::string text = fmt::format("{} of {} jobs", done, total);
  if (done == 0 || seconds <= 0) return text;
  const double rate = static_cast<double>(done) / seconds;
  return text +
         fmt::format(", {:.3g} jobs/s, {} left", rate, duration(static_cast<double>(total - done) / rate));
}

ProgressBar::ProgressBar(std::size_t total)
    : total_(total),
      terminal_(::isatty(STDERR_FILENO) != 0),
      next_(start_ + (terminal_ ? Clock::duration(kRedraw) : Clock::duration(kPlainEvery))) {}

ProgressBar::~ProgressBar() {
  if (terminal_) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::show(std::size_t done) {
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + (terminal_ ? Clock::duration(kRedraw) : Clock::duration(kPlainEvery));
  const std::string text = progress_text(done, total_, std::chrono::duration<double>(now - start_).count());
  if (terminal_) {
    const std::size_t filled = total_ == 0 ? 0 : kBarWidth * done / total_;
    std::fprintf(stderr, "\r\x1b[Knpusim: [%s%s] %s", std::string(filled, '=').c_str(),
                 std::string(kBarWidth - filled, ' ').c_str(), text.c_str());
  } else {
    std::fprintf(stderr, "npusim: %s\n", text.c_str());
  }
}

void ProgressBar::say(const std::string& line) const {
  std::fprintf(stderr, "%snpusim: %s\n", terminal_ ? "\r\x1b[K" : "", line.c_str());
}

}  // namespace npusim::jobs
