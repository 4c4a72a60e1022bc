#include "tests/ascend310_clocked/bench.h"

#include "hw_models/api/npu.h"

namespace npusim::ascend310::test {

Spec spec_with(const std::vector<std::string>& overrides) {
  return read_spec(hw::describe("ascend310", overrides));
}

}  // namespace npusim::ascend310::test
