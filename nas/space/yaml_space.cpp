#include "nas/space/yaml_space.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "sim/base/error.h"

namespace npusim::space {

using zoo::Act;

namespace {

constexpr std::int64_t kMostChannels = 8192;
/// Two digits of an encoding.
constexpr std::size_t kMostChoices = 36 * 36;

struct NamedAct {
  const char* name;
  Act act;
};
constexpr NamedAct kActs[] = {{"relu", Act::relu},
                              {"relu6", Act::relu6},
                              {"swish", Act::silu},
                              {"hswish", Act::hard_swish},
                              {"linear", Act::none}};

[[noreturn]] void fail(const Config& config, const std::string& key, const std::string& what) {
  throw UserError(fmt::format("{}: {}: {}", config.where(key), key, what));
}

/// The words of "[a, b, c]", or the one of "a".
std::vector<std::string> words(const Config& config, const std::string& key) {
  std::string text = config.text(key);
  if (!text.empty() && text.front() == '[') text = text.substr(1, text.size() - 2);
  std::vector<std::string> list;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(", ", at), text.size());
    list.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  if (list.empty()) fail(config, key, "expected at least one value");
  std::set<std::string> distinct(list.begin(), list.end());
  if (distinct.size() < list.size()) fail(config, key, "a value is given twice");
  return list;
}

/// One or several integers; ascending.
std::vector<std::int64_t> numbers(const Config& config, const std::string& key, std::int64_t low,
                                  std::int64_t high) {
  std::vector<std::int64_t> values;
  for (const std::string& word : words(config, key)) {
    std::int64_t value = 0;
    const char* const end = word.data() + word.size();
    const auto [stop, status] = std::from_chars(word.data(), end, value);
    if (status != std::errc() || stop != end || value < low || value > high) {
      fail(config, key, fmt::format("expected whole numbers from {} to {}, got '{}'", low, high, word));
    }
    values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<std::string> choices(const Config& config, const std::string& key,
                                 const std::vector<std::string>& fallback,
                                 const std::vector<std::string>& allowed) {
  if (!config.has(key)) return fallback;
  std::vector<std::string> list = words(config, key);
  for (const std::string& word : list) {
    if (std::find(allowed.begin(), allowed.end(), word) == allowed.end()) {
      fail(config, key,
           fmt::format("expected {}, got '{}'{}", fmt::join(allowed, ", "), word, suggestion(word, allowed)));
    }
  }
  return list;
}

std::vector<std::string> act_names() {
  std::vector<std::string> names;
  for (const NamedAct& act : kActs) names.emplace_back(act.name);
  return names;
}

Act act_of(const std::string& name) {
  for (const NamedAct& act : kActs) {
    if (act.name == name) return act.act;
  }
  throw InternalError("an activation that was allowed");
}

Act one_act(const Config& config, const std::string& key) {
  return config.has(key) ? act_of(config.choice(key, act_names())) : Act::relu;
}

std::int64_t one(const Config& config, const std::string& key, std::int64_t fallback, std::int64_t low,
                 std::int64_t high) {
  return config.has(key) ? config.integer(key, low, high) : fallback;
}

bool flag(const Config& config, const std::string& key) { return config.has(key) && config.boolean(key); }

std::vector<double> ratios(const Config& config, const std::string& key) {
  if (!config.has(key)) return {0};
  std::vector<double> values;
  for (const std::string& word : words(config, key)) {
    double value = -1;
    const char* const end = word.data() + word.size();
    const auto [stop, status] = std::from_chars(word.data(), end, value);
    if (status != std::errc() || stop != end || !(value >= 0 && value <= 1)) {
      fail(config, key, fmt::format("expected ratios from 0 to 1, got '{}'", word));
    }
    values.push_back(value);
  }
  return values;
}

std::vector<std::int64_t> kernels(const Config& config, const std::string& key) {
  const std::vector<std::int64_t> values = numbers(config, key, 1, 31);
  for (const std::int64_t kernel : values) {
    if (kernel % 2 == 0) fail(config, key, fmt::format("expected odd kernels, got {}", kernel));
  }
  return values;
}

/// Every combination that a stage leaves open, each network once.
std::vector<Choice> block_choices(const Config& config, const std::string& stage) {
  const std::vector<std::string> kinds = choices(config, stage + "block", {"plain"}, {"plain", "fused"});
  const std::vector<std::int64_t> sizes = kernels(config, stage + "kernel");
  const std::vector<std::int64_t> expansions = numbers(config, stage + "expansion", 1, 64);
  const std::vector<double> squeezes = ratios(config, stage + "squeeze");
  const bool expanded = config.has(stage + "squeeze_of") &&
                        config.choice(stage + "squeeze_of", {"input", "expanded"}) == "expanded";
  const std::vector<std::string> acts = choices(config, stage + "activation", {"relu"}, act_names());
  std::vector<Choice> all;
  for (const std::string& kind : kinds) {
    const bool fused = kind == "fused";
    for (const std::int64_t kernel : sizes) {
      for (const std::int64_t expansion : expansions) {
        // A fused block that expands nothing is a bare 1x1, whatever the kernel.
        if (fused && expansion == 1 && kernel != sizes.front()) continue;
        for (const double squeeze : squeezes) {
          for (const std::string& act : acts) {
            Choice choice{fmt::format("{}{}e{}", fused ? 'f' : 'k', kernel, expansion),
                          mobile_block(kernel, expansion, act_of(act), fused)};
            choice.block.squeeze = squeeze;
            choice.block.squeeze_expanded = expanded && squeeze > 0;
            if (squeezes.size() > 1) choice.text += fmt::format("_se{}", squeeze);
            if (acts.size() > 1) choice.text += "_" + act;
            all.push_back(std::move(choice));
          }
        }
      }
    }
  }
  if (all.size() >= kMostChoices) {
    fail(config, stage + "kernel",
         fmt::format("{} combinations are more than the {} that a gene can have", all.size(),
                     kMostChoices - 1));
  }
  return all;
}

StagePlan stage_of(const Config& config, const std::string& stage) {
  StagePlan plan;
  plan.widths = numbers(config, stage + "width", 1, kMostChannels);
  plan.stride = one(config, stage + "stride", 1, 1, 2);
  plan.depths = numbers(config, stage + "depth", 0, 64);
  if (plan.depths.front() == 0 && (plan.stride > 1 || plan.depths.size() == 1)) {
    fail(config, stage + "depth", "depth 0 needs stride 1 and another depth");
  }
  plan.first = plan.rest = block_choices(config, stage);
  const auto bare = [](const Choice& choice) {
    return choice.block.kind == zoo::BlockKind::fused && choice.block.branches.front().expansion == 1;
  };
  if (plan.stride > 1 && std::any_of(plan.first.begin(), plan.first.end(), bare)) {
    fail(config, stage + "expansion", "a fused block of expansion 1 is a bare 1x1 without a stride");
  }
  plan.uniform = flag(config, stage + "uniform");
  plan.first_adds = flag(config, stage + "first_adds");
  return plan;
}

/// A block at a border must not be able to belong to either stage: two genomes would be one network.
void check_border(const Config& config, const std::string& key, const StagePlan& before,
                  const StagePlan& stage) {
  const bool flexible = before.depths.size() > 1 || stage.depths.size() > 1;
  if (!stage.first_adds || stage.stride > 1 || !flexible) return;
  for (const std::int64_t width : stage.widths) {
    if (std::find(before.widths.begin(), before.widths.end(), width) == before.widths.end()) continue;
    fail(config, key + "first_adds",
         fmt::format(
             "with several depths, blocks of {} channels could belong to this stage or to the one before",
             width));
  }
}

constexpr const char* kKeys[] = {"description",     "image",      "padding",         "stem.kernel",
                                 "stem.stride",     "stem.width", "stem.activation", "head.width",
                                 "head.activation", "classes"};
constexpr const char* kStageKeys[] = {"width",      "depth",     "stride",    "block",
                                      "kernel",     "expansion", "squeeze",   "squeeze_of",
                                      "activation", "uniform",   "first_adds"};

/// "stages.stage0." and so on, without gaps.
std::vector<std::string> stage_prefixes(const Config& config) {
  const std::vector<std::string> keys = config.keys();
  std::vector<std::string> prefixes;
  for (;;) {
    const std::string stage = fmt::format("stages.stage{}.", prefixes.size());
    const bool there = std::any_of(keys.begin(), keys.end(),
                                   [&](const std::string& key) { return key.rfind(stage, 0) == 0; });
    if (!there) return prefixes;
    prefixes.push_back(stage);
  }
}

/// Before anything is missed: a key with a typo is more likely than a missing one.
void check_keys(const Config& config, const std::vector<std::string>& stages) {
  std::vector<std::string> known(std::begin(kKeys), std::end(kKeys));
  for (const std::string& stage : stages) {
    for (const char* key : kStageKeys) known.push_back(stage + key);
  }
  for (const std::string& key : config.keys()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw UserError(fmt::format("{}: unknown key '{}'{}", config.where(key), key, suggestion(key, known)));
  }
}

zoo::Pad::Rule padding_of(const Config& config) {
  if (!config.has("padding")) return zoo::Pad::Rule::half;
  const std::string rule = config.choice("padding", {"half", "same", "leading"});
  return rule == "half"   ? zoo::Pad::Rule::half
         : rule == "same" ? zoo::Pad::Rule::same
                          : zoo::Pad::Rule::leading;
}

}  // namespace

StagedPlan plan_of(const Config& config, const std::string& name) {
  const std::vector<std::string> stages = stage_prefixes(config);
  check_keys(config, stages);
  if (stages.empty()) {
    throw UserError(fmt::format("{}: expected stages: a mapping of stage0, stage1, ...", name));
  }
  StagedPlan plan{.name = name};
  plan.sides = numbers(config, "image", 8, 4096);
  plan.pad = padding_of(config);
  const Act act = one_act(config, "stem.activation");
  const std::vector<std::int64_t> kernel =
      config.has("stem.kernel") ? kernels(config, "stem.kernel") : std::vector<std::int64_t>{3};
  if (kernel.size() > 1) fail(config, "stem.kernel", "expected one kernel");
  plan.stem = {conv_block(kernel.front(), one(config, "stem.stride", 2, 1, 4),
                          config.integer("stem.width", 1, kMostChannels), act)};
  for (const std::string& stage : stages) {
    plan.stages.push_back(stage_of(config, stage));
    if (plan.stages.size() > 1) {
      check_border(config, stage, plan.stages[plan.stages.size() - 2], plan.stages.back());
    }
  }
  plan.head = {
      conv_block(1, 1, config.integer("head.width", 1, kMostChannels), one_act(config, "head.activation")),
      pool_block(), dense_block(config.integer("classes", 1, 65536))};
  return plan;
}

}  // namespace npusim::space
