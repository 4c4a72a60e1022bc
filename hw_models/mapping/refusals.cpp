#include "hw_models/mapping/refusals.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "sim/base/error.h"

namespace npusim::mapping {

void Refusals::add(const ir::Op& op, std::string_view why) {
  std::string what = op.source_op.empty() ? std::string(ir::to_string(op.kind)) : op.source_op;
  if (!why.empty()) what += fmt::format(" ({})", why);
  auto group = std::find_if(groups_.begin(), groups_.end(), [&](const auto& g) { return g.first == what; });
  if (group == groups_.end()) {
    groups_.emplace_back(std::move(what), std::vector<std::string>());
    group = std::prev(groups_.end());
  }
  group->second.push_back(fmt::format("'{}'", op.name));
}

void Refusals::fail(std::string_view network, std::string_view chip) const {
  std::size_t count = 0;
  std::string lines;
  for (const auto& group : groups_) {
    count += group.second.size();
    lines += fmt::format("\n  {}: {}", group.first, fmt::join(group.second, ", "));
  }
  throw UserError(fmt::format("network '{}': {} cannot run {} operator{}:{}", network, chip, count,
                              count == 1 ? "" : "s", lines));
}

}  // namespace npusim::mapping
