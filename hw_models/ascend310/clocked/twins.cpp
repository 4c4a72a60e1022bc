#include "hw_models/ascend310/clocked/twins.h"

#include <memory>
#include <utility>

#include "hw_models/ascend310/clocked/cube.h"
#include "hw_models/ascend310/clocked/mte1.h"
#include "hw_models/ascend310/clocked/vector.h"

namespace npusim::ascend310::clocked {

kernel::ClockedFactory twin_factory(const Spec& spec, Pipe pipe, kernel::Functional otherwise) {
  using Engine = std::unique_ptr<kernel::ClockedEngine>;
  switch (pipe) {
    case Pipe::mte1:
      return [spec](const std::string& name) -> Engine { return std::make_unique<Mte1>(name.c_str(), spec); };
    case Pipe::cube:
      return [spec](const std::string& name) -> Engine { return std::make_unique<Cube>(name.c_str(), spec); };
    case Pipe::vector:
      return [spec, otherwise = std::move(otherwise)](const std::string& name) -> Engine {
        return std::make_unique<Vector>(name.c_str(), spec, otherwise);
      };
    case Pipe::mte2:
    case Pipe::mte3:
      break;
  }
  return {};
}

}  // namespace npusim::ascend310::clocked
