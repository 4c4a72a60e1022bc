// Where the pipeline's results go: into the banks, and through the write buffer to DRAM.
#pragma once

#include "hw_models/midap/dram_maps.h"

namespace npusim::midap {

/// Results of the layers, one after another. The write buffer has two halves: one fills while the other's
/// contents leave for DRAM.
class Results {
 public:
  Results(const Spec& spec, const Network& net, Draft& draft, DramMaps& dram)
      : spec_(spec), net_(net), draft_(draft), dram_(dram) {}

  /// Results of layer `id` follow.
  void begin_layer(LayerId id, std::size_t task);
  /// Columns of the result (of a gemm: pixels) whose channels of one filter group fill half the write buffer;
  /// 0: none of the result goes to DRAM.
  [[nodiscard]] std::int64_t columns_per_store(std::int64_t channels) const;
  /// `command` completes output columns [from, to) (of a gemm: pixels) of channels [z, z + count) of the
  /// layer's own; `last_group`: its last channels, behind which zeros pad the map in the banks.
  void add(const Handle& command, std::int64_t from, std::int64_t to, std::int64_t z, std::int64_t count,
           bool last_group);
  /// No more results: what is in the write buffer leaves.
  void end_layer() { store(); }

 private:
  /// Pixels y [y0, y1) of stored planes.
  struct Box {
    Fragment planes;
    std::int64_t y0 = 0, y1 = 0;
  };
  [[nodiscard]] std::vector<Box> boxes(std::int64_t from, std::int64_t to) const;
  void add_to_banks(const Handle& command, const Box& box, std::int64_t z, std::int64_t count);
  void add_to_dram(const Handle& command, const Box& box, std::int64_t z, std::int64_t count);
  void store();

  const Spec& spec_;
  const Network& net_;
  Draft& draft_;
  DramMaps& dram_;
  LayerId id_ = kNoLayer;
  const Layer* layer_ = nullptr;
  std::size_t task_ = 0;
  std::int64_t half_ = 0, fill_ = 0;
  Handle last_fill_;
  std::vector<program::Region> leaving_;  ///< in DRAM, of what is in the half
  Handle emptied_[2];                     ///< the store that emptied each half last
};

}  // namespace npusim::midap
