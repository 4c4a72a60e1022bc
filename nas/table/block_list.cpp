#include "nas/table/block_list.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

#include "nas/space/staged.h"
#include "sim/base/error.h"
#include "workloads/zoo/block.h"
#include "workloads/zoo/parameters.h"

namespace npusim::table {
namespace {

const std::string kPrefix = "block:";
constexpr std::int64_t kMostChannels = 1 << 20;
constexpr std::int64_t kMostSize = 1 << 14;
/// Blocks of one list: more is a typing error rather than a wish.
constexpr std::size_t kMostBlocks = 1'000'000;

const std::vector<std::string> kKeys{"block", "kind", "kernel",  "expansion", "stride", "in",
                                     "out",   "size", "squeeze", "skip",      "act",    "pad"};
const std::vector<std::string> kKinds{"mbconv", "fused", "conv", "dense", "pool"};

/// One entry of a list: reads its keys, complains with file and line.
class Entry {
 public:
  Entry(std::string file, YAML::Node node) : file_(std::move(file)), node_(std::move(node)) {}

  [[noreturn]] void fail(const YAML::Node& at, const std::string& what) const {
    throw UserError(fmt::format("{}:{}: {}", file_, at.Mark().line + 1, what));
  }
  [[nodiscard]] const YAML::Node& node() const { return node_; }
  [[nodiscard]] bool has(const std::string& key) const { return static_cast<bool>(node_[key]); }

  void check_keys() const {
    for (const auto& item : node_) {
      const std::string& key = item.first.Scalar();
      if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
        fail(item.first, fmt::format("unknown key '{}'{}; a block has {}", key, suggestion(key, kKeys),
                                     fmt::join(kKeys, ", ")));
      }
    }
  }
  [[nodiscard]] YAML::Node require(const std::string& key) const {
    if (!has(key)) fail(node_, fmt::format("the block has no '{}'", key));
    return node_[key];
  }
  [[nodiscard]] std::vector<std::int64_t> numbers(const std::string& key, std::int64_t most) const {
    const YAML::Node value = require(key);
    std::vector<std::int64_t> list;
    const auto read = [&](const YAML::Node& one) {
      std::int64_t number = 0;
      if (!one.IsScalar() || !YAML::convert<std::int64_t>::decode(one, number) || number < 1 ||
          number > most) {
        fail(one, fmt::format("{}: expected a whole number from 1 to {}{}", key, most,
                              one.IsScalar() ? fmt::format(", got '{}'", one.Scalar()) : ""));
      }
      list.push_back(number);
    };
    if (value.IsSequence()) {
      for (const auto& one : value) read(one);
      if (list.empty()) fail(value, fmt::format("{}: the list is empty", key));
    } else {
      read(value);
    }
    return list;
  }
  [[nodiscard]] std::vector<std::int64_t> numbers_or(const std::string& key, std::int64_t most) const {
    return has(key) ? numbers(key, most) : std::vector<std::int64_t>{1};
  }
  [[nodiscard]] std::string choice(const std::string& key, const std::vector<std::string>& choices) const {
    const YAML::Node value = require(key);
    const std::string text = value.IsScalar() ? value.Scalar() : "";
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      fail(value, fmt::format("{}: '{}' is none of {}{}", key, text, fmt::join(choices, ", "),
                              suggestion(text, choices)));
    }
    return text;
  }
  /// Calls `make` and puts file and line before its UserErrors.
  space::Block made(const std::function<space::Block()>& make) const {
    try {
      return make();
    } catch (const UserError& error) {
      fail(node_, error.what());
    }
  }

 private:
  std::string file_;
  YAML::Node node_;
};

/// A block's string from its fields, so that the string's parser checks what goes together.
std::string fields_text(const Entry& entry, const std::string& kind, std::int64_t kernel,
                        std::int64_t expansion, std::int64_t stride, std::int64_t in, std::int64_t out) {
  if (kind == "pool") return fmt::format("GlobalAvgPool/i{}", in);
  std::string text;
  if (kind == "dense") {
    text = fmt::format("Dense/i{}_o{}", in, out);
  } else if (kind == "conv") {
    text = fmt::format("Conv2D/k{}_s{}{}_i{}_o{}", kernel, stride, stride, in, out);
  } else {
    text = fmt::format("r1_k{}_s{}{}_e{}_i{}_o{}_c{}", kernel, stride, stride, expansion, in, out,
                       kind == "fused" ? 15 : 0);
  }
  if (entry.has("squeeze")) text += "_se" + entry.require("squeeze").Scalar();
  if (entry.has("skip") && entry.choice("skip", {"true", "false"}) == "false") text += "_noskip";
  if (entry.has("act")) text += "_" + entry.require("act").Scalar();
  if (entry.has("pad")) text += "_" + entry.choice("pad", {"leading", "half", "same"});
  return text;
}

/// `keep_name`: under the text that the user wrote, which may say without need what its place decides.
void add(std::vector<space::Block>& blocks, const Entry& entry, const std::string& text, bool keep_name) {
  if (blocks.size() == kMostBlocks) {
    entry.fail(entry.node(), fmt::format("the list has more than {} blocks", kMostBlocks));
  }
  blocks.push_back(entry.made([&] { return block_named(text); }));
  if (keep_name) blocks.back().name = text.rfind(kPrefix, 0) == 0 ? text : kPrefix + text;
}

void add_fields(std::vector<space::Block>& blocks, const Entry& entry) {
  const std::string kind = entry.choice("kind", kKinds);
  const bool map = kind != "dense";
  const bool windows = map && kind != "pool";
  const auto kernels = windows ? entry.numbers("kernel", 255) : std::vector<std::int64_t>{1};
  const auto outs = kind == "pool" ? std::vector<std::int64_t>{1} : entry.numbers("out", kMostChannels);
  const auto sizes = map ? entry.numbers("size", kMostSize) : std::vector<std::int64_t>{1};
  for (const std::int64_t kernel : kernels) {
    for (const std::int64_t expansion : entry.numbers_or("expansion", 64)) {
      for (const std::int64_t stride : entry.numbers_or("stride", 9)) {
        for (const std::int64_t in : entry.numbers("in", kMostChannels)) {
          for (const std::int64_t out : outs) {
            const std::string text = fields_text(entry, kind, kernel, expansion, stride, in, out);
            for (const std::int64_t size : sizes) add(blocks, entry, fmt::format("{}@{}", text, size), false);
          }
        }
      }
    }
  }
}

void add_entry(std::vector<space::Block>& blocks, const Entry& entry) {
  const YAML::Node& node = entry.node();
  if (node.IsScalar()) return add(blocks, entry, node.Scalar(), true);
  if (!node.IsMap()) entry.fail(node, "expected a block's name or a mapping of its fields");
  entry.check_keys();
  if (!entry.has("block")) return add_fields(blocks, entry);
  for (const auto& item : node) {
    if (item.first.Scalar() != "block" && item.first.Scalar() != "size") {
      entry.fail(item.first, fmt::format("'{}' beside 'block': the string says it", item.first.Scalar()));
    }
  }
  const std::string text = entry.require("block").Scalar();
  if (!entry.has("size")) return add(blocks, entry, text, true);
  for (const std::int64_t size : entry.numbers("size", kMostSize)) {
    add(blocks, entry, fmt::format("{}@{}", text, size), true);
  }
}

}  // namespace

space::Block block_named(const std::string& name) {
  std::string text = name.rfind(kPrefix, 0) == 0 ? name.substr(kPrefix.size()) : name;
  const zoo::Size image = zoo::split_image(name, text);
  const zoo::Block block = zoo::parse_block(text);
  const bool dense = block.kind == zoo::BlockKind::dense;
  if (image.h != image.w) throw UserError(fmt::format("'{}': expected a square image", name));
  if (!dense && image.h == 0) {
    throw UserError(fmt::format("'{}': expected an image size behind the block, such as @14", name));
  }
  return space::placed_block(block, dense ? 1 : image.h, "");
}

std::vector<space::Block> read_blocks(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  if (!in) throw UserError(fmt::format("{}: cannot be read", path));
  text << in.rdbuf();
  YAML::Node root;
  try {
    root = YAML::Load(text.str());
  } catch (const YAML::Exception& error) {
    throw UserError(fmt::format("{}:{}: not valid YAML: {}", path, error.mark.line + 1, error.msg));
  }
  if (root.IsMap()) {
    for (const auto& item : root) {
      const std::string& key = item.first.Scalar();
      if (key == "blocks") continue;
      throw UserError(fmt::format("{}:{}: unknown key '{}'{}; expected 'blocks'", path,
                                  item.first.Mark().line + 1, key, suggestion(key, {"blocks"})));
    }
    const YAML::Node list = root["blocks"];
    root.reset(list);
  }
  if (!root.IsSequence()) {
    throw UserError(fmt::format("{}: expected a list of blocks, such as '- block:{}'", path,
                                "r1_k3_s11_e6_i32_o32_c0@56"));
  }
  std::vector<space::Block> blocks;
  for (const auto& node : root) add_entry(blocks, Entry(path, node));
  if (blocks.empty()) throw UserError(fmt::format("{}: the list has no blocks", path));
  return blocks;
}

}  // namespace npusim::table
