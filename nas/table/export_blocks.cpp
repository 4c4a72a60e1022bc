// S3NAS' folders and Single-Path NAS' JSON.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "nas/table/export_formats.h"
#include "nas/table/export_rows.h"
#include "sim/base/error.h"
#include "workloads/zoo/block.h"
#include "workloads/zoo/parameters.h"

namespace npusim::table {
namespace {

using Json = nlohmann::ordered_json;

/// "MBConvBlock/r1_..._imgsize14" of a block's name; "" for one that is no block of the zoo.
std::string s3nas_path(const Row& row) {
  const std::string prefix = "block:";
  if (row.block.rfind(prefix, 0) != 0) return "";
  std::string text = row.block.substr(prefix.size());
  const zoo::Size image = zoo::split_image(row.block, text);
  const zoo::Block block = zoo::parse_block(text);
  const std::size_t slash = text.find('/');
  const std::string name = slash == std::string::npos ? text : text.substr(slash + 1);
  return fmt::format("{}/{}_imgsize{}", zoo::class_of(block), name, image.h == 0 ? 1 : image.h);
}

/// The searched blocks of Single-Path NAS (arXiv 1904.02877; its blocks_args): repeats, stride, channels.
struct Stage {
  std::int64_t repeats, stride, in, out;
};
constexpr Stage kSinglePath[] = {{1, 1, 32, 16}, {4, 2, 16, 24},  {4, 2, 24, 40},  {4, 2, 40, 80},
                                 {4, 1, 80, 96}, {4, 2, 96, 192}, {1, 1, 192, 320}};
constexpr std::int64_t kSinglePathSize = 112;  ///< behind the stem

double latency_of(const std::vector<Entry>& rows, std::size_t number, const Stage& at, std::int64_t size,
                  std::int64_t kernel, std::int64_t expansion) {
  for (const Entry& entry : rows) {
    const Form& form = entry.row->form;
    if (entry.is(Kind::mbconv) && entry.in() == at.in && entry.out() == at.out && entry.height() == size &&
        form.kernel == kernel && form.stride == at.stride && form.expanded == expansion * at.in &&
        form.squeeze == 0) {
      return entry.ms;
    }
  }
  throw UserError(
      fmt::format("--format singlepath: the table has no row for block {} (kernel {}, expansion {}, stride "
                  "{}, {} to {} channels, {}x{}); the space proxyless has all",
                  number, kernel, expansion, at.stride, at.in, at.out, size, size));
}

}  // namespace

/// One file a block, {"latency": ns}; S3NAS divides by 1e6 to get ms.
std::vector<File> to_s3nas(const Table& table) {
  std::vector<File> files;
  std::size_t left_out = 0;
  for (const Entry& entry : entries(table)) {
    const std::string path = s3nas_path(*entry.row);
    if (path.empty()) {
      ++left_out;
      continue;
    }
    files.push_back({path, Json{{"latency", std::llround(entry.ms * 1e6)}}.dump() + "\n"});
  }
  if (files.empty()) throw UserError("--format s3nas: the table has no block of S3NAS' notation");
  files.push_back({"README", comment(table, "#", left_out)});
  return files;
}

/// {"<block>": {"<choice>": ms}}; choices 3x3 expansion 3, 3x3 6, 5x5 3, 5x5 6. The first block is not
/// searched: all its choices are the 3x3 one without expansion.
std::vector<File> to_singlepath(const Table& table) {
  const std::vector<Entry> rows = entries(table);
  constexpr std::array<std::array<std::int64_t, 2>, 4> kChoices{{{3, 3}, {3, 6}, {5, 3}, {5, 6}}};
  Json json = Json::object();
  std::size_t number = 0;
  std::int64_t size = kSinglePathSize;
  for (const Stage& stage : kSinglePath) {
    Stage at = stage;
    for (std::int64_t i = 0; i < stage.repeats; ++i, ++number) {
      Json choices = Json::object();
      for (std::size_t c = 0; c < kChoices.size(); ++c) {
        const auto& [kernel, expansion] = kChoices[c];
        choices[std::to_string(c)] = number == 0 ? latency_of(rows, 0, at, size, 3, 1)
                                                 : latency_of(rows, number, at, size, kernel, expansion);
      }
      json[std::to_string(number)] = std::move(choices);
      size /= at.stride;
      at = {1, 1, stage.out, stage.out};
    }
  }
  return {{"", json.dump(1) + "\n"}};
}

}  // namespace npusim::table
