#include "hw_models/midap/banks.h"

#include <algorithm>

#include "sim/base/error.h"

namespace npusim::midap {

Banks::Banks(std::int64_t count, bool halves) : count_(count), halves_(halves) {
  for (std::int64_t bank = 0; bank < count; ++bank) {
    (halves && bank >= count / 2 ? free_results_ : free_).push_back(bank);
  }
}

std::int64_t Banks::unreserved() const {
  return halves_ ? count_ / 2 : count_ - static_cast<std::int64_t>(reserved_.size());
}

std::optional<std::int64_t> Banks::put(std::deque<std::int64_t>& free, LayerId layer,
                                       const Fragment& fragment) {
  const bool there = std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.layer == layer && entry.fragment == fragment;
  });
  if (there || free.empty()) return std::nullopt;
  const std::int64_t bank = free.front();
  free.pop_front();
  entries_.push_back({layer, bank, fragment});
  return bank;
}

std::vector<Mapping> Banks::of(LayerId layer) const {
  std::vector<Mapping> mapping;
  for (const auto& entry : entries_) {
    if (entry.layer == layer) mapping.push_back({entry.bank, entry.fragment, false});
  }
  return mapping;
}

void Banks::release(std::int64_t bank) {
  if (reserved_.count(bank) != 0) return;
  const auto entry =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.bank == bank; });
  ensure(entry != entries_.end(), "a bank is given back that was not taken");
  entries_.erase(entry);
  free_.push_back(bank);
}

void Banks::release_all(LayerId layer, bool undo) {
  std::vector<std::int64_t> banks;
  for (const auto& entry : entries_) {
    if (entry.layer == layer) banks.push_back(entry.bank);
  }
  std::erase_if(entries_, [layer](const Entry& entry) { return entry.layer == layer; });
  if (undo) {
    auto& free = halves_ ? free_results_ : free_;
    free.insert(free.begin(), banks.begin(), banks.end());
  } else {
    free_.insert(free_.end(), banks.begin(), banks.end());
  }
  for (const auto bank : banks) reserved_.erase(bank);
}

void Banks::reverse(LayerId layer) {
  std::vector<Entry> own;
  for (const auto& entry : entries_) {
    if (entry.layer == layer) own.push_back(entry);
  }
  std::erase_if(entries_, [layer](const Entry& entry) { return entry.layer == layer; });
  entries_.insert(entries_.end(), own.rbegin(), own.rend());
}

void Banks::keep_inputs(const std::vector<Mapping>& mapping, std::int64_t count) {
  if (mapping.empty() || count < 0) return;
  reserved_.clear();
  for (std::size_t i = 0; i < mapping.size() && static_cast<std::int64_t>(i) < count; ++i) {
    reserved_.insert(mapping[i].bank);
  }
}

bool Banks::keep_result(LayerId layer, const std::vector<Fragment>& fragments) {
  if (!of(layer).empty()) return true;
  for (const auto& fragment : fragments) {
    const auto bank = reserve_result(layer, fragment);
    if (!bank) return false;
    reserved_.insert(*bank);
  }
  return true;
}

}  // namespace npusim::midap
