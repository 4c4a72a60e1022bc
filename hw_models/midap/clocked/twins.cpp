#include "hw_models/midap/clocked/twins.h"

#include <memory>

#include "hw_models/midap/clocked/pipeline.h"

namespace npusim::midap::clocked {

kernel::ClockedFactory pipeline_factory(const Spec& spec) {
  return [spec](const std::string& name) -> std::unique_ptr<kernel::ClockedEngine> {
    return std::make_unique<Pipeline>(name.c_str(), spec);
  };
}

}  // namespace npusim::midap::clocked
