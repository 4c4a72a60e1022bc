// The spaces by name.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "nas/space/isynet.h"
#include "nas/space/mobile.h"
#include "nas/space/product.h"
#include "nas/space/space.h"
#include "nas/space/yaml_space.h"
#include "sim/base/error.h"
#include "workloads/zoo/parameters.h"

namespace npusim::space {

namespace {

/// `image` has height 0 where none was given.
using Make = std::unique_ptr<Space> (*)(zoo::Size image);

struct Entry {
  SpaceInfo info;
  Make make;
};

/// "name" or "name@180x320".
std::string with_image(const std::string& name, zoo::Size image) {
  if (image.h == 0) return name;
  return image.h == image.w ? fmt::format("{}@{}", name, image.h)
                            : fmt::format("{}@{}x{}", name, image.h, image.w);
}

void expect_square(const std::string& name, zoo::Size image) {
  if (image.h != image.w) throw UserError(fmt::format("space '{}': expected a square image", name));
  if (image.h > 0 && image.h < 32) {
    throw UserError(fmt::format("space '{}': expected an image of at least 32x32", name));
  }
}

template <StagedPlan (*plan)()>
std::unique_ptr<Space> staged(zoo::Size image) {
  StagedPlan made = plan();
  expect_square(made.name, image);
  made.name = with_image(made.name, image);
  if (image.h > 0) made.sides = {image.h};
  return std::make_unique<StagedSpace>(std::move(made));
}

std::unique_ptr<Space> isynet_within(const std::string& name, zoo::Size image,
                                     std::optional<IsynetSize> limit) {
  expect_square(name, image);
  return std::make_unique<IsynetSpace>(with_image(name, image), image.h > 0 ? image.h : 224, limit);
}

/// The largest published network, N3, has 5.8 GMACs and 20.5 million parameters.
constexpr IsynetSize kIsynetLimit{6'000'000'000, 25'000'000};

std::unique_ptr<Space> isynet(zoo::Size image) { return isynet_within("isynet", image, kIsynetLimit); }
std::unique_ptr<Space> isynet_full(zoo::Size image) {
  return isynet_within("isynet-full", image, std::nullopt);
}

/// The number in "-3.5g", taken off the end of `text`; nullopt when it does not end so.
std::optional<double> take_limit(std::string_view& text, char unit) {
  const std::size_t dash = text.rfind('-');
  if (dash == std::string_view::npos || !text.ends_with(unit)) return std::nullopt;
  const char* const end = text.data() + text.size() - 1;
  double value = 0;
  const auto [stop, status] = std::from_chars(text.data() + dash + 1, end, value, std::chars_format::fixed);
  if (status != std::errc() || stop != end || value < 0 || value > 1e6) return std::nullopt;
  text = text.substr(0, dash);
  return value;
}

/// The limit of "isynet-3.5g" and "isynet-3.5g-20m"; nullopt for other names.
std::optional<IsynetSize> isynet_limit(std::string_view name) {
  const std::optional<double> million = take_limit(name, 'm'), giga = take_limit(name, 'g');
  if (!giga || name != "isynet") return std::nullopt;
  return IsynetSize{std::llround(*giga * 1e9), million ? std::llround(*million * 1e6) : kNoLimit};
}

std::unique_ptr<Space> edsr(zoo::Size image) { return make_edsr(with_image("edsr", image), image); }

std::unique_ptr<Space> patterns(zoo::Size image) {
  expect_square("patterns", image);
  return make_patterns(with_image("patterns", image), image);
}

std::unique_ptr<Space> nb201(zoo::Size image) {
  expect_square("nb201", image);
  return make_nb201(with_image("nb201", image), image);
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {{"s3nas", "MixConv blocks of three superkernels, for MIDAP", "S3NAS, arXiv 2009.02009"},
       staged<s3nas_plan>},
      {{"s3nas-mbconv", "inverted residuals", "S3NAS, arXiv 2009.02009"}, staged<s3nas_mbconv_plan>},
      {{"s3nas-fused", "full convolution and 1x1", "S3NAS, arXiv 2009.02009"}, staged<s3nas_fused_plan>},
      {{"proxyless", "inverted residuals or nothing, widths of the published latency table",
        "ProxylessNAS, arXiv 1812.00332"},
       staged<proxyless_plan>},
      {{"proxyless-mobile", "widths of ProxylessNAS-mobile", "ProxylessNAS, arXiv 1812.00332"},
       staged<proxyless_mobile_plan>},
      {{"proxyless-gpu", "widths of ProxylessNAS-GPU", "ProxylessNAS, arXiv 1812.00332"},
       staged<proxyless_gpu_plan>},
      {{"proxyless-cpu", "widths of ProxylessNAS-CPU", "ProxylessNAS, arXiv 1812.00332"},
       staged<proxyless_cpu_plan>},
      {{"proxyless-mobile14", "widths of ProxylessNAS-mobile 1.4", "ProxylessNAS, arXiv 1812.00332"},
       staged<proxyless_mobile14_plan>},
      {{"ofa", "MobileNet v3 blocks, elastic depth, width 1.2", "Once-for-All, arXiv 1908.09791"},
       staged<ofa_plan>},
      {{"ofa-w1.0", "MobileNet v3 blocks, elastic depth, width 1.0", "Once-for-All, arXiv 1908.09791"},
       staged<ofa_w10_plan>},
      {{"mnasnet-edgetpu", "plain and fused inverted residuals for the Edge TPU",
        "Gupta and Akin, arXiv 2003.02838; ranges guessed"},
       staged<mnasnet_edgetpu_plan>},
      {{"mbconv-bench", "four stages of 18 plain or fused blocks, to enumerate", "npusim"},
       staged<mbconv_bench_plan>},
      {{"isynet",
        "stages of plain convolutions, for the Ascend 310, up to 6 GMACs and 25 M parameters (isynet-2g, "
        "isynet-2g-9m: other limits)",
        "ISyNet, arXiv 2109.01932; limit guessed"},
       isynet},
      {{"isynet-full", "the same, however large", "ISyNet, arXiv 2109.01932"}, isynet_full},
      {{"edsr", "super-resolution by 2 for the VPU", "EDSR, Xu et al., arXiv 2305.03739"}, edsr},
      {{"patterns", "six macro-architectures by depth and width",
        "\"Does Form Follow Function?\", TinyML 2021; kernel and groups guessed"},
       patterns},
      {{"nb201", "all cells of NAS-Bench-201, in its network for CIFAR-10", "arXiv 2001.00326"}, nb201},
  };
  return all;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const Entry& entry : entries()) all.push_back(entry.info.name);
  return all;
}

bool is_file(const std::string& name) {
  const auto ends = [&name](std::string_view end) {
    return name.size() > end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
  };
  return ends(".yaml") || ends(".yml");
}

const Entry* find(const std::string& name) {
  for (const Entry& entry : entries()) {
    if (entry.info.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Space> make_space(const std::string& name_or_file) {
  if (is_file(name_or_file)) {
    return std::make_unique<StagedSpace>(plan_of(Config::load(name_or_file), name_or_file));
  }
  std::string name = name_or_file;
  const zoo::Size image = zoo::split_image(name_or_file, name);
  if (const auto limit = isynet_limit(name)) return isynet_within(name, image, limit);
  const Entry* const entry = find(name);
  if (entry == nullptr) {
    throw UserError(fmt::format("no space is called '{}'{} (there are {})", name, suggestion(name, names()),
                                fmt::join(names(), ", ")));
  }
  return entry->make(image);
}

const std::vector<SpaceInfo>& spaces() {
  static const std::vector<SpaceInfo> infos = [] {
    std::vector<SpaceInfo> all;
    for (const Entry& entry : entries()) all.push_back(entry.info);
    return all;
  }();
  return infos;
}

bool is_network(const std::string& name) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos) return false;
  const std::string space = name.substr(0, colon), plain = space.substr(0, space.find('@'));
  return is_file(space) || find(plain) != nullptr || isynet_limit(plain).has_value();
}

ir::Graph build(const std::string& name, std::int64_t batch) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos) throw UserError(fmt::format("'{}': expected <space>:<encoding>", name));
  const std::unique_ptr<Space> space = make_space(name.substr(0, colon));
  return space->build(space->decode(name.substr(colon + 1)), batch);
}

}  // namespace npusim::space
