// What is in the banks when: fragments loaded and processed, banks for the result, direction of writing.
#pragma once

#include "hw_models/midap/network.h"

namespace npusim::midap {

/// Fills in the schedules of all layers of Network::order (which order_layers made), and Layer::dram_from.
/// Throws UserError when a layer's windows fit no division of the banks.
void schedule(const Spec& spec, Network& net);

/// One step of a layer's control sequence.
struct Step {
  bool load = false;
  /// load: given when the last filter group reaches this output column; -1: at once, if the pipeline is idle,
  /// or behind the segment that runs.
  std::int64_t condition = -1;
  std::int64_t fragment = 0;  ///< load: index in Schedule::inputs; process: fragments up to here are there
  std::int64_t first_x = 0, last_x = 0;  ///< process: input columns at which the first and last window begin
};

/// The control sequence that a schedule stands for, as MidapSim prints it ("behav").
std::vector<Step> control_steps(const Network& net, const Layer& layer);

/// "LOAD -1 2, PROCESS 1 0..35": a control sequence in words, for reports.
std::string to_string(const std::vector<Step>& steps);

}  // namespace npusim::midap
