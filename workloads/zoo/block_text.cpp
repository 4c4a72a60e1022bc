// Blocks from and to their strings.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "sim/base/error.h"
#include "workloads/zoo/block.h"

namespace npusim::zoo {

namespace {

struct ActName {
  std::string_view text;
  Act act;
};
/// The first name of an activation is the one that to_string writes.
constexpr ActName kActs[] = {{"relu", Act::relu},  {"relu6", Act::relu6},       {"swish", Act::silu},
                             {"silu", Act::silu},  {"hswish", Act::hard_swish}, {"hsw", Act::hard_swish},
                             {"linear", Act::none}};

struct PadName {
  std::string_view text;
  Pad::Rule rule;
};
constexpr PadName kPads[] = {
    {"leading", Pad::Rule::leading}, {"half", Pad::Rule::half}, {"same", Pad::Rule::same}};

/// Without one of its own, a dense block has no activation and others have ReLU.
Act default_act(BlockKind kind) { return kind == BlockKind::dense ? Act::none : Act::relu; }

constexpr std::array<std::string_view, 6> kClassNames{"Conv2D",      "Dense",        "GlobalAvgPool",
                                                      "MBConvBlock", "MixConvBlock", "ConvBlock_kxk1x1"};

/// A field: its key and value, and where the value starts.
struct Field {
  std::string_view value;
  std::size_t at = 0;
};

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  Block run() {
    read_class();
    read_fields();
    if (has("c") || has("e")) {
      read_mobile();
    } else {
      read_simple();
    }
    if (!class_.empty() && class_ != class_of(block_)) {
      fail(0, fmt::format("the fields describe a {}, not a {}", class_of(block_), class_));
    }
    return std::move(block_);
  }

 private:
  [[noreturn]] void fail(std::size_t at, const std::string& what) const {
    throw UserError(fmt::format("block '{}', character {}: {}", text_, at + 1, what));
  }
  [[nodiscard]] bool has(std::string_view key) const { return fields_.count(key) > 0; }

  void read_class() {
    const std::size_t slash = text_.find('/');
    if (slash == std::string::npos) return;
    class_ = text_.substr(0, slash);
    for (const std::string_view name : kClassNames) {
      if (name == class_) {
        begin_ = slash + 1;
        return;
      }
    }
    fail(0, fmt::format("expected a class, one of {}, got '{}'", fmt::join(kClassNames, ", "), class_));
  }

  void read_fields() {
    for (std::size_t at = begin_; at <= text_.size();) {
      const std::size_t end = std::min(text_.find('_', at), text_.size());
      read_field(at, std::string_view(text_).substr(at, end - at));
      at = end + 1;
    }
  }

  void read_field(std::size_t at, std::string_view token) {
    for (const ActName& name : kActs) {
      if (name.text == token) {
        block_.act = name.act;
        return insert(at, "activation", {token, at});
      }
    }
    for (const PadName& name : kPads) {
      if (name.text == token) {
        block_.pad = name.rule;
        return insert(at, "padding", {token, at});
      }
    }
    if (token == "noskip") {
      block_.skip = false;
      return insert(at, token, {token, at});
    }
    for (const std::string_view key : {"se", "sx", "r", "k", "s", "e", "i", "o", "c"}) {
      if (token.substr(0, key.size()) == key) {
        return insert(at, key, {token.substr(key.size()), at + key.size()});
      }
    }
    fail(at,
         fmt::format("expected a field r, k, s, e, i, o, c, se, noskip or an activation, got '{}'", token));
  }

  void insert(std::size_t at, std::string_view key, const Field& field) {
    if (!fields_.emplace(key, field).second) fail(at, fmt::format("'{}' is given twice", key));
  }

  Field require(std::string_view key) const {
    const auto found = fields_.find(key);
    if (found == fields_.end()) fail(text_.size(), fmt::format("expected a field _{}<number>", key));
    return found->second;
  }

  /// One whole number of at least `least` at the start of `rest`, which is moved behind it.
  std::int64_t number(std::string_view& rest, std::int64_t least) const {
    std::int64_t value = 0;
    const auto [stop, status] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    const auto at = static_cast<std::size_t>(rest.data() - text_.data());
    if (status != std::errc() || value < least || value > 65536) {
      fail(at, fmt::format("expected a number from {} to 65536", least));
    }
    rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()));
    return value;
  }

  std::vector<std::int64_t> list(std::string_view key, std::int64_t least) const {
    const Field field = require(key);
    std::string_view rest = field.value;
    std::vector<std::int64_t> values{number(rest, least)};
    while (!rest.empty() && rest.front() == ',') {
      rest.remove_prefix(1);
      values.push_back(number(rest, least));
    }
    if (!rest.empty()) {
      fail(static_cast<std::size_t>(rest.data() - text_.data()),
           fmt::format("expected the end of '{}', a comma and a number, or '_', got '{}'", key, rest));
    }
    return values;
  }

  std::int64_t one(std::string_view key, std::int64_t least = 1) const {
    const std::vector<std::int64_t> values = list(key, least);
    if (values.size() > 1) fail(require(key).at, fmt::format("expected one number for '{}'", key));
    return values.front();
  }

  std::int64_t stride() const {
    const Field field = require("s");
    if (field.value.size() != 2 || field.value[0] < '1' || field.value[0] > '9' ||
        field.value[0] != field.value[1]) {
      fail(field.at, fmt::format("expected a stride of two equal digits such as 22, got '{}'", field.value));
    }
    return field.value[0] - '0';
  }

  double ratio(std::string_view key) const {
    const Field field = require(key);
    double value = 0;
    const char* const end = field.value.data() + field.value.size();
    const auto [stop, status] = std::from_chars(field.value.data(), end, value);
    if (status != std::errc() || stop != end || value <= 0 || value > 1) {
      fail(field.at, fmt::format("expected a ratio above 0 and up to 1, got '{}'", field.value));
    }
    return value;
  }

  /// Convolution, linear layer or pool.
  void read_simple() {
    block_.kind = has("k") ? BlockKind::conv : has("o") ? BlockKind::dense : BlockKind::global_average_pool;
    block_.in = one("i");
    block_.out = has("o") ? one("o") : block_.in;
    if (block_.kind == BlockKind::conv) {
      block_.branches = {{one("k"), 1}};
      block_.stride = stride();
    }
    if (!has("activation")) block_.act = default_act(block_.kind);
    const bool conv = block_.kind == BlockKind::conv;
    for (const auto& entry : fields_) {
      const std::string_view key = entry.first;
      const bool windowed = key == "k" || key == "s" || key == "padding";
      if (key != "i" && key != "o" && key != "activation" && !(conv && windowed)) {
        fail(entry.second.at, fmt::format("a {} has no '{}'", class_of(block_), entry.first));
      }
    }
  }

  void read_mobile() {
    block_.type = has("c") ? static_cast<int>(one("c", 0)) : 0;
    block_.kind = kind();
    block_.repeat = has("r") ? one("r") : 1;
    block_.stride = stride();
    block_.in = one("i");
    block_.out = one("o");
    if (has("se") && has("sx")) fail(require("sx").at, "expected se or sx, not both");
    block_.squeeze_expanded = has("sx");
    if (has("se") || has("sx")) block_.squeeze = ratio(has("se") ? "se" : "sx");
    read_branches();
    if (is_identity(block_) && (block_.stride != 1 || block_.in != block_.out || !block_.skip)) {
      fail(require("e").at,
           "expansion 0 leaves nothing but the skip connection, which needs stride 11, equal "
           "channels and no 'noskip'");
    }
  }

  BlockKind kind() const {
    switch (block_.type) {
      case 0:
      case 12:
        return BlockKind::mbconv;
      case 1:
      case 15:
      case 16:
        return BlockKind::fused;
      case 100:
      case 102:
        return BlockKind::mixconv;
      default:
        fail(require("c").at, fmt::format("expected a type 0 or 12 (MBConv), 1, 15 or 16 (fused), 100 or 102 "
                                          "(MixConv), got {}",
                                          block_.type));
    }
  }

  void read_branches() {
    const std::vector<std::int64_t> kernels = list("k", 1), expansions = list("e", 0);
    if (kernels.size() != expansions.size()) {
      fail(require("e").at, fmt::format("expected as many expansions as kernels, {}, got {}", kernels.size(),
                                        expansions.size()));
    }
    if (kernels.size() > 1 && block_.kind != BlockKind::mixconv) {
      fail(require("k").at, "expected one kernel: only types 100 and 102 (MixConv) have several");
    }
    if (block_.type == 1 && kernels.front() != 3) {
      fail(require("k").at, "expected kernel 3: type 1 (EfficientNet-EdgeTPU's fused block) has no other");
    }
    for (std::size_t i = 0; i < kernels.size(); ++i) block_.branches.push_back({kernels[i], expansions[i]});
  }

  const std::string& text_;
  std::size_t begin_ = 0;
  std::string class_;
  std::map<std::string_view, Field> fields_;
  Block block_;
};

}  // namespace

Block parse_block(const std::string& text) { return Parser(text).run(); }

std::string to_string(const Block& block) {
  if (block.kind == BlockKind::global_average_pool) return fmt::format("i{}", block.in);
  std::vector<std::int64_t> kernels, expansions;
  for (const Branch& branch : block.branches) {
    kernels.push_back(branch.kernel);
    expansions.push_back(branch.expansion);
  }
  std::string text =
      block.kind == BlockKind::dense ? fmt::format("i{}_o{}", block.in, block.out)
      : block.kind == BlockKind::conv
          ? fmt::format("k{}_s{}{}_i{}_o{}", kernels.front(), block.stride, block.stride, block.in, block.out)
          : fmt::format("r{}_k{}_s{}{}_e{}_i{}_o{}_c{}", block.repeat, fmt::join(kernels, ","), block.stride,
                        block.stride, fmt::join(expansions, ","), block.in, block.out, block.type);
  if (block.squeeze > 0) text += fmt::format("_{}{}", block.squeeze_expanded ? "sx" : "se", block.squeeze);
  if (!block.skip) text += "_noskip";
  if (block.act != default_act(block.kind)) {
    for (const ActName& name : kActs) {
      if (name.act != block.act) continue;
      text += fmt::format("_{}", name.text);
      break;
    }
  }
  for (const PadName& name : kPads) {
    if (name.rule == block.pad && block.pad != Pad::Rule::leading) text += fmt::format("_{}", name.text);
  }
  return text;
}

}  // namespace npusim::zoo
