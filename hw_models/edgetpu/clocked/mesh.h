// The mesh between neighbouring tiles, word by word.
#pragma once

#include <memory>

#include "hw_models/edgetpu/clocked/engine.h"
#include "hw_models/edgetpu/clocked/faults.h"

namespace npusim::edgetpu::clocked {

/// An exchange is four passes, one for each direction: rows go south, rows go north, then columns east and
/// west. In a pass every tile sends to one neighbour, `mesh.bytes_per_cycle` of one position at an edge: the
/// lines up to the farthest that the neighbour's windows read, nearest first, and those that tiles behind it
/// lack, which it will pass on. A beat that a tile receives can be sent on at the next edge. Columns have the
/// height of the sender's windows, rows outside of the map (zeros) included. A pass ends when all links are
/// silent.
class Mesh final : public Engine {
 public:
  Mesh(const sc_core::sc_module_name& name, const Spec& spec, const Faults& faults = {});
  ~Mesh() override;

 protected:
  void latch(const program::Program& program, const program::Command& command,
             program::Storage& storage) override;
  bool edge() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace npusim::edgetpu::clocked
