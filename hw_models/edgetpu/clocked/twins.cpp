#include "hw_models/edgetpu/clocked/twins.h"

#include <memory>

#include "hw_models/edgetpu/clocked/mesh.h"
#include "hw_models/edgetpu/clocked/mover.h"
#include "hw_models/edgetpu/clocked/op.h"
#include "hw_models/edgetpu/clocked/ring.h"
#include "sim/base/error.h"

namespace npusim::edgetpu::clocked {

kernel::ClockedFactory twin_factory(const Spec& spec, Queue queue) {
  return [spec, queue](const std::string& name) -> std::unique_ptr<kernel::ClockedEngine> {
    switch (queue) {
      case Queue::ring:
        return std::make_unique<Ring>(name.c_str(), spec);
      case Queue::mesh:
        return std::make_unique<Mesh>(name.c_str(), spec);
      case Queue::op:
        return std::make_unique<Op>(name.c_str(), spec);
      case Queue::spill:
      case Queue::fill:
        return std::make_unique<Mover>(name.c_str(), spec);
      default:
        ensure(false, "the link and the host have no twin");
    }
    return nullptr;
  };
}

}  // namespace npusim::edgetpu::clocked
