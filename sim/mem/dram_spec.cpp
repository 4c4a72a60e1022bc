// Reads a chip's DRAM: which table, how many channels, which policy with which parameters.
#include <fmt/format.h>

#include <array>
#include <bit>

#include "sim/base/error.h"
#include "sim/mem/memory.h"

namespace npusim::mem {

namespace {

/// Values of `<prefix>.fr_fcfs`, each the default where it is not given.
class Given {
 public:
  Given(const Config& config, const std::string& prefix) : config_(config), prefix_(prefix + ".fr_fcfs.") {}

  void integer(const std::string& name, std::int64_t low, std::int64_t high, std::int64_t& value) const {
    if (config_.has(prefix_ + name)) value = config_.integer(prefix_ + name, low, high);
  }
  /// Replaces `value` by the place of the given text in `choices`.
  template <class Choice>
  void choice(const std::string& name, const std::vector<std::string>& choices, Choice& value) const {
    if (!config_.has(prefix_ + name)) return;
    const std::string text = config_.choice(prefix_ + name, choices);
    for (std::size_t i = 0; i < choices.size(); ++i) {
      if (choices[i] == text) value = static_cast<Choice>(i);
    }
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const {
    return config_.has(prefix_ + name) ? config_.text(prefix_ + name) : otherwise;
  }
  /// Where a value stands, or the whole section.
  [[nodiscard]] std::string where(const std::string& name) const {
    return fmt::format("{}: {}{}", config_.where(prefix_ + name), prefix_, name);
  }

 private:
  const Config& config_;
  std::string prefix_;
};

/// Refuses the first of the values that contradicts another, where it stands.
void check_watermarks(const Given& given, const FrFcfsPolicy& policy) {
  const auto at_most = [&given](const char* name, std::int64_t value, std::int64_t most, const char* why) {
    if (value <= most) return;
    throw UserError(fmt::format("{} is {}, expected at most {}, {}", given.where(name), value, most, why));
  };
  at_most("write_high", policy.write_high, policy.write_queue, "write_queue");
  at_most("write_low", policy.write_low, policy.write_high - 1, "one less than write_high");
  at_most("write_idle", policy.write_idle, policy.write_queue, "write_queue");
}

FrFcfsPolicy read_policy(const Given& given, const DramRules& rules) {
  FrFcfsPolicy policy = default_policy();
  given.integer("bank_queue", 1, 32, policy.bank_queue);
  given.integer("read_queue", 1, 4096, policy.read_queue);
  given.integer("write_queue", 1, 4096, policy.write_queue);
  given.integer("hit_cap", 1, 1'000'000, policy.hit_cap);
  policy.write_high = policy.write_queue;
  given.integer("write_high", 1, 4096, policy.write_high);
  policy.write_low = policy.write_high / 4;
  given.integer("write_low", 0, 4095, policy.write_low);
  given.integer("write_idle", 1, 4096, policy.write_idle);
  given.choice("page", {"open", "closed", "adaptive"}, policy.page);
  given.integer("page_timeout", 0, 1'000'000, policy.page_timeout);
  given.choice("refresh", {"none", "all-bank", "per-bank"}, policy.refresh);
  check_watermarks(given, policy);
  if (policy.refresh == RefreshPolicy::per_bank && rules.bank_refresh_interval == 0) {
    throw UserError(fmt::format("{}: {} has no per-bank refresh", given.where("refresh"), rules.standard));
  }
  return policy;
}

FrFcfsSpec read_fr_fcfs(const Config& config, const std::string& prefix, const Config& table, bool bank_xor) {
  const Given given(config, prefix);
  FrFcfsSpec spec;
  Flavour flavour = Flavour::jedec;
  given.choice("timing", {"jedec", "dramsim3"}, flavour);
  spec.rules = read_rules(table, flavour);
  spec.policy = read_policy(given, spec.rules);
  const std::string mapping = given.text("mapping", "auto");
  spec.mapping = mapping_fields(mapping, spec.rules);
  if (mapping == "auto" && bank_xor) spec.mapping += " ba^ro";
  (void)AddressMapping(spec.rules, spec.mapping, given.where("mapping"));
  return spec;
}

Arbitration read_arbitration(const Config& config, const std::string& key) {
  if (!config.has(key)) return Arbitration::fifo;
  const std::string name = config.choice(key, arbitration_names());
  for (const auto one : {Arbitration::round_robin, Arbitration::fixed_priority, Arbitration::weighted}) {
    if (name == to_string(one)) return one;
  }
  return Arbitration::fifo;
}

}  // namespace

DramSpec read_dram(const Config& config, const std::string& prefix) {
  const auto key = [&prefix](const std::string& name) { return prefix + "." + name; };
  DramSpec spec;
  const Config table = dram_table(config.text(key("model")), config.where(key("model")));
  spec.timing = read_timing(table);
  spec.channels = config.integer(key("channels"), 1, 1024);
  spec.interleave_bytes = config.integer(key("interleave_bytes"), spec.timing.burst_bytes, 1 << 20);
  if (!std::has_single_bit(static_cast<std::uint64_t>(spec.interleave_bytes))) {
    throw UserError(fmt::format("{}: '{}' is {}, expected a power of two",
                                config.where(key("interleave_bytes")), key("interleave_bytes"),
                                spec.interleave_bytes));
  }
  spec.controller_cycles = config.integer(key("controller_cycles"), 0, 1'000'000);
  spec.bank_xor = config.boolean(key("bank_xor"));
  spec.write_queue = config.integer(key("write_queue"), 0, 4096);
  spec.fr_fcfs = read_fr_fcfs(config, prefix, table, spec.bank_xor);
  spec.fr_fcfs.arbitration = read_arbitration(config, key("arbitration"));
  if (config.has(key("policy")) && config.choice(key("policy"), {"in-order", "fr-fcfs"}) == "fr-fcfs") {
    spec.policy = DramPolicy::fr_fcfs;
  }
  if (spec.policy == DramPolicy::in_order && spec.fr_fcfs.arbitration != Arbitration::fifo) {
    throw UserError(
        fmt::format("{}: '{}' is {}, but the in-order channel serves requests as they come: expected "
                    "fifo, or {} fr-fcfs",
                    config.where(key("arbitration")), key("arbitration"), to_string(spec.fr_fcfs.arbitration),
                    key("policy")));
  }
  if (spec.policy == DramPolicy::fr_fcfs) {
    // The in-order channel has rows without end: it serves chips that lay out addresses sparsely, too.
    const DramRules& rules = spec.fr_fcfs.rules;
    spec.channel_bytes = rules.banks() * rules.rows * rules.columns * rules.burst_bytes;
  }
  return spec;
}

}  // namespace npusim::mem
