#include "hw_models/vpu/clocked/twins.h"

#include <memory>

#include "hw_models/vpu/clocked/dpu.h"

namespace npusim::vpu::clocked {

kernel::ClockedFactory dpu_factory(const Spec& spec) {
  return [spec](const std::string& name) -> std::unique_ptr<kernel::ClockedEngine> {
    return std::make_unique<Dpu>(name.c_str(), spec);
  };
}

}  // namespace npusim::vpu::clocked
