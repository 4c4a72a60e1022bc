// The spaces by name.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "nas/space/mobile.h"
#include "nas/space/space.h"
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

template <StagedPlan (*plan)()>
std::unique_ptr<Space> staged(zoo::Size image) {
  StagedPlan made = plan();
  if (image.h != image.w) throw UserError(fmt::format("space '{}': expected a square image", made.name));
  if (image.h > 0) {
    if (image.h < 32) throw UserError(fmt::format("space '{}': images of at least 32x32", made.name));
    made.name += fmt::format("@{}", image.h);
    made.sides = {image.h};
  }
  return std::make_unique<StagedSpace>(std::move(made));
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
  };
  return all;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const Entry& entry : entries()) all.push_back(entry.info.name);
  return all;
}

const Entry* find(const std::string& name) {
  for (const Entry& entry : entries()) {
    if (entry.info.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Space> make_space(const std::string& name_or_file) {
  std::string name = name_or_file;
  const zoo::Size image = zoo::split_image(name_or_file, name);
  const Entry* const entry = find(name);
  if (entry == nullptr) {
    throw UserError(fmt::format("no space is called '{}'{}; there are {}", name, suggestion(name, names()),
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
  const std::string space = name.substr(0, colon);
  return find(space.substr(0, space.find('@'))) != nullptr;
}

ir::Graph build(const std::string& name, std::int64_t batch) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos) throw UserError(fmt::format("'{}': expected <space>:<encoding>", name));
  const std::unique_ptr<Space> space = make_space(name.substr(0, colon));
  return space->build(space->decode(name.substr(colon + 1)), batch);
}

}  // namespace npusim::space
