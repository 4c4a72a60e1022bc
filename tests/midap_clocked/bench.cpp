#include "tests/midap_clocked/bench.h"

#include "hw_models/api/npu.h"

namespace npusim::midap::test {

Spec spec_with(const std::vector<std::string>& overrides) {
  return read_spec(hw::describe("midap", overrides));
}

}  // namespace npusim::midap::test
