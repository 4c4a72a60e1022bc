// Which fragment of which map lies in which feature-map bank, while the compiler goes through the layers.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "hw_models/midap/network.h"

namespace npusim::midap {

/// The banks. Free ones queue up in the order in which they were given back. A copy is a snapshot.
class Banks {
 public:
  /// `halves`: the first half of the banks holds inputs, the second outputs (swap() changes sides).
  Banks(std::int64_t count, bool halves);

  [[nodiscard]] std::int64_t free_inputs() const { return static_cast<std::int64_t>(free_.size()); }
  /// Banks that are not kept for another branch; with halves, those of one side.
  [[nodiscard]] std::int64_t unreserved() const;

  /// Puts a fragment of `layer`'s map into a free bank; nothing when none is free or it is there already.
  std::optional<std::int64_t> load(LayerId layer, const Fragment& fragment) {
    return put(free_, layer, fragment);
  }
  /// The same for a result; with halves, on the other side.
  std::optional<std::int64_t> reserve_result(LayerId layer, const Fragment& fragment) {
    return put(halves_ ? free_results_ : free_, layer, fragment);
  }
  /// The fragments of a layer's map, in the order of use.
  [[nodiscard]] std::vector<Mapping> of(LayerId layer) const;
  /// Gives a bank back, unless it is kept for another branch.
  void release(std::int64_t bank);
  /// Gives all banks of a map back; `undo`: as if they had never been taken.
  void release_all(LayerId layer, bool undo = false);
  /// A map that was written backwards is used forwards.
  void reverse(LayerId layer);
  /// Keeps the first `count` of these banks, and no others.
  void keep_inputs(const std::vector<Mapping>& mapping, std::int64_t count);
  /// Takes and keeps a bank for each fragment of a common result, unless it has some already. False when
  /// there is no bank.
  bool keep_result(LayerId layer, const std::vector<Fragment>& fragments);
  /// Inputs and outputs change sides.
  void swap() { free_.swap(free_results_); }

 private:
  struct Entry {
    LayerId layer = kNoLayer;
    std::int64_t bank = -1;
    Fragment fragment;
  };
  std::optional<std::int64_t> put(std::deque<std::int64_t>& free, LayerId layer, const Fragment& fragment);

  std::int64_t count_;
  bool halves_;
  std::set<std::int64_t> reserved_;
  std::deque<std::int64_t> free_, free_results_;
  std::vector<Entry> entries_;
};

}  // namespace npusim::midap
