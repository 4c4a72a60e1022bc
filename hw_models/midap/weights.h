// The two weight buffers and the two bias memories: what is asked for when, and what computing waits for.
#pragma once

#include <optional>

#include "hw_models/midap/dram_maps.h"

namespace npusim::midap {

/// Emits the loads of filters, streamed operands and biases. One filter group is fetched ahead: at the start
/// of a group the next one, at the start of a layer's last group the first of the next layer with weights.
/// Source: MidapSim's memory controller.
class Weights {
 public:
  Weights(const Spec& spec, const Network& net, Draft& draft, DramMaps& dram)
      : spec_(spec), net_(net), draft_(draft), dram_(dram) {}

  /// A layer and the task that its loads belong to.
  struct User {
    LayerId layer = kNoLayer;
    std::size_t task = 0;
  };

  /// The pipeline turns to a layer after command `now` (none: at the very start). `ahead`: the layer whose
  /// weights it fetches at its end; `prepared`: its own first weights have been asked for already.
  void begin_layer(const User& user, const std::optional<User>& ahead, bool prepared, const Handle& now);
  /// The pipeline turns to the next filter group (of a sum or product: plane) after command `now`;
  /// `last_segment`: the weights are not needed again behind this round of groups.
  void begin_group(bool last_segment, const Handle& now);
  /// `command` reads the weights of the current group; the first to do so waits for them.
  void use(const Handle& command);
  /// `command` is the first to add biases.
  void use_biases(const Handle& command);

 private:
  [[nodiscard]] const Layer& layer() const { return net_.at(user_.layer); }
  [[nodiscard]] static bool has_weights(const Layer& layer) {
    return layer.convolution() || layer.kind == Kind::arithmetic;
  }
  /// Groups that one request fetches.
  [[nodiscard]] std::int64_t groups_per_load(const Layer& layer) const;
  [[nodiscard]] std::int64_t groups(const Layer& layer) const;
  void fetch(bool last_segment, const Handle& now);
  void load(const User& user, std::int64_t group, std::int64_t slot, const Handle& now);
  void load_biases(const User& user, const Handle& now);
  [[nodiscard]] std::vector<program::Region> buffer(const Layer& layer, std::int64_t which, std::int64_t slot,
                                                    bool write) const;

  const Spec& spec_;
  const Network& net_;
  Draft& draft_;
  DramMaps& dram_;
  User user_;
  std::optional<User> ahead_;
  std::int64_t in_use_ = -1;  ///< weight buffer; -1: none yet
  std::int64_t biases_in_use_ = -1;
  std::int64_t group_ = -1;
  bool all_loaded_ = false;
  Handle pending_[2];  ///< the load of each buffer that nobody has waited for
  Handle pending_biases_[2];
};

}  // namespace npusim::midap
