// The ring that brings weights, biases, images and gathered maps to the tiles.
#pragma once

#include <memory>

#include "hw_models/edgetpu/clocked/engine.h"
#include "hw_models/edgetpu/clocked/faults.h"

namespace npusim::edgetpu::clocked {

/// A producer puts packets of one row of weights on the ring, `ring.bytes_per_cycle` at an edge; every stop
/// takes what is meant for its tile and hands all of it on within the edge. A packet of weights starts only
/// when every tile's FIFO has room for it; it has arrived with its last bytes. Stored rows of fewer outputs
/// than a group are filled up with zeros, and a row that is not whole yet (its rest comes with the next piece
/// of a stream) waits in the producer.
///
/// Rows of depthwise weights are stored compactly and expanded by the scalar core, one row in
/// `ring.depthwise_row_cycles` edges.
class Ring final : public Engine {
 public:
  Ring(const sc_core::sc_module_name& name, const Spec& spec, const Faults& faults = {});
  ~Ring() override;

 protected:
  void latch(const program::Program& program, const program::Command& command,
             program::Storage& storage) override;
  bool edge() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace npusim::edgetpu::clocked
