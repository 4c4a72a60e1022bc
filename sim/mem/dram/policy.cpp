#include <fmt/format.h>

#include "sim/base/error.h"
#include "sim/mem/dram/controller.h"

namespace npusim::mem {

FrFcfsPolicy dramsim3_policy() {
  FrFcfsPolicy policy;
  policy.dependency_ends_drain = true;
  return policy;
}

FrFcfsPolicy default_policy() {
  FrFcfsPolicy policy;
  policy.write_idle = 1;
  policy.write_low = policy.write_queue / 4;
  policy.precharge_all = true;
  policy.read_turns = true;
  policy.columns_first = true;
  policy.idle_refresh = true;
  return policy;
}

void check(const FrFcfsPolicy& policy, const DramRules& rules, const std::string& where) {
  const auto within = [&where](const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value >= low && value <= high) return;
    throw UserError(fmt::format("{}: {} is {}, expected from {} to {}", where, name, value, low, high));
  };
  constexpr std::int64_t kMostBanks = 64;
  within("the channel's number of banks", rules.banks(), 1, kMostBanks);
  within("bank_queue", policy.bank_queue, 1, 32);
  within("read_queue", policy.read_queue, 1, 4096);
  within("write_queue", policy.write_queue, 1, 4096);
  within("hit_cap", policy.hit_cap, 1, 1'000'000);
  within("write_high", policy.write_high, 1, policy.write_queue);
  within("write_low", policy.write_low, 0, policy.write_high - 1);
  within("write_idle", policy.write_idle, 1, policy.write_queue);
  within("page_timeout", policy.page_timeout, 0, 1'000'000);
  if (policy.refresh == RefreshPolicy::per_bank && rules.bank_refresh_interval == 0) {
    throw UserError(fmt::format("{}: {} has no per-bank refresh", where, rules.standard));
  }
}

}  // namespace npusim::mem
